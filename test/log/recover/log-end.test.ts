import assert from 'node:assert/strict'
import { test } from 'node:test'
import { segmentName } from '../../../src/format/segment.ts'
import { type SimulatedDisk, segmentAt, watermarkOf } from '../../support/kit.ts'
import { analysisOf, diskOf, RECORD_BYTES, record, spoil, wrong } from './analyzed-log.ts'

const CLOSED = 2

test('what nothing promised ends the log, with all that is behind it; what something promised does not', async () => {
  for (const [durableBefore, endSeq, expected] of [
    [4, 4, ['02 torn-tail false']],
    [5, 9, ['02 corrupt 4..4 true']],
  ] as const) {
    const disk = await diskOf(
      { number: 1, firstSeq: 0 },
      { number: 2, firstSeq: 3 },
      { number: 3, firstSeq: 6, durableBefore },
    )
    await spoil(disk, 2, 1)
    const found = await analysisOf(disk)
    assert.deepEqual([found.endSeq, wrong(found)], [endSeq, expected])
    assert.equal(found.tally.entries, endSeq === 4 ? 4 : 8)
    assert.deepEqual(
      [found.usedBytes.get(2), found.usedBytes.get(3)],
      endSeq === 4 ? [1024 + RECORD_BYTES, 1024] : [1024 + 3 * RECORD_BYTES, 1024 + 3 * RECORD_BYTES],
    )
  }
})

test('what is bad behind the end is not told', async () => {
  const disk = await diskOf({ number: 1, firstSeq: 0, count: 6 })
  for (const index of [1, 3, 5]) await spoil(disk, 1, index)
  const found = await analysisOf(disk)
  assert.deepEqual([found.endSeq, wrong(found), found.anomalies.length], [1, ['01 torn-tail false'], 1])
})

test('the log never ends before a promise, and what was promised behind its last record is lost', async () => {
  const disk = await diskOf({ number: 1, firstSeq: 0, durableBefore: 5 })
  const found = await analysisOf(disk)
  assert.equal(found.endSeq, 5)
  assert.deepEqual(found.anomalies, [
    {
      kind: 'corrupt',
      file: segmentName(1),
      segment: 1,
      offset: 1024 + 3 * RECORD_BYTES,
      bytes: 4096 - 1024 - 3 * RECORD_BYTES,
      lostFrom: 3,
      lostThrough: 4,
      ids: [],
      reason: 'promised records are missing at the end of the log',
    },
  ])
  assert.deepEqual(wrong(found), ['01 corrupt 3..4 true'])
})

test('a place at the end that may hold the promised records is told once', async () => {
  const disk = await diskOf({ number: 1, firstSeq: 0, durableBefore: 3 })
  await spoil(disk, 1, 2)
  const found = await analysisOf(disk)
  assert.deepEqual([found.endSeq, wrong(found)], [3, ['01 corrupt 2..2 true']])
  assert.equal(found.anomalies.length, 1)
})

test('a place that lost nothing ends no log', async () => {
  const disk = await diskOf({
    number: 1,
    firstSeq: 0,
    behind: (seed) => [Buffer.alloc(64, 1), record(3, seed)],
  })
  const found = await analysisOf(disk)
  assert.deepEqual([found.endSeq, wrong(found)], [4, ['01 corrupt false']])
})

/** A sector that the disk cannot read. */
const breakSector = (disk: SimulatedDisk, number: number, sector: number): void => {
  disk.onOperation = ({ kind, path, position, bytes }) =>
    kind === 'read' &&
    path === segmentAt(number) &&
    position! < sector * 512 + 512 &&
    position! + bytes! > sector * 512
      ? { code: 'EIO' }
      : undefined
}

test('a sector that cannot be read is damage, and its segment is known to have one, also where nothing needs it', async () => {
  for (const [sector, expected] of [
    [2, ['02 unreadable 3..5 true']],
    [7, []],
  ] as const) {
    const disk = await diskOf(
      { number: 1, firstSeq: 0 },
      { number: 2, firstSeq: 3 },
      { number: 3, firstSeq: 6, durableBefore: 6 },
    )
    breakSector(disk, 2, sector)
    const found = await analysisOf(disk)
    assert.deepEqual(wrong(found), expected)
    assert.deepEqual(
      found.segments.map(({ tolerateUnreadable }) => tolerateUnreadable),
      [false, true, false],
    )
  }
})

test('what cannot be read behind the end holds nothing if the log was closed in order, and else may', async () => {
  for (const [flags, expected] of [
    [CLOSED, ['01 unreadable false']],
    [0, ['01 unreadable null']],
  ] as const) {
    const disk = await diskOf({ number: 1, firstSeq: 0, behind: (seed) => [watermarkOf(3, seed, flags)] })
    breakSector(disk, 1, 4)
    const found = await analysisOf(disk)
    assert.deepEqual([wrong(found), found.endSeq], [expected, 3])
    assert.deepEqual(
      found.anomalies.map(({ lostFrom, lostThrough }) => [lostFrom, lostThrough]),
      [[3, flags === CLOSED ? 2 : null]],
    )
  }
})

test('closing in order says nothing about what is bad before it, or can be read behind it', async () => {
  const disk = await diskOf({
    number: 1,
    firstSeq: 0,
    count: 40,
    behind: (seed) => [watermarkOf(40, seed, CLOSED), Buffer.alloc(64, 1)],
  })
  await spoil(disk, 1, 1)
  breakSector(disk, 1, 4)
  const found = await analysisOf(disk)
  assert.deepEqual(wrong(found), ['01 corrupt 1..1 true', '01 unreadable 18..27 true', '01 torn-tail false'])
  assert.equal(found.closed, true)
})

test('a log is closed in order if that is the last thing it says', async () => {
  const closedPromise = (seed: number): Buffer => watermarkOf(3, seed, CLOSED)
  for (const [behind, expected] of [
    [(seed: number) => [closedPromise(seed)], true],
    [(seed: number) => [closedPromise(seed), closedPromise(seed)], true],
    [(seed: number) => [watermarkOf(3, seed)], false],
    [(seed: number) => [closedPromise(seed), record(3, seed)], false],
    [(seed: number) => [closedPromise(seed), watermarkOf(3, seed)], false],
  ] as const) {
    const disk = await diskOf({ number: 1, firstSeq: 0, behind })
    assert.equal((await analysisOf(disk)).closed, expected)
  }
})

test('a segment that was begun behind the end says that the log was opened again', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0, behind: (seed) => [watermarkOf(3, seed, CLOSED)] },
    { number: 2, firstSeq: 3, count: 0, durableBefore: 3 },
  )
  assert.equal((await analysisOf(disk)).closed, false)
})
