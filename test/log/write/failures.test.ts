import '../../support/steerable-time.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRAME_HEADER_BYTES } from '../../../src/format/frame.ts'
import { WalError, type WalOptions } from '../../../src/mod.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { FailingDisk } from '../../support/failing-disk.ts'
import { customOf, idsIn, insert } from '../../support/logs.ts'
import {
  contentOf,
  type FailingLog,
  failingLog,
  framesOn,
  namesOn,
  openOn,
  segmentAt,
  settled,
} from '../../support/simulated-log.ts'

const KIB = 1024

/** A log with one record, on a disk that can be made to fail and to wait. */
async function logWithOne(options: Partial<WalOptions> = {}): Promise<FailingLog> {
  const log = await failingLog(options)
  await log.wal.append(insert('one', []))
  await settled()
  return log
}

const rejectionOf = async (promise: Promise<unknown>): Promise<WalError> => {
  const error = await promise.then(
    () => assert.fail('it resolved'),
    (reason) => reason,
  )
  assert.ok(error instanceof WalError, String(error))
  return error
}

test('a write that the full disk refused leaves nothing behind: numbers, bytes, figures and the place on disk are free again', async () => {
  const { wal, disk, below } = await logWithOne()
  const { groups, bytesWritten, syncs } = wal.stats()
  disk.fail({ operation: 'write', code: 'ENOSPC', written: 50 })
  const error = await rejectionOf(wal.append(insert('refused', [])))
  assert.deepEqual([error.code, error.fate], ['WALV_DISK_FULL', 'not-logged'])
  assert.match(
    error.message,
    /^Writing to segment-0000000001\.walv failed \(ENOSPC\)\. The disk is full\. .* Nothing was logged\.$/,
  )
  const after = wal.stats()
  assert.deepEqual(
    [after.pendingBytes, after.groups, after.bytesWritten, after.syncs, wal.lastSeq, wal.durableSeq],
    [0, groups, bytesWritten, syncs, 0, 0],
  )
  const content = await contentOf(below, segmentAt(1))
  assert.ok(
    content.subarray(1080, 1080 + FRAME_HEADER_BYTES).every((byte) => byte === 0),
    'its frame is no frame any more',
  )
  assert.equal(await wal.append(insert('two', [])), 1)
  assert.deepEqual((await framesOn(below, 1)).length, 1, 'the spoiled segment is not written to again')
  assert.deepEqual(
    (await framesOn(below, 2)).map(({ seq, at }) => [seq, at]),
    [[1, 1024]],
  )
  assert.equal(wal.stats().rotations, 1)
  await wal.append(insert('three', []))
  assert.equal(wal.stats().rotations, 1, 'and one new segment is enough')
  await wal.close()
  const again = await openOn(below)
  assert.deepEqual(await idsIn(again), ['one', 'two', 'three'])
  await again.close()
})

test('where the full disk took nothing at all, nothing is written to undo it', async () => {
  const { wal, disk } = await logWithOne()
  disk.fail({ operation: 'write', code: 'ENOSPC', times: 2 })
  const error = await rejectionOf(wal.append(insert('refused', [])))
  assert.deepEqual([error.code, error.fate, wal.stats().poisoned], ['WALV_DISK_FULL', 'not-logged', false])
  disk.heal()
  assert.equal(await wal.append(insert('two', [])), 1)
  await wal.close()
})

test('zeros are written only over what landed: behind it there may be no block, and no room for one', async () => {
  const { wal, disk, below } = await logWithOne()
  disk.fail({ operation: 'write', code: 'ENOSPC', written: 8 })
  const from = disk.calls.length
  await assert.rejects(wal.append(insert('refused', [])), { code: 'WALV_DISK_FULL' })
  const written = disk.calls.slice(from).filter(({ operation }) => operation === 'write')
  assert.equal(written.length, 2)
  assert.ok(written[1]!.bytes! <= 8, `${written[1]!.bytes} bytes`)
  assert.ok((await contentOf(below, segmentAt(1))).subarray(1080).every((byte) => byte === 0))
  assert.equal(await wal.append(insert('two', [])), 1)
  await wal.close()
})

test('what a full disk took away is synced away, so that a power cut does not bring it back', async () => {
  const { wal, disk, below } = await logWithOne()
  disk.fail({ operation: 'write', code: 'ENOSPC', written: 56 })
  await rejectionOf(wal.append(insert('refused', [])))
  for (const { disk: left } of below.crashStates(8)) {
    const again = await openOn(left)
    assert.deepEqual(await idsIn(again), ['one'])
    await again.close()
  }
  await wal.close()
})

test('a full disk refuses all that waits, also further groups, and a flush that waited for them resolves', async () => {
  const { wal, disk } = await logWithOne()
  const hold = disk.hold('write')
  disk.fail({ operation: 'write', code: 'ENOSPC' })
  const inGroup = [wal.append(insert('a', [])), wal.append(insert('b', []))]
  await hold.reached
  const behind = [
    wal.append(customOf(1000 * KIB)),
    wal.append(customOf(1000 * KIB)),
    wal.append(insert('c', [])),
  ]
  const flushed = wal.flush()
  hold.release()
  for (const append of [...inGroup, ...behind]) {
    const error = await rejectionOf(append)
    assert.deepEqual([error.code, error.fate], ['WALV_DISK_FULL', 'not-logged'])
  }
  await flushed
  assert.deepEqual([wal.lastSeq, wal.stats().pendingBytes], [0, 0])
  assert.equal(await wal.append(insert('next', [])), 1)
  assert.deepEqual(await idsIn(wal), ['one', 'next'])
  await wal.close()
})

test('after a full disk a log that was not appended to is closed without a promise in the spoiled segment', async () => {
  const { wal, disk, below } = await logWithOne()
  disk.fail({ operation: 'write', code: 'ENOSPC', written: 20 })
  await rejectionOf(wal.append(insert('refused', [])))
  await wal.close()
  assert.equal((await framesOn(below, 1)).length, 1)
  const again = await openOn(below)
  assert.deepEqual(await idsIn(again), ['one'])
  await again.close()
})

test('promises that a full disk refused stay as they landed: zeros over one would be damage in front of the other', async () => {
  const { wal, disk, below } = await logWithOne()
  const from = below.ops.length
  disk.fail({ operation: 'write', code: 'ENOSPC', written: 2 * KIB })
  await wal.close()
  assert.deepEqual(
    below.ops.slice(from).map(({ kind }) => kind),
    ['write', 'close', 'unlock'],
  )
  const again = await openOn(below)
  assert.deepEqual([again.recovery.damage, again.lastSeq], [[], 0])
  await again.close()
})

test('a full disk at the start of a new segment takes the segment away, and the old one goes on', async () => {
  const { wal, disk, below } = await logWithOne()
  // Only the group's write may fail, not the zeros of the segment that is made for it.
  const hold = disk.hold('renameNew')
  const append = wal.append(customOf(400 * KIB))
  await hold.reached
  disk.fail({ operation: 'write', code: 'ENOSPC', written: 5000 })
  hold.release()
  const error = await rejectionOf(append)
  assert.deepEqual([error.code, error.fate], ['WALV_DISK_FULL', 'not-logged'])
  assert.match(error.message, /segment-0000000002\.walv/)
  assert.deepEqual(await namesOn(below), ['LOCK', 'segment-0000000001.walv'])
  assert.equal(disk.count('syncDirectory', /log$/) >= 2, true)
  assert.equal(await wal.append(insert('small', [])), 1)
  assert.deepEqual(
    (await framesOn(below, 1)).map(({ seq }) => seq),
    [0, 1],
    'the first segment was not spoiled',
  )
  assert.deepEqual([wal.stats().segments, wal.stats().rotations], [1, 0])
  for (const { disk: left } of below.crashStates(8)) {
    const again = await openOn(left)
    assert.deepEqual(await idsIn(again), ['one', 'small'])
    await again.close()
  }
  await wal.close()
})

test('a new segment that cannot be made refuses the append with the reason and the place', async () => {
  const { wal, disk } = await logWithOne()
  disk.fail({ operation: 'open', code: 'EMFILE', path: /0002/ })
  const error = await rejectionOf(wal.append(customOf(400 * KIB)))
  assert.deepEqual([error.code, error.fate], ['WALV_IO', 'not-logged'])
  assert.match(
    error.message,
    /^A new segment cannot be made in \/data\/log \(EMFILE\)\. Append again when the cause is gone\./,
  )
  assert.deepEqual([wal.lastSeq, wal.stats().pendingBytes, wal.stats().poisoned], [0, 0, false])
  await wal.append(customOf(400 * KIB))
  assert.equal(wal.lastSeq, 1)
  await wal.close()
})

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

test('at the level commit nothing is read, checkpointed or called durable before its sync; at the level os all once it is written', async () => {
  for (const [durability, visible] of [
    ['commit', ['one']],
    ['os', ['one', 'two']],
  ] as const) {
    const { wal, disk } = await logWithOne({ durability })
    const hold = disk.hold('sync', /segment/)
    const append = wal.append(insert('two', []))
    const flushed = wal.flush()
    await hold.reached
    assert.deepEqual(await idsIn(wal), visible)
    const checkpoint = wal.checkpoint({ seq: 1, snapshot: async () => null })
    if (durability === 'commit') assert.equal((await rejectionOf(checkpoint)).code, 'WALV_CHECKPOINT')
    hold.release()
    await Promise.all([append, flushed, durability === 'os' && checkpoint])
    assert.deepEqual((await idsIn(wal)).slice(0, 2), ['one', 'two'])
    await wal.close()
  }
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

test('an append waits for the promise of an idle log that is under way', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { wal, disk } = await logWithOne()
  const hold = disk.hold('sync')
  t.mock.timers.tick(100)
  await hold.reached
  const writes = disk.count('write')
  const append = wal.append(insert('two', []))
  await settled()
  assert.equal(disk.count('write'), writes)
  hold.release()
  assert.equal(await append, 1)
  await wal.close()
})

test('a segment whose records are all synced is not synced again when the next one is begun', async () => {
  const { wal, disk } = await logWithOne()
  const from = disk.calls.length
  await wal.append(customOf(400 * KIB))
  const calls = disk.calls
    .slice(from)
    .filter(({ operation, path }) => operation === 'sync' && path === segmentAt(1))
  assert.deepEqual(calls, [])
  await wal.close()
})

test('an append while an idle log writes its promise is in the log behind it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const below = new SimulatedDisk()
  const wal = await openOn(below)
  await wal.append(insert('one', []))
  await settled()
  let second: Promise<number> | undefined
  below.onOperation = ({ kind }) => {
    if (kind === 'write') second ??= wal.append(insert('two', []))
    return undefined
  }
  t.mock.timers.tick(100)
  await settled()
  assert.equal(await second, 1)
  assert.deepEqual(
    (await framesOn(below, 1)).map(({ seq, type }) => [seq, type]),
    [
      [0, 1],
      [1, 12],
      [1, 12],
      [1, 1],
    ],
  )
  await wal.close()
})

test('the promise of an idle log, and that of closing, are synced', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const below = new SimulatedDisk()
  const wal = await openOn(below)
  await wal.append(insert('one', []))
  await settled()
  t.mock.timers.tick(100)
  await settled()
  assert.equal((await framesOn(below.crash('nothing'), 1)).length, 3)
  await wal.close()
  assert.equal((await framesOn(below.crash('nothing'), 1)).length, 5)
})

test('an idle log whose sync failed writes no promise', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { wal, disk } = await logWithOne()
  disk.fail({ operation: 'sync', code: 'EIO' })
  await rejectionOf(wal.append(insert('two', [])))
  const calls = disk.calls.length
  await settled()
  t.mock.timers.tick(1000)
  await settled()
  assert.equal(disk.calls.length, calls)
  await wal.close()
})

test('how long a sync takes is told, of one call and of two, and nothing of one that failed', async () => {
  for (const isOneCall of [true, false]) {
    const below = new SimulatedDisk()
    const wal = await openOn(below, { disk: isOneCall ? below : new FailingDisk(below) })
    const started = performance.now()
    await wal.append(insert('a', []))
    const { lastSyncMs, syncs } = wal.stats()
    assert.ok(lastSyncMs > 0 && lastSyncMs <= performance.now() - started, `${lastSyncMs} ms`)
    assert.equal(syncs, 1)
    below.onOperation = ({ kind }) => (kind === 'sync' ? { code: 'EIO' } : undefined)
    assert.equal((await rejectionOf(wal.append(insert('b', [])))).code, 'WALV_IO')
    assert.equal(wal.stats().syncs, 1)
    await wal.close()
  }
})

test('a full disk is not filled again after every group with a segment that nobody needs yet', async () => {
  const { wal, disk } = await logWithOne()
  disk.fail({ operation: 'write', path: /0002\.walv/, code: 'ENOSPC', times: 99 })
  const made = (): number => disk.count('open', /0002\.walv/)
  for (let count = 0; count < 3; count++) await wal.append(customOf(50 * KIB))
  await settled()
  assert.equal(made(), 1)
  for (const id of ['a', 'b', 'c']) {
    await wal.append(insert(id))
    await settled()
  }
  assert.equal(made(), 1)
  disk.heal()
  await wal.append(customOf(200 * KIB))
  assert.deepEqual([wal.stats().rotations, made()], [1, 2], 'it is made when it is needed')
  await wal.close()
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
