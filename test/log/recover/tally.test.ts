import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteBuffer } from '../../../src/format/byte-buffer.ts'
import { gapThrough, transactionOf } from '../../../src/format/decode.ts'
import { FLAG_IN_TRANSACTION, FRAME_TYPES } from '../../../src/format/frame.ts'
import { SegmentCodec } from '../../../src/format/segment-codec.ts'
import { Tally } from '../../../src/log/recover/tally.ts'
import { frameOfEntry, frameOfPayload } from '../../support/kit.ts'

/** What a tally is handed for a frame, which stands somewhere in a larger memory. */
function handed(frame: Buffer): Parameters<Tally['add']> {
  const memory = byteBuffer(64 + frame.length)
  frame.copy(memory.bytes, 64)
  return [memory, 64, new SegmentCodec(0).readHeader(memory, 64, 0)!, frame.length]
}

function tallyOf(...frames: readonly Buffer[]): Tally {
  const tally = new Tally()
  for (const frame of frames) tally.add(...handed(frame))
  return tally
}

const marker = (
  type: 'beginTransaction' | 'prepareTransaction' | 'commitTransaction' | 'abortTransaction',
  seq: number,
  transactionId = seq,
): Buffer => frameOfEntry({ type }, { seq, transactionId })

const CHECKPOINT = {
  type: 'checkpoint',
  sequenceNumber: 3,
  replayFrom: 2,
  snapshot: { name: 'snapshot-3', files: [], info: null },
} as const

test('records and their bytes are counted, and the latest timestamp is kept', () => {
  const frames = [5, 9, 7].map((timestamp, seq) =>
    frameOfEntry({ type: 'delete', id: 'a' }, { seq, timestamp }),
  )
  const tally = tallyOf(...frames)
  assert.deepEqual([tally.entries, tally.bytes, tally.lastTimestamp], [3, 3 * 56, 9])
  assert.deepEqual(
    [tally.committed, tally.aborted, tally.transactions.open.size, tally.checkpoints, tally.gaps],
    [0, 0, 0, [], []],
  )
})

test('a transaction is open from its begin to its end, and prepared in between if it says so', () => {
  assert.deepEqual(
    [...tallyOf(marker('beginTransaction', 4)).transactions.open.values()],
    [{ id: 4, prepared: false, held: undefined }],
  )
  const prepared = tallyOf(marker('beginTransaction', 4), marker('prepareTransaction', 5, 4))
  assert.deepEqual([...prepared.transactions.open], [[4, { id: 4, prepared: true, held: undefined }]])
  assert.deepEqual([prepared.committed, prepared.aborted], [0, 0])
})

test('commits and aborts are counted where their transaction is open, and end it', () => {
  const tally = tallyOf(
    marker('beginTransaction', 0),
    marker('beginTransaction', 1),
    marker('beginTransaction', 2),
    marker('commitTransaction', 3, 1),
    marker('abortTransaction', 4, 2),
    marker('commitTransaction', 5, 1),
    marker('abortTransaction', 6, 2),
    marker('commitTransaction', 7, 77),
  )
  assert.deepEqual([tally.committed, tally.aborted, [...tally.transactions.open.keys()]], [1, 1, [0]])
})

test('checkpoints are kept with their place; one that makes no sense is passed over', () => {
  const tally = tallyOf(
    frameOfEntry(CHECKPOINT, { seq: 8, timestamp: 5 }),
    frameOfPayload(Buffer.alloc(24, 1), { type: FRAME_TYPES.checkpoint, seq: 9 }),
    frameOfEntry({ ...CHECKPOINT, sequenceNumber: 9, snapshot: null }, { seq: 10, timestamp: 7 }),
  )
  assert.deepEqual(tally.checkpoints, [
    { seq: 8, timestamp: 5, entry: CHECKPOINT },
    { seq: 10, timestamp: 7, entry: { ...CHECKPOINT, sequenceNumber: 9, snapshot: null } },
  ])
  assert.equal(tally.entries, 3)
})

test('gaps are kept with the range that they stand for', () => {
  const frame = frameOfEntry({ type: 'gap', throughSeq: 2 ** 40 }, { seq: 5 })
  assert.deepEqual(tallyOf(frame).gaps, [{ from: 5, through: 2 ** 40 }])
  const [memory, at] = handed(frame)
  assert.equal(gapThrough(memory, at), 2 ** 40)
})

test('the transaction of a frame is the one that its payload begins with, if its flag says so and there is room for one', () => {
  const of = (frame: Buffer): number => {
    const [memory, at, header] = handed(frame)
    return transactionOf(memory, at, header)
  }
  assert.equal(of(frameOfEntry({ type: 'delete', id: 'abcdefgh' }, { seq: 5 })), -1)
  assert.equal(of(frameOfEntry({ type: 'delete', id: 'a' }, { seq: 5, transactionId: 3 })), 3)
  const fields = { type: FRAME_TYPES.commitTransaction, seq: 5, flags: FLAG_IN_TRANSACTION }
  assert.equal(of(frameOfPayload(Buffer.alloc(8), fields)), 0)
  assert.equal(of(frameOfPayload(Buffer.alloc(7), fields)), -1)
})

const gap = (seq: number, throughSeq: number): Buffer => frameOfEntry({ type: 'gap', throughSeq }, { seq })
const deletion = (seq: number, transactionId?: number): Buffer =>
  frameOfEntry(
    { type: 'delete', id: 'a' },
    { seq, ...(transactionId === undefined ? {} : { transactionId }) },
  )

test('a transaction that was open where records are lost is no longer open; if it commits or is prepared, it is incomplete', () => {
  for (const lost of [[gap(3, 4)], []]) {
    const before = [
      marker('beginTransaction', 0),
      marker('beginTransaction', 1),
      marker('beginTransaction', 2),
      ...lost,
    ]
    assert.deepEqual([...tallyOf(...before, deletion(5)).transactions.open.keys()], [])
    const ended = tallyOf(
      ...before,
      marker('commitTransaction', 5, 0),
      marker('prepareTransaction', 6, 1),
      marker('abortTransaction', 7, 2),
      marker('beginTransaction', 8),
      marker('commitTransaction', 9, 8),
    )
    assert.deepEqual(
      [ended.transactions.incomplete, ended.committed, ended.aborted, [...ended.transactions.open]],
      [[0, 1], 1, 1, []],
    )
    const decided = tallyOf(...before, marker('prepareTransaction', 5, 1), marker('commitTransaction', 6, 1))
    assert.deepEqual([decided.transactions.incomplete, decided.committed], [[1], 0])
    const undone = tallyOf(...before, marker('prepareTransaction', 5, 1), marker('abortTransaction', 6, 1))
    assert.deepEqual([undone.transactions.incomplete, undone.aborted], [[], 1])
  }
})

test('a transaction whose begin is lost is incomplete if it commits or is prepared; one that never was is nothing', () => {
  for (const [id, incomplete] of [
    [2, []],
    [3, [3]],
    [4, [4]],
    [5, [5]],
    [6, []],
    [77, []],
  ] as const) {
    for (const lost of [
      [deletion(2), gap(3, 5), deletion(6)],
      [deletion(2), deletion(6)],
    ]) {
      assert.deepEqual(
        tallyOf(...lost, marker('commitTransaction', 7, id)).transactions.incomplete,
        incomplete,
      )
      const prepared = tallyOf(...lost, marker('prepareTransaction', 7, id))
      assert.deepEqual([prepared.transactions.incomplete, prepared.transactions.open.size], [incomplete, 0])
    }
  }
})

test('of several losses one is enough to have lost a begin', () => {
  for (const id of [1, 4]) {
    const tally = tallyOf(
      deletion(0),
      gap(1, 1),
      deletion(2),
      gap(3, 5),
      deletion(6),
      marker('commitTransaction', 7, id),
    )
    assert.deepEqual(tally.transactions.incomplete, [id])
  }
})

test('what was prepared before records were lost stays prepared, and is incomplete', () => {
  const tally = tallyOf(
    marker('beginTransaction', 0),
    marker('prepareTransaction', 1, 0),
    gap(2, 2),
    deletion(3),
  )
  assert.deepEqual([tally.transactions.incomplete, [...tally.transactions.open]], [[0], []])
})

test('nothing is lost before the first record, nor between records in order', () => {
  const tally = tallyOf(marker('beginTransaction', 7), deletion(8, 7), marker('commitTransaction', 9, 7))
  assert.deepEqual([tally.transactions.incomplete, tally.committed], [[], 1])
  const behind = tallyOf(gap(2, 5), marker('beginTransaction', 6), marker('commitTransaction', 7, 6))
  assert.deepEqual(
    [behind.transactions.incomplete, behind.committed, behind.gaps],
    [[], 1, [{ from: 2, through: 5 }]],
  )
})
