import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Wal } from '../../src/mod.ts'
import { SimulatedDisk } from '../../src/testing/simulated-disk.ts'
import { brief, idsIn, insertOf, refusal } from '../support/logs.ts'

const DIRECTORY = '/log'
const FIRST = '/log/segment-0000000001.walv'
const SECOND = '/log/segment-0000000002.walv'
/** Two of them are too much to be carried over into a new segment. */
const RECORD_BYTES = 40_000
const SECTOR = 512

const open = (disk: SimulatedDisk): Promise<Wal> => Wal.open({ directory: DIRECTORY, disk })

/** A first segment with a torn record 2 and a whole record 3 behind it, which a second one supersedes: it holds others of these numbers. */
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
