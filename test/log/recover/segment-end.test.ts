import assert from 'node:assert/strict'
import { test } from 'node:test'
import { segmentName } from '../../../src/format/segment.ts'
import type { SimulatedDisk } from '../../support/kit.ts'
import {
  analysisOf,
  diskOf,
  record,
  type SegmentFields,
  spoil,
  withoutHeader,
  wrong,
} from './analyzed-log.ts'

test('what is missing before a segment is told at its place, and lost', async () => {
  const disk = await diskOf({ number: 1, firstSeq: 0 }, { number: 3, firstSeq: 7, durableBefore: 7 })
  const found = await analysisOf(disk)
  assert.deepEqual(found.anomalies, [
    {
      kind: 'missing-segment',
      file: segmentName(3),
      segment: 3,
      offset: 0,
      bytes: 0,
      lostFrom: 3,
      lostThrough: 6,
      ids: [],
      reason: `what should stand before ${segmentName(3)} is not there`,
    },
  ])
  assert.deepEqual([found.endSeq, wrong(found)], [10, ['03 missing-segment 3..6 true']])
})

/**
 * Records 0, one that is bad, and 2, which promises; what follows it in another segment is told
 * apart by that.
 */
const badSecond = async (promise: number, ...rest: readonly SegmentFields[]): Promise<SimulatedDisk> => {
  const behind = (seed: number): Buffer[] => [record(1, seed), record(2, seed, promise)]
  const disk = await diskOf({ number: 1, firstSeq: 0, count: 1, behind }, ...rest)
  await spoil(disk, 1, 1)
  return disk
}

test('where the next file has no header, a segment ends at the first place that nothing up to there promised', async () => {
  for (const promise of [0, 1]) {
    const disk = await badSecond(
      promise,
      { number: 2, firstSeq: 1 },
      { number: 3, firstSeq: 4, durableBefore: 4 },
    )
    await withoutHeader(disk, 2)
    const found = await analysisOf(disk)
    assert.deepEqual([wrong(found), found.tally.entries, found.endSeq], [[], 7, 7])
    assert.deepEqual(
      found.segments.map(({ firstSeq, supersededFrom }) => [firstSeq, supersededFrom]),
      [
        [0, 1],
        [1, 4],
        [4, Number.POSITIVE_INFINITY],
      ],
    )
  }
  const disk = await badSecond(2, { number: 2, firstSeq: 3 }, { number: 3, firstSeq: 6, durableBefore: 6 })
  await withoutHeader(disk, 2)
  const found = await analysisOf(disk)
  assert.deepEqual([wrong(found), found.tally.entries, found.endSeq], [['01 corrupt 1..1 true'], 8, 9])
})

test('a place that lost nothing does not end a segment', async () => {
  const disk = await diskOf(
    {
      number: 1,
      firstSeq: 0,
      count: 1,
      behind: (seed) => [Buffer.alloc(64, 1), record(1, seed), record(2, seed)],
    },
    { number: 2, firstSeq: 3 },
    { number: 3, firstSeq: 6, durableBefore: 6 },
  )
  await withoutHeader(disk, 2)
  const found = await analysisOf(disk)
  assert.deepEqual([wrong(found), found.tally.entries], [['01 corrupt false'], 9])
})

test('the same where the next file is missing, but not where the one that is there went on from this', async () => {
  const missing = await badSecond(0, { number: 3, firstSeq: 4, durableBefore: 4 })
  const found = await analysisOf(missing)
  assert.deepEqual([wrong(found), found.tally.entries], [['03 missing-segment 1..3 true'], 4])
  const whole = await badSecond(0, { number: 3, firstSeq: 3, durableBefore: 3, previous: 1 })
  const other = await analysisOf(whole)
  assert.deepEqual([wrong(other), other.tally.entries], [['01 corrupt 1..1 true'], 5])
})

test('the same where the file without a header is the last', async () => {
  const disk = await diskOf({ number: 1, firstSeq: 0, count: 2 }, { number: 2, firstSeq: 1 })
  await spoil(disk, 1, 1)
  await withoutHeader(disk, 2)
  const found = await analysisOf(disk)
  const headerBegun = ['02 torn-tail false', '02 torn-tail false']
  assert.deepEqual([wrong(found), found.tally.entries, found.endSeq], [headerBegun, 4, 4])
})

test('a segment that is whole does not end at a place in another', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0 },
    { number: 2, firstSeq: 3 },
    { number: 3, firstSeq: 6, durableBefore: 6 },
  )
  await withoutHeader(disk, 2)
  await spoil(disk, 2, 1)
  const found = await analysisOf(disk)
  assert.deepEqual(wrong(found), ['02 corrupt 4..4 true'])
  assert.deepEqual(
    found.segments.map(({ supersededFrom }) => supersededFrom),
    [6, 6, Number.POSITIVE_INFINITY],
  )
})

test('a torn tail is told also if the next file is prepared already', async () => {
  const disk = await badSecond(0, { number: 2, firstSeq: 0, content: Buffer.alloc(4096) })
  const found = await analysisOf(disk)
  assert.deepEqual([wrong(found), found.endSeq], [['01 torn-tail false'], 1])
})

test('a hole before a segment of which the next is missing too takes nothing of that segment', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0 },
    { number: 3, firstSeq: 6 },
    { number: 5, firstSeq: 12, durableBefore: 12 },
  )
  const found = await analysisOf(disk)
  assert.deepEqual(wrong(found), ['03 missing-segment 3..5 true', '05 missing-segment 9..11 true'])
  assert.deepEqual([found.tally.entries, found.endSeq], [9, 15])
})
