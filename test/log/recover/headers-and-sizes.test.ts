import assert from 'node:assert/strict'
import { test } from 'node:test'
import { segmentName } from '../../../src/format/segment.ts'
import { alterOn, type SimulatedDisk, segmentAt, segmentOf, watermarkOf } from '../../support/kit.ts'
import { analysisOf, diskOf, record, withoutHeader } from './analyzed-log.ts'

const CLOSED = 2

test('which copies of a header are bad is told, with their places, and that no record is lost', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0 },
    { number: 2, firstSeq: 3 },
    { number: 3, firstSeq: 6, behind: (seed) => [record(9, seed, 9)] },
  )
  await alterOn(disk, segmentAt(1), (content) => content.fill(0, 512, 1024))
  await withoutHeader(disk, 2)
  await alterOn(disk, segmentAt(3), (content) => content.fill(0, 0, 512))
  const { damage, segments } = await analysisOf(disk)
  const one = { kind: 'segment-header', bytes: 512, acknowledged: false, seqs: [], ids: [] }
  const oneOf = (name: string): string =>
    `One of the two copies of the header of ${name} does not verify. No record is lost by this alone.`
  const neither = `Neither copy of the header of ${segmentName(2)} verifies. No record is lost by this alone.`
  assert.deepEqual(damage, [
    { ...one, file: segmentName(1), offset: 512, detail: oneOf(segmentName(1)) },
    { ...one, file: segmentName(2), offset: 0, detail: neither },
    { ...one, file: segmentName(2), offset: 512, detail: neither },
    { ...one, file: segmentName(3), offset: 0, detail: oneOf(segmentName(3)) },
  ])
  assert.deepEqual(
    segments.map(({ headerValid, badCopies, firstSeq }) => [headerValid, badCopies, firstSeq]),
    [
      [true, [1], 0],
      [false, [0, 1], 3],
      [true, [0], 6],
    ],
  )
})

test('a bad header of a last segment of which nothing is promised is that of one that was being begun', async () => {
  for (const [promised, kind] of [
    [3, 'torn-tail'],
    [4, 'segment-header'],
  ] as const) {
    const disk = await diskOf(
      { number: 1, firstSeq: 0 },
      { number: 2, firstSeq: 3, durableBefore: 3, behind: (seed) => [record(6, seed, promised)] },
    )
    await alterOn(disk, segmentAt(2), (content) => content.fill(0, 0, 512))
    const { damage } = await analysisOf(disk)
    assert.deepEqual(
      damage.map((each) => [each.kind, each.acknowledged, each.offset, each.bytes]),
      [[kind, false, 0, 512]],
    )
    if (kind === 'torn-tail')
      assert.equal(
        damage[0]!.detail,
        `${segmentName(2)} was being begun: its header is not whole. Nothing promised to be durable is lost.`,
      )
  }
})

test('a segment that another follows is none that was being begun', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0 },
    { number: 2, firstSeq: 3 },
    { number: 3, firstSeq: 6 },
  )
  for (const number of [1, 2, 3]) await alterOn(disk, segmentAt(number), (content) => content.fill(0, 0, 512))
  const { damage } = await analysisOf(disk)
  assert.deepEqual(
    damage.map(({ kind }) => kind),
    ['segment-header', 'segment-header', 'torn-tail'],
  )
})

test('without one valid header nothing can be verified, and each file says so', async () => {
  const disk = await diskOf({ number: 1, firstSeq: 0 }, { number: 2, firstSeq: 3 })
  for (const number of [1, 2]) await withoutHeader(disk, number)
  const { damage, logId } = await analysisOf(disk)
  assert.equal(logId, undefined)
  assert.deepEqual(
    damage.filter(({ kind }) => kind === 'segment-header'),
    [1, 2].map((number) => ({
      kind: 'segment-header',
      file: segmentName(number),
      offset: 0,
      bytes: 4096,
      acknowledged: null,
      seqs: [],
      ids: [],
      detail: `No segment has a valid header, so that nothing in ${segmentName(number)} can be verified.`,
    })),
  )
})

const cut = (disk: SimulatedDisk, number: number, bytes: number): Promise<void> =>
  alterOn(disk, segmentAt(number), (content) => content.subarray(0, bytes))

test('a file that was cut is told; at the end of a log that was not closed in order it may hide a loss', async () => {
  for (const [number, closed, acknowledged] of [
    [1, false, false],
    [2, false, false],
    [3, false, null],
    [3, true, false],
  ] as const) {
    const disk = await diskOf(
      { number: 1, firstSeq: 0 },
      { number: 2, firstSeq: 3 },
      { number: 3, firstSeq: 6, behind: (seed) => (closed ? [watermarkOf(9, seed, CLOSED)] : []) },
    )
    await cut(disk, number, 2000)
    const { damage } = await analysisOf(disk)
    const detail = `${segmentName(number)} was made with 4096 bytes and has 2000.`
    assert.deepEqual(damage, [
      {
        kind: 'truncated',
        file: segmentName(number),
        offset: 2000,
        bytes: 2096,
        acknowledged,
        seqs: [],
        ids: [],
        detail: acknowledged === null ? `${detail} Records at its end may be lost without a trace.` : detail,
      },
    ])
  }
})

test('a file that is shorter than a header is told as cut, and only as that', async () => {
  const disk = await diskOf({ number: 1, firstSeq: 0 }, { number: 2, firstSeq: 3 })
  await cut(disk, 2, 500)
  const { damage } = await analysisOf(disk)
  assert.deepEqual(
    damage.map(({ kind, offset, bytes, acknowledged, detail }) => ({
      kind,
      offset,
      bytes,
      acknowledged,
      detail,
    })),
    [
      {
        kind: 'truncated',
        offset: 500,
        bytes: 524,
        acknowledged: null,
        detail: `${segmentName(2)} was made with at least 1024 bytes and has 500. Records at its end may be lost without a trace.`,
      },
    ],
  )
})

test('a file of just a header is not cut, and its header is looked at', async () => {
  const content = segmentOf({ number: 2, firstSeq: 3, capacity: 1024 })
  const disk = await diskOf({ number: 1, firstSeq: 0 }, { number: 2, firstSeq: 3, content })
  assert.deepEqual((await analysisOf(disk)).damage, [])
  const prepared = await diskOf(
    { number: 1, firstSeq: 0 },
    { number: 2, firstSeq: 3, content: Buffer.alloc(1024) },
  )
  const { damage: none, unusedSegments } = await analysisOf(prepared)
  assert.deepEqual([none, unusedSegments], [[], [segmentName(2)]])
  await alterOn(disk, segmentAt(2), (bytes) => bytes.fill(0, 0, 512))
  const { damage } = await analysisOf(disk)
  assert.deepEqual(
    damage.map(({ kind, offset }) => [kind, offset]),
    [['torn-tail', 0]],
  )
})
