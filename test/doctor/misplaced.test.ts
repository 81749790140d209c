import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alterOn,
  brief,
  DIRECTORY,
  framesOn,
  idsIn,
  insertOf,
  namesOn,
  refusal,
  SimulatedDisk,
  type SnapshotWriter,
  segmentAt,
  Wal,
} from '../support/kit.ts'

const FIRST: string = segmentAt(1)
const SECOND: string = segmentAt(2)
/** Two of them are too much to be carried over into a new segment. */
const RECORD_BYTES = 40_000
const SECTOR = 512

const open = (disk: SimulatedDisk): Promise<Wal> => Wal.open({ directory: DIRECTORY, disk })

/**
 * A first segment with a torn record 2 and a whole record 3 behind it, which a second one
 * supersedes: it holds others of these numbers.
 */
async function twoGenerations(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await open(disk)
  for (const id of ['a', 'b']) await wal.append(insertOf(id, RECORD_BYTES))
  await Promise.all(['torn', 'stale'].map((id) => wal.append(insertOf(id, RECORD_BYTES))))
  const killed = disk.kill()
  await wal.close()
  killed.zeroSector(FIRST, Math.floor((2.5 * RECORD_BYTES) / SECTOR))
  const next = await open(killed)
  assert.deepEqual(next.recovery.damage.map(brief), ['torn-tail false'])
  for (const id of ['c', 'd', 'e']) await next.append(insertOf(id, RECORD_BYTES))
  await next.close()
  return killed.kill()
}

test('what stands behind a torn tail stays away when the next segment has lost its headers', async () => {
  const disk = await twoGenerations()
  for (const copy of [0, 1]) disk.zeroSector(SECOND, copy)
  const wal = await open(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['segment-header false', 'segment-header false'])
  assert.deepEqual(await idsIn(wal), ['a', 'b', 'c', 'd', 'e'])
  await wal.close()
})

test('what stands behind a torn tail stays away when the next segment is missing, and all that is lost is named', async () => {
  const disk = await twoGenerations()
  const wal = await Wal.open({ directory: DIRECTORY, disk, segmentMaxBytes: 256 * 1024 })
  for (let number = 0; number < 12; number++) await wal.append(insertOf('later', RECORD_BYTES))
  await wal.close()
  await disk.remove(SECOND)
  await assert.rejects(open(disk), refusal('WALV_DAMAGED'))
  const salvaged = await Wal.open({ directory: DIRECTORY, disk, readOnly: true, recovery: 'salvage' })
  assert.deepEqual(salvaged.recovery.damage.map(brief), ['missing-segment 2..4 true'])
  const ids = await idsIn(salvaged)
  assert.deepEqual(ids.slice(0, 3), ['a', 'b', 'later'])
})

test("a copy of another segment's header does not make a segment foreign", async () => {
  const disk = await twoGenerations()
  disk.swapSectors(FIRST, 0, SECOND, 1)
  const wal = await open(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['segment-header false', 'segment-header false'])
  assert.deepEqual(wal.recovery.damage.map(({ offset }) => offset).sort(), [0, 512])
  assert.deepEqual(await idsIn(wal), ['a', 'b', 'c', 'd', 'e'])
  await wal.close()
})

test('a flipped bit takes one record also where the numbers of the segments jump', async () => {
  const disk = await twoGenerations()
  const wal = await open(disk)
  await Promise.all(['f', 'g', 'h'].map((id) => wal.append(insertOf(id, RECORD_BYTES))))
  await wal.close()
  // A short last segment is carried over: the next one has another number.
  const again = await open(disk)
  await again.close()
  const reopened = await open(disk)
  for (const id of ['i', 'j']) await reopened.append(insertOf(id, RECORD_BYTES))
  await reopened.close()
  const files = await namesOn(disk)
  assert.ok(!files.includes('segment-0000000004.walv'), files.join())
  disk.zeroSector(segmentAt(3), Math.floor((1.5 * RECORD_BYTES) / SECTOR))
  const salvaged = await Wal.open({ directory: DIRECTORY, disk, readOnly: true, recovery: 'salvage' })
  assert.deepEqual(salvaged.recovery.damage.map(brief), ['corrupt 6..6 true'])
  assert.deepEqual(await idsIn(salvaged), ['a', 'b', 'c', 'd', 'e', 'f', 'h', 'i', 'j'])
})

/**
 * A log whose beginning was let go, with a snapshot that holds it; returns the first segment that
 * is left.
 */
async function trimmed(disk: SimulatedDisk): Promise<string> {
  const wal = await Wal.open({
    directory: DIRECTORY,
    disk,
    segmentMaxBytes: 256 * 1024,
    checkpointRetention: 1,
  })
  for (let number = 0; number < 12; number++) await wal.append(insertOf(`id-${number}`, RECORD_BYTES))
  await wal.checkpoint({ seq: wal.lastSeq, snapshot: async () => null })
  await wal.append(insertOf('last', RECORD_BYTES))
  await wal.close()
  const names = (await namesOn(disk)).filter((name) => name.endsWith('.walv'))
  return `${DIRECTORY}/${names.sort()[0]}`
}

test('where the first segment of a trimmed log has lost its headers, nothing is lost', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  const first = await trimmed(disk)
  assert.notEqual(first, FIRST)
  const before = await idsIn(await Wal.open({ directory: DIRECTORY, disk, readOnly: true }))
  for (const copy of [0, 1]) disk.zeroSector(first, copy)
  const wal = await open(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['segment-header false', 'segment-header false'])
  assert.deepEqual(await idsIn(wal), before)
  await wal.close()
})

test('what is lost with the headers of the first segment is named, and no more', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await open(disk)
  for (const id of ['a', 'b', 'c']) await wal.append(insertOf(id, RECORD_BYTES))
  await wal.close()
  await (await open(disk)).close()
  for (const sector of [0, 1, 2]) disk.zeroSector(FIRST, sector)
  const salvaged = await Wal.open({ directory: DIRECTORY, disk, readOnly: true, recovery: 'salvage' })
  assert.deepEqual(salvaged.recovery.damage.map(brief).sort(), [
    'corrupt false',
    'missing-segment 0..0 true',
    'segment-header false',
    'segment-header false',
  ])
  assert.deepEqual(await idsIn(salvaged), ['b', 'c'])
})

test('a snapshot that was quarantined is told once', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await open(disk)
  await wal.append(insertOf('a', 10))
  const snapshot = async (target: SnapshotWriter): Promise<null> => {
    await target.write('state', [new Uint8Array(600)])
    return null
  }
  await wal.checkpoint({ seq: 0, snapshot })
  await wal.close()
  disk.flipBit(`${DIRECTORY}/snapshots/snapshot-0000000000000000/state`, 100)
  const first = await open(disk)
  assert.deepEqual(first.recovery.damage.map(brief), ['snapshot false'])
  assert.equal(first.recovery.quarantined.length, 1)
  await first.close()
  const second = await open(disk)
  assert.deepEqual([second.recovery.damage, second.recovery.quarantined], [[], []])
  await second.close()
  await disk.remove(`${DIRECTORY}/quarantine`)
  const third = await open(disk)
  assert.deepEqual(
    third.recovery.damage.map(brief),
    ['snapshot false'],
    'it is not there, and nobody knows why',
  )
  await third.close()
})

test('a record that a write put before its predecessors takes the place of one record, not of all between', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await open(disk)
  const ids = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const id of ids) await wal.append(insertOf(id, 1000))
  await wal.close()
  const [, b, , d] = await framesOn(disk, 1)
  const { at: from, bytes } = d!
  await alterOn(disk, FIRST, (content) => content.copyWithin(b!.at, from, from + bytes))
  const salvaged = await Wal.open({ directory: DIRECTORY, disk, readOnly: true, recovery: 'salvage' })
  assert.deepEqual(salvaged.recovery.damage.map(brief), ['corrupt 1..1 true'])
  assert.deepEqual(await idsIn(salvaged), ['a', 'c', 'd', 'e', 'f'])
})
