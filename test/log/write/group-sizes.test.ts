import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frameBytes } from '../../../src/format/frame.ts'
import { customOf, insert, openOn, SimulatedDisk, settled, type Wal } from '../../support/kit.ts'
import { CUSTOM_OVERHEAD, customFrame, logWithOne, NotingDisk } from './writing.ts'

const KIB = 1024

test('a group takes records up to 1 MiB, and the further ones of a turn go into the next', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  // Into a segment that holds all of what follows.
  await wal.append(customOf(2 * KIB * KIB))
  await wal.append(customOf(KIB * KIB))
  const { groups, rotations } = wal.stats()
  await Promise.all(Array.from({ length: 20 }, () => wal.append(customOf(100 * KIB))))
  assert.deepEqual(
    [wal.stats().groups - groups, wal.stats().rotations - rotations],
    [3, 0],
    'six, ten, and four',
  )
  await wal.close()
})

/** How many records there are in each write of a segment, one turn after the other. */
async function recordsOfWrites(turns: readonly number[], recordBytes: number): Promise<number[]> {
  const { wal, disk } = await roomyLog()
  const from = disk.ops.length
  for (const records of turns)
    await Promise.all(Array.from({ length: records }, () => wal.append(customOf(recordBytes))))
  const written = disk.ops.slice(from).filter(({ kind }) => kind === 'write')
  await wal.close()
  return written.map(({ bytes }) => bytes! / frameBytes(recordBytes + CUSTOM_OVERHEAD - 40))
}

/** A log with an active segment of 8 MiB, just begun, so that none is prepared. */
async function roomyLog(): Promise<{ wal: Wal; disk: SimulatedDisk }> {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(customOf(4 * KIB * KIB - 8 * KIB))
  await wal.append(customOf(8 * KIB))
  return { wal, disk }
}

test('a group of 256 KiB and half of the last one is on its way before the turn ends, and the rest take turns with it', async () => {
  assert.deepEqual(await recordsOfWrites([8], 30 * KIB), [8], 'below 256 KiB')
  assert.deepEqual(await recordsOfWrites([9], 30 * KIB), [9])
  assert.deepEqual(await recordsOfWrites([10], 30 * KIB), [9, 1])
  assert.deepEqual(await recordsOfWrites([30, 30, 30], 30 * KIB), [9, 21, 11, 19, 10, 20])
})

/** The same of what an index hands over, in records of 64 bytes. */
async function changesOfWrites(turns: readonly number[]): Promise<number[]> {
  const { wal, disk } = await roomyLog()
  const from = disk.ops.length
  for (const records of turns) await Promise.all(Array.from({ length: records }, () => handed(wal)))
  const written = disk.ops.slice(from).filter(({ kind }) => kind === 'write')
  await wal.close()
  return written.map(({ bytes }) => bytes! / CHANGE_BYTES)
}

const CHANGE_BYTES = 64
const handed = (wal: Wal): Promise<number> =>
  new Promise((logged, refused) => wal.hand(insert('0123456789ab', []), { logged, refused }))

test('changes of an index take turns as large records do, for each keeps its caller and the index busy', async () => {
  // A change weighs 4 KiB and its record: 64 of them are 260 KiB, 63 of them 255.94.
  assert.deepEqual(await changesOfWrites([63]), [63])
  assert.deepEqual(await changesOfWrites([65]), [64, 1])
  assert.deepEqual(await changesOfWrites([256, 256, 256]), [64, 192, 96, 160, 80, 176])
})

test('a group below 64 KiB behind one as small is written and synced in one call, all others in two', async () => {
  const disk = new NotingDisk()
  const wal = await openOn(disk)
  const small = [200]
  const large = Array.from({ length: 8 }, () => 8 * KIB)
  const almost = [...large.slice(1), 8 * KIB - 8]
  const groups: [number[], string[]][] = [
    [small, ['writeSynced']],
    [almost, ['writeSynced']],
    [small, ['writeSynced']],
    [large, ['write', 'sync']],
    [small, ['write', 'sync']],
    [small, ['writeSynced']],
  ]
  for (const [place, [frames, expected]] of groups.entries()) {
    disk.calls = []
    await Promise.all(frames.map((bytes) => wal.append(customFrame(bytes))))
    assert.deepEqual(disk.calls, expected, `group ${place}`)
  }
  await wal.close()
})

test('one group is under way at a time, however many appends wait', async () => {
  const { wal, disk } = await logWithOne()
  const hold = disk.hold('sync')
  const appends = [wal.append(insert('a', [])), wal.append(insert('b', []))]
  await hold.reached
  const writes = disk.count('write')
  for (const id of ['c', 'd', 'e']) {
    appends.push(wal.append(insert(id, [])))
    await settled()
  }
  assert.equal(disk.count('write'), writes)
  hold.release()
  assert.deepEqual(await Promise.all(appends), [1, 2, 3, 4, 5])
  assert.equal(disk.count('write'), writes + 1)
  await wal.close()
})
