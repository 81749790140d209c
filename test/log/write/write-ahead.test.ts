import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { test } from 'node:test'
import { segmentName } from '../../../src/format/segment.ts'
import {
  collect,
  customOf,
  FailingDisk,
  insert,
  openOn,
  refusal,
  SimulatedDisk,
  settled,
  type Wal,
} from '../../support/kit.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SEGMENT = /segment-\d+\.walv$/
/** Large enough to be on its way before the turn ends, and while the group before it is synced. */
const LARGE = customOf(300 * KIB)
/** A frame of `LARGE`'s kind that takes 4 KiB in all. */
const PAGE = customOf(4 * KIB - 40 - 8 - 'large'.length)

/**
 * A log whose active segment has room for what follows, and how often segments were written and
 * synced since.
 */
async function roomyLog(options: Parameters<typeof openOn>[1] = {}): Promise<{
  wal: Wal
  disk: FailingDisk
  counts: () => { writes: number; syncs: number }
}> {
  const below = new SimulatedDisk()
  const disk = new FailingDisk(below)
  const wal = await openOn(below, { disk, ...options })
  await wal.append(customOf(4 * MIB - 8 * KIB))
  await wal.append(customOf(8 * KIB))
  await settled()
  const counts = (): { writes: number; syncs: number } => ({
    writes: disk.count('write', SEGMENT) - before.writes,
    syncs: disk.count('sync', SEGMENT) - before.syncs,
  })
  const before = { writes: disk.count('write', SEGMENT), syncs: disk.count('sync', SEGMENT) }
  return { wal, disk, counts }
}

test('a large group is written while the one before it is synced, and its sync begins before the callers of that go on', async () => {
  const { wal, disk, counts } = await roomyLog()
  const sync = disk.hold('sync', SEGMENT)
  const first = wal.append(LARGE)
  await sync.reached
  const second = wal.append(LARGE)
  await settled()
  assert.deepEqual(counts(), { writes: 2, syncs: 1 })
  const next = disk.hold('sync', SEGMENT)
  sync.release()
  const { third, syncs } = await first.then(() => ({ syncs: counts().syncs, third: wal.append(LARGE) }))
  assert.equal(syncs, 2)
  await settled()
  assert.deepEqual(counts(), { writes: 3, syncs: 2 }, 'and so on')
  assert.deepEqual([wal.durableSeq, wal.stats().groups], [await first, 3], 'the second waits for its sync')
  next.release()
  assert.deepEqual([await second, await third], [3, 4])
  assert.deepEqual(counts(), { writes: 3, syncs: 3 })
  await wal.close()
})

test('at the level os what is written while a flush syncs is not synced without being asked for', async () => {
  const { wal, disk, counts } = await roomyLog({ durability: 'os' })
  const sync = disk.hold('sync', SEGMENT)
  const flush = wal.flush()
  await sync.reached
  const behind = wal.append(LARGE)
  await settled()
  assert.deepEqual(counts(), { writes: 1, syncs: 1 })
  sync.release()
  await flush
  assert.deepEqual([await behind, wal.durableSeq], [2, 1])
  await settled()
  assert.deepEqual(counts(), { writes: 1, syncs: 1 })
  await wal.close()
})

test('a group that is not yet written when the one before it is synced is synced after it is written', async () => {
  const { wal, disk, counts } = await roomyLog()
  const sync = disk.hold('sync', SEGMENT)
  const first = wal.append(LARGE)
  await sync.reached
  const write = disk.hold('write', SEGMENT)
  const second = wal.append(LARGE)
  await write.reached
  sync.release()
  await first
  await settled()
  assert.deepEqual([counts(), wal.durableSeq], [{ writes: 2, syncs: 1 }, await first])
  write.release()
  assert.equal(await second, wal.durableSeq)
  assert.deepEqual(counts(), { writes: 2, syncs: 2 })
  await wal.close()
})

test('a group that cannot be written while the one before it is synced is alone in that', async () => {
  for (const [code, error] of [
    ['EIO', refusal('WALV_IO', 'unknown')],
    ['ENOSPC', refusal('WALV_DISK_FULL', 'not-logged')],
  ] as const) {
    const { wal, disk } = await roomyLog()
    const sync = disk.hold('sync', SEGMENT)
    const first = wal.append(LARGE)
    await sync.reached
    disk.fail({ operation: 'write', path: SEGMENT, code })
    const refused = assert.rejects(wal.append(LARGE), error)
    await settled()
    sync.release()
    assert.equal(await first, wal.durableSeq)
    await refused
    assert.equal(wal.stats().poisoned, code === 'EIO')
    if (code === 'ENOSPC') assert.equal(await wal.append(insert('next')), (await first) + 1)
    await wal.close()
  }
})

test('a group that opens a segment waits until what is before it is synced', async () => {
  const { wal, disk, counts } = await roomyLog()
  const files = disk.count('open')
  const { rotations } = wal.stats()
  const sync = disk.hold('sync', SEGMENT)
  const first = wal.append(LARGE)
  await sync.reached
  const opens = wal.append(customOf(8 * MIB))
  await settled()
  assert.deepEqual([counts(), disk.count('open')], [{ writes: 1, syncs: 1 }, files])
  sync.release()
  assert.deepEqual([await first, await opens], [2, 3])
  assert.equal(wal.stats().rotations, rotations + 1)
  await wal.close()
})

test('a group behind one that opens a segment is written into that', async () => {
  const { wal, disk } = await roomyLog({ durability: 'os' })
  const from = disk.calls.length
  await Promise.all([wal.append(insert('small')), wal.append(customOf(8 * MIB)), wal.append(LARGE)])
  const written = disk.calls.slice(from).filter(({ operation }) => operation === 'write')
  assert.deepEqual(
    written.map(({ path }) => basename(path, '.tmp')),
    [3, 4, 4].map(segmentName),
  )
  assert.deepEqual(
    (await collect(wal.read())).map(({ seq }) => seq),
    [0, 1, 2, 3, 4],
  )
  await wal.close()
})

test('exactly 256 KiB are on their way before the turn ends, and so is exactly half of what was written last', async () => {
  const { wal, counts } = await roomyLog()
  const page = (): Promise<number> => wal.append(PAGE)
  const appends = Array.from({ length: 63 }, page)
  assert.equal(counts().writes, 0)
  appends.push(page())
  assert.equal(counts().writes, 1)
  await Promise.all(appends)
  // 640 KiB less header and table of sums.
  const last = wal.stats().bytesWritten
  await wal.append(customOf(640 * KIB - 40 - 8 - 'large'.length - 3 - 320))
  assert.equal(wal.stats().bytesWritten - last, 640 * KIB)
  const halves = Array.from({ length: 79 }, page)
  assert.equal(counts().writes, 2)
  halves.push(page())
  assert.equal(counts().writes, 3)
  await Promise.all(halves)
  await wal.close()
})

test('a group that is full is on its way before the turn ends, however large the last one was', async () => {
  const { wal, counts } = await roomyLog()
  await wal.append(customOf(3 * MIB))
  const appends = Array.from({ length: 3 }, () => wal.append(customOf(300 * KIB)))
  assert.equal(counts().writes, 1)
  appends.push(wal.append(customOf(300 * KIB)))
  assert.equal(counts().writes, 2)
  await Promise.all(appends)
  await wal.close()
})
