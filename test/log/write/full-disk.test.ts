import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRAME_HEADER_BYTES } from '../../../src/format/frame.ts'
import {
  contentOf,
  customOf,
  framesOn,
  idsIn,
  insert,
  namesOn,
  openOn,
  segmentAt,
  settled,
} from '../../support/kit.ts'
import { logWithOne, rejectionOf } from './writing.ts'

const KIB = 1024

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
