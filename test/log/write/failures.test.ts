import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  customOf,
  FailingDisk,
  idsIn,
  insert,
  namesOn,
  openOn,
  SimulatedDisk,
  segmentAt,
  settled,
} from '../../support/kit.ts'
import { logWithOne, rejectionOf } from './writing.ts'

const KIB = 1024

test('undoing a half-written group that fails poisons: its fate is unknown, and what waited was not logged', async () => {
  for (const operation of ['sync', 'write'] as const) {
    const { wal, disk } = await logWithOne()
    const hold = disk.hold('write')
    const append = wal.append(insert('a', []))
    await hold.reached
    const behind = wal.append(customOf(1100 * KIB))
    disk.fail({ operation: 'write', code: 'ENOSPC', written: 30 })
    disk.fail({ operation, code: 'EIO' })
    hold.release()
    const error = await rejectionOf(append)
    assert.deepEqual([error.code, error.fate, error.seq], ['WALV_IO', 'unknown', 1])
    assert.match(
      error.message,
      /^The disk is full, and undoing a half-written group in segment-0000000001\.walv failed \(EIO\)\./,
    )
    assert.deepEqual(
      [(await rejectionOf(behind)).code, (await rejectionOf(behind)).fate],
      ['WALV_POISONED', 'not-logged'],
    )
    assert.equal(wal.stats().poisoned, true)
    await wal.close()
  }
})

test('a write that fails poisons, and each file is closed once', async () => {
  const { wal, disk } = await logWithOne()
  disk.fail({ operation: 'write', code: 'EIO', written: 30 })
  const error = await rejectionOf(wal.append(insert('a', [])))
  assert.deepEqual([error.code, error.fate, error.seq], ['WALV_IO', 'unknown', 1])
  assert.match(error.message, /^Writing to segment-0000000001\.walv failed \(EIO\)\./)
  assert.deepEqual([wal.stats().bytesWritten, wal.stats().groups], [56, 1])
  assert.equal(disk.count('close', /segment/), 0)
  await wal.close()
  assert.equal(disk.count('close', /segment/), 1)
})

test('a failed sync says who may be on disk and who is not, and which number to look for', async () => {
  const { wal, disk, below } = await logWithOne()
  const { groups, syncs } = wal.stats()
  disk.fail({ operation: 'sync', code: 'EIO' })
  const hold = disk.hold('sync')
  const [a, b] = [wal.append(insert('a', [])), wal.append(insert('b', []))]
  await hold.reached
  // What goes before a large one is written while the one before it is synced.
  const ahead = wal.append(insert('c', []))
  const queued = wal.append(customOf(1100 * KIB))
  const flushed = wal.flush()
  hold.release()
  const errors = [await rejectionOf(a), await rejectionOf(b), await rejectionOf(ahead)]
  assert.deepEqual(
    errors.map(({ code, fate, seq }) => [code, fate, seq]),
    [
      ['WALV_IO', 'unknown', 1],
      ['WALV_IO', 'unknown', 2],
      ['WALV_IO', 'unknown', 3],
    ],
  )
  assert.match(
    errors[1]!.message,
    /^Syncing segment-0000000001\.walv failed \(EIO\)\. Records from 1 on may or may not be on disk\. .* The fate of record 2 is unknown: look for it after reopening\.$/,
  )
  assert.equal((errors[0]!.cause as NodeJS.ErrnoException).code, 'EIO')
  const error = await rejectionOf(queued)
  assert.deepEqual([error.code, error.fate], ['WALV_POISONED', 'not-logged'])
  assert.match(error.message, /Syncing .* This append was not logged\.$/)
  assert.equal((error.cause as NodeJS.ErrnoException).code, 'EIO')
  const poison = await rejectionOf(flushed)
  assert.deepEqual([poison.code, poison.seq, poison.file], ['WALV_POISONED', 1, segmentAt(1)])
  const later = await rejectionOf(wal.append(insert('later', [])))
  assert.deepEqual([later.code, later.fate, later.cause], ['WALV_POISONED', 'not-logged', poison])
  assert.match(later.message, /close it and open it again\. This append was not logged\.$/)
  assert.equal(await rejectionOf(wal.flush()), poison)
  assert.deepEqual([wal.stats().groups, wal.stats().syncs], [groups, syncs], 'what failed is not counted')
  await settled()
  const touched = disk.calls.length
  await wal.close()
  assert.deepEqual(
    disk.calls.slice(touched).filter(({ operation }) => operation === 'write' || operation === 'sync'),
    [],
    'a poisoned log is closed without a further word to the disk',
  )
  assert.deepEqual(await namesOn(below), ['LOCK', 'segment-0000000001.walv'])
})

test('a flush that fails poisons the log, and whoever waits for one is told', async () => {
  const { wal, disk } = await logWithOne({ durability: 'os' })
  await wal.flush()
  await wal.append(insert('two', []))
  disk.fail({ operation: 'sync', code: 'EIO' })
  const [first, second] = [wal.flush(), wal.flush()]
  const error = await rejectionOf(first)
  assert.deepEqual([error.code, error.seq], ['WALV_POISONED', 1])
  assert.equal(await rejectionOf(second), error)
  assert.deepEqual([wal.durableSeq, wal.lastSeq], [0, 1])
  await wal.close()
})

test('an error without a code is told by its message', async () => {
  const { wal, disk } = await logWithOne()
  disk.fail({ operation: 'sync', error: new Error('the cable is out') })
  const error = await rejectionOf(wal.append(insert('a', [])))
  assert.match(error.message, /^Syncing segment-0000000001\.walv failed \(the cable is out\)\./)
  await wal.close()
  const other = await logWithOne()
  other.disk.fail({ operation: 'open', path: /0002/, error: new Error('the cable is out') })
  const refused = await rejectionOf(other.wal.append(customOf(400 * KIB)))
  assert.match(refused.message, /^A new segment cannot be made in \/data\/log \(the cable is out\)\./)
  await other.wal.close()
})

test('a sync that fails while closing rejects the close, the files are closed and the lock is gone', async () => {
  const { wal, disk, below } = await logWithOne()
  disk.fail({ operation: 'sync', code: 'EIO' })
  const closing = wal.close()
  assert.equal((await rejectionOf(closing)).code, 'WALV_POISONED')
  assert.equal(wal.close(), closing)
  assert.equal(disk.count('close', /segment/), 1)
  const again = await openOn(below)
  assert.deepEqual(await idsIn(again), ['one'])
  await again.close()
})

test('what a segment answers to being closed changes nothing', async () => {
  const { wal, disk, below } = await logWithOne()
  disk.fail({ operation: 'close', code: 'EIO', times: 99 })
  await wal.append(customOf(400 * KIB))
  assert.equal(wal.stats().rotations, 1)
  await wal.close()
  const again = await openOn(below)
  assert.deepEqual(await idsIn(again), ['one', 'custom'])
  await again.close()
})

test('the prepared segment that cannot be removed at closing does not fail the close', async () => {
  const { wal, disk, below } = await logWithOne()
  await wal.append(customOf(150 * KIB))
  await settled()
  assert.deepEqual(await namesOn(below), ['LOCK', 'segment-0000000001.walv', 'segment-0000000002.walv'])
  disk.fail({ operation: 'remove', code: 'EIO' })
  await wal.close()
  const again = await openOn(below)
  assert.deepEqual([again.recovery.damage, await idsIn(again)], [[], ['one', 'custom']])
  await again.close()
  assert.equal((await namesOn(below)).filter((name) => name.startsWith('segment')).length, 2)
})

test('undoing a group waits for the sync under way, which alone is told what it lost', async () => {
  const below = new SimulatedDisk()
  const disk = new FailingDisk(below)
  const wal = await openOn(below, { disk, segmentMaxBytes: 8 * KIB * KIB })
  // Room for all of it, and a group before that is no larger than what is to be written ahead.
  await wal.append(customOf(2 * KIB * KIB))
  await wal.append(insert('one', []))
  const hold = disk.hold('sync', /segment/)
  below.onOperation = ({ kind }) => (kind === 'write' ? { writeback: 'EIO' } : undefined)
  const lost = rejectionOf(wal.append(customOf(300 * KIB)))
  await hold.reached
  below.onOperation = undefined
  const [syncs, writes] = [disk.count('sync'), disk.count('write')]
  disk.fail({ operation: 'write', code: 'ENOSPC', written: 50 })
  const refused = rejectionOf(wal.append(customOf(300 * KIB)))
  await settled()
  assert.equal(disk.count('sync'), syncs, 'another sync may be told instead of the one under way')
  assert.equal(disk.count('write'), writes + 1, 'it is written ahead')
  hold.release()
  assert.equal((await lost).fate, 'unknown')
  assert.equal((await refused).fate, 'unknown')
  await wal.close()
})
