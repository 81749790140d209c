import '../../support/steerable-time.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRAME_TYPES } from '../../../src/format/frame.ts'
import { encodeSegmentHeader } from '../../../src/format/segment.ts'
import {
  collect,
  contentOf,
  customOf,
  FailingDisk,
  framesOn,
  headerOn,
  idsIn,
  insert,
  MAX_SEQUENCE,
  openOn,
  putFile,
  refusal,
  SimulatedDisk,
  START,
  segmentAt,
  settled,
  type WalError,
} from '../../support/kit.ts'
import { customFrame, fillUntil, layout, PROMISE_ROOM, rejectionOf } from './writing.ts'

const KIB = 1024

test('frames stand back to back from offset 1024 on, and the last of each group tells what was durable before it', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(insert('a', []))
  await Promise.all(['b', 'c', 'd'].map((id) => wal.append(insert(id, []))))
  await wal.append(insert('e', []))
  const frames = await framesOn(disk, 1)
  assert.deepEqual(layout(frames), [
    [0, 0, 1024],
    [1, 1, 1080],
    [2, 1, 1136],
    [3, 1, 1192],
    [4, 4, 1248],
  ])
  assert.deepEqual(
    frames.map(({ flags }) => flags),
    [0, 0, 0, 0, 0],
  )
  await wal.close()
})

test('what was synced while a group filled is told by its last frame', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  let second: Promise<number> | undefined
  disk.onOperation = ({ kind }) => {
    if (kind === 'sync') second ??= wal.append(insert('b', []))
    return undefined
  }
  await wal.append(insert('a', []))
  await second
  assert.deepEqual(layout(await framesOn(disk, 1)), [
    [0, 0, 1024],
    [1, 1, 1080],
  ])
  await wal.close()
})

test('closing writes two promises that the log was closed in order, each at the start of a sector, zeros before them', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(insert('a', []))
  await wal.close()
  const frames = (await framesOn(disk, 1)).slice(1)
  assert.deepEqual(
    frames.map(({ type, flags, seq, durableBefore, at, payloadBytes }) => ({
      type,
      flags,
      seq,
      durableBefore,
      at,
      payloadBytes,
    })),
    [1536, 2048].map((at) => ({
      type: FRAME_TYPES.watermark,
      flags: 2,
      seq: 1,
      durableBefore: 1,
      at,
      payloadBytes: 0,
    })),
  )
  const content = await contentOf(disk, segmentAt(1))
  assert.ok(content.subarray(1080, 1536).every((byte) => byte === 0))
  assert.ok(content.subarray(1576, 2048).every((byte) => byte === 0))
  assert.ok(content.subarray(2088).every((byte) => byte === 0))
  assert.equal(content.length, 256 * KIB)
})

test('zeros are written before a promise also where the memory held the bytes of an earlier group', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  for (let round = 0; round < 3; round++) await wal.append(customOf(4 * KIB))
  await wal.append(insert('a', []))
  await wal.close()
  const frames = await framesOn(disk, 1)
  const [record, one, two] = frames.slice(-3)
  const content = await contentOf(disk, segmentAt(1))
  assert.ok(content.subarray(record!.at + record!.bytes, one!.at).every((byte) => byte === 0))
  assert.ok(content.subarray(one!.at + one!.bytes, two!.at).every((byte) => byte === 0))
})

test('a log that was opened and closed without an append writes no records, and is closed in order', async () => {
  const disk = new SimulatedDisk()
  await (await openOn(disk)).close()
  assert.deepEqual(
    (await framesOn(disk, 1)).map(({ type, seq, flags }) => [type, seq, flags]),
    [
      [FRAME_TYPES.watermark, 0, 2],
      [FRAME_TYPES.watermark, 0, 2],
    ],
  )
  const again = await openOn(disk)
  assert.deepEqual([again.recovery.closedInOrder, again.recovery.damage], [true, []])
  await again.close()
})

test('the first segment has 256 KiB, and its header says what log it begins', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { clock: () => START })
  const { logId, ...header } = await headerOn(disk, 1)
  assert.deepEqual(header, {
    number: 1,
    firstSeq: 0,
    durableBefore: 0,
    createdAt: START,
    capacity: 256 * KIB,
    previous: 0,
  })
  assert.equal(logId.length, 16)
  const other = new SimulatedDisk()
  const second = await openOn(other)
  assert.notDeepEqual((await headerOn(other, 1)).logId, logId, 'every log has an id of its own')
  await Promise.all([wal.close(), second.close()])
})

test('timestamps are those of the clock, and never decrease, also when the clock does', async () => {
  const disk = new SimulatedDisk()
  let now = START
  const wal = await openOn(disk, { clock: () => now })
  await wal.append(insert('a'))
  now = START + 10
  await wal.append(insert('b'))
  now = START - 1000
  await wal.append(insert('c'))
  await wal.close()
  const again = await openOn(disk, { clock: () => now })
  await again.append(insert('d'))
  const found = await collect(again.read())
  assert.deepEqual(
    found.map(({ timestamp }) => timestamp - START),
    [0, 10, 10, 10],
  )
  await again.close()
})

test('the records of a transaction are not written before its end, unless there is more than a group of them', async (t) => {
  // Nor does the log fall idle meanwhile.
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  const transaction = wal.begin()
  transaction.insert('a', [])
  const from = disk.ops.length
  await settled()
  assert.equal(disk.ops.length, from)
  for (let count = 0; count < 6; count++) transaction.append(customOf(200 * KIB))
  await settled()
  assert.ok(
    wal.stats().groups > 0 && wal.stats().pendingBytes === 0,
    'what is too much for a group is on disk',
  )
  await transaction.commit()
  const found = await collect(wal.read())
  assert.deepEqual(
    found.map(({ seq, transactionId }) => [seq, transactionId]),
    [0, 1, 2, 3, 4, 5, 6, 7, 8].map((seq) => [seq, 0]),
  )
  await wal.close()
})

test('closing writes what nobody has asked for yet', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  const transaction = wal.begin()
  transaction.insert('a', [])
  await wal.close()
  const again = await openOn(disk, { readOnly: true })
  assert.deepEqual([again.recovery.entries, again.recovery.closedInOrder], [2, true])
})

test('flush resolves at once when everything is durable', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(insert('a', []))
  await settled()
  let turned = false
  setImmediate(() => {
    turned = true
  })
  await wal.flush()
  assert.equal(turned, false)
  await wal.close()
})

test('all sequence numbers used up, the next append is refused and says so', async () => {
  const disk = new SimulatedDisk()
  const capacity = 256 * KIB
  const content = Buffer.alloc(capacity)
  const fields = { logId: Buffer.alloc(16, 7), number: 1, createdAt: 0, capacity, previous: 0 }
  encodeSegmentHeader({ ...fields, firstSeq: MAX_SEQUENCE, durableBefore: MAX_SEQUENCE }).copy(content)
  await putFile(disk, segmentAt(1), content)
  const wal = await openOn(disk, { recovery: 'salvage' })
  assert.equal(await wal.append(insert('last')), MAX_SEQUENCE)
  assert.throws(
    () => wal.submit(insert('more')),
    (error: WalError) => {
      assert.match(
        error.message,
        new RegExp(`up to ${MAX_SEQUENCE}\\. Start a new log\\. Nothing was logged\\.$`),
      )
      return refusal('WALV_SEQUENCE_EXHAUSTED', 'not-logged')(error)
    },
  )
  assert.throws(() => wal.begin(), refusal('WALV_SEQUENCE_EXHAUSTED', 'not-logged'))
  assert.deepEqual([wal.lastSeq, wal.durableSeq], [MAX_SEQUENCE, MAX_SEQUENCE])
  await wal.close()
  const again = await openOn(disk, { recovery: 'salvage' })
  assert.deepEqual(await idsIn(again), ['last'])
  await again.close()
})

test('the pending bytes are those of the frames that wait, and none when all are on disk', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  const appends = [wal.append(insert('a', [])), wal.append(insert('b', []))]
  assert.equal(wal.stats().pendingBytes, 2 * 56)
  await Promise.all(appends)
  assert.equal(wal.stats().pendingBytes, 0)
  await wal.close()
})

test('appends are taken while what waits stays within maxPendingBytes, to the byte', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { maxPendingBytes: 1024 })
  const first = wal.append(customFrame(512))
  const second = wal.append(customFrame(512))
  assert.throws(
    () => wal.submit(insert('more', [])),
    (error: WalError) => {
      assert.match(error.message, /^1024 bytes wait .* maxPendingBytes is 1024\. .* Nothing was logged\.$/)
      return refusal('WALV_BACKPRESSURE', 'not-logged')(error)
    },
  )
  await Promise.all([first, second])
  await wal.append(customFrame(4096))
  assert.equal(wal.lastSeq, 2)
  await wal.close()
})

test('the figures count groups, syncs, bytes and rotations', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  const { bytesWritten, groups, syncs, rotations, lastSyncMs } = wal.stats()
  assert.deepEqual(
    { bytesWritten, groups, syncs, rotations, lastSyncMs },
    {
      bytesWritten: 0,
      groups: 0,
      syncs: 0,
      rotations: 0,
      lastSyncMs: 0,
    },
  )
  const started = performance.now()
  await wal.append(insert('a', []))
  assert.ok(wal.stats().lastSyncMs <= performance.now() - started)
  await Promise.all([wal.append(insert('b', [])), wal.append(insert('c', []))])
  const after = wal.stats()
  assert.deepEqual([after.bytesWritten, after.groups, after.syncs, after.rotations], [3 * 56, 2, 2, 0])
  assert.ok(after.lastSyncMs > 0)
  await fillUntil(wal, disk, PROMISE_ROOM)
  const { bytesWritten: before } = wal.stats()
  await wal.append(insert('d', []))
  assert.equal(wal.stats().bytesWritten - before, 1024 + 56, 'a header is written with the group')
  assert.equal(wal.stats().rotations, 1)
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
