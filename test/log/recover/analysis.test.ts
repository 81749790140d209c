import assert from 'node:assert/strict'
import { test } from 'node:test'
import { segmentName } from '../../../src/format/segment.ts'
import { SegmentCodec } from '../../../src/format/segment-codec.ts'
import { analyze, refuseLoss } from '../../../src/log/recover/analysis.ts'
import { readDirectory } from '../../../src/log/recover/directory.ts'
import { identityOf } from '../../../src/log/recover/segment-chain.ts'
import {
  CRAFTED_LOG_ID,
  type Damage,
  DIRECTORY,
  refusal,
  SimulatedDisk,
  segmentAt,
  type WalError,
  watermarkOf,
} from '../../support/kit.ts'
import { analysisOf, diskOf, RECORD_BYTES, record, spoil, withoutHeader } from './analyzed-log.ts'

const CLOSED = 2

test('of a whole log everything is told', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0 },
    {
      number: 2,
      firstSeq: 3,
      durableBefore: 2,
      behind: (seed) => [watermarkOf(6, seed, CLOSED)],
    },
  )
  const { tally, proved, ...found } = await analysisOf(disk)
  const whole = (number: number): object => ({
    number,
    name: segmentName(number),
    path: segmentAt(number),
    codec: SegmentCodec.of(CRAFTED_LOG_ID, number),
    createdAt: 0,
    scanEnd: Number.POSITIVE_INFINITY,
    openEnded: false,
    tolerateUnreadable: false,
    identified: true,
    headerValid: true,
    badCopies: [],
    bytes: 4096,
    capacity: 4096,
  })
  assert.deepEqual(found, {
    logId: CRAFTED_LOG_ID,
    segments: [
      { ...whole(1), firstSeq: 0, supersededFrom: 3, durableBefore: 0 },
      { ...whole(2), firstSeq: 3, supersededFrom: Number.POSITIVE_INFINITY, durableBefore: 2 },
    ],
    unusedSegments: [],
    supersededSegments: [],
    lastSegmentNumber: 2,
    firstSeq: 0,
    endSeq: 6,
    durableBefore: 6,
    damage: [],
    isContinued: false,
    anomalies: [],
    closed: true,
    usedBytes: new Map([
      [1, 1024 + 3 * RECORD_BYTES],
      [2, 1024 + 3 * RECORD_BYTES + 40],
    ]),
  })
  assert.deepEqual([tally.entries, tally.bytes], [6, 6 * RECORD_BYTES])
})

test('an empty directory is an empty log', async () => {
  const disk = new SimulatedDisk()
  await disk.makeDirectory('/data')
  await disk.makeDirectory(DIRECTORY)
  const { logId, segments, unusedSegments, firstSeq, endSeq, durableBefore, closed, damage } =
    await analysisOf(disk)
  assert.deepEqual(
    { logId, segments, unusedSegments, firstSeq, endSeq, durableBefore, closed, damage },
    {
      logId: undefined,
      segments: [],
      unusedSegments: [],
      firstSeq: 0,
      endSeq: 0,
      durableBefore: 0,
      closed: false,
      damage: [],
    },
  )
})

test('the log is that of most segments, and of the first if there are as many of another', async () => {
  const other = Buffer.alloc(16, 9)
  for (const [logIds, expected] of [
    [[], undefined],
    [[undefined], undefined],
    [[other], other],
    [[other, CRAFTED_LOG_ID], other],
    [[other, CRAFTED_LOG_ID, CRAFTED_LOG_ID], CRAFTED_LOG_ID],
    [[undefined, undefined, other, CRAFTED_LOG_ID], other],
    [[CRAFTED_LOG_ID, other, CRAFTED_LOG_ID, other, other], other],
  ] as const) {
    const disk = await diskOf(
      ...logIds.map((logId, index) => ({
        number: index + 1,
        firstSeq: 3 * index,
        logId: logId ?? CRAFTED_LOG_ID,
        ...(logId ? {} : { content: Buffer.alloc(4096) }),
      })),
    )
    const { segments } = logIds.length === 0 ? { segments: [] } : await readDirectory(disk, DIRECTORY)
    assert.deepEqual(identityOf(segments), expected)
  }
})

test('a segment of another log is foreign, whatever stands in it, and no part of this one', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0 },
    { number: 2, firstSeq: 3, durableBefore: 999, logId: Buffer.alloc(16, 9) },
    { number: 3, firstSeq: 3, previous: 1 },
  )
  const { damage, segments, endSeq } = await analysisOf(disk)
  assert.deepEqual(damage, [
    {
      kind: 'foreign',
      file: segmentName(2),
      offset: 0,
      bytes: 4096,
      acknowledged: null,
      seqs: [],
      ids: [],
      detail: `${segmentName(2)} belongs to another log. Move it out of this directory.`,
    },
  ])
  assert.deepEqual([segments.map(({ number }) => number), endSeq], [[1, 3], 6])
})

test('a segment supersedes what earlier ones hold from its first number on, and those of which nothing is left are unused', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0 },
    { number: 2, firstSeq: 3 },
    { number: 3, firstSeq: 2 },
    { number: 4, firstSeq: 2, previous: 1 },
  )
  const { segments, unusedSegments, usedBytes, endSeq, tally, damage } = await analysisOf(disk)
  assert.deepEqual(
    segments.map(({ number, firstSeq, supersededFrom }) => [number, firstSeq, supersededFrom]),
    [
      [1, 0, 2],
      [4, 2, Number.POSITIVE_INFINITY],
    ],
  )
  assert.deepEqual(unusedSegments, [segmentName(3), segmentName(2)])
  assert.deepEqual([endSeq, tally.entries, damage], [5, 5, []])
  assert.equal(usedBytes.get(1), 1024 + 2 * RECORD_BYTES)
})

test('a file of zeros at the end was prepared and never used; one in the middle holds nothing either', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0 },
    { number: 2, firstSeq: 3, content: Buffer.alloc(4096) },
    { number: 3, firstSeq: 3, previous: 1 },
    { number: 4, firstSeq: 6, content: Buffer.alloc(4096) },
  )
  const found = await analysisOf(disk)
  assert.deepEqual(found.unusedSegments, [segmentName(2), segmentName(4)])
  assert.deepEqual(
    found.segments.map(({ number }) => number),
    [1, 3],
  )
  assert.deepEqual([found.lastSegmentNumber, found.endSeq, found.damage], [4, 6, []])
})

test('a promise is the largest of all, in whatever header or frame it stands', async () => {
  for (const [inHeader, inFrame, expected] of [
    [1, 0, 1],
    [0, 2, 2],
    [2, 1, 2],
  ] as const) {
    const disk = await diskOf(
      { number: 1, firstSeq: 0, behind: (seed) => [record(3, seed, inFrame)] },
      { number: 2, firstSeq: 4, durableBefore: inHeader },
    )
    const { durableBefore, endSeq } = await analysisOf(disk)
    assert.deepEqual([durableBefore, endSeq], [expected, 7])
  }
})

test('a log that lost its first header begins where its first record does', async () => {
  for (const [isTainted, firstSeq] of [
    [[], 7],
    [[0], 8],
    [[0, 1, 2], 10],
  ] as const) {
    const disk = await diskOf({ number: 1, firstSeq: 7 }, { number: 2, firstSeq: 10 })
    await withoutHeader(disk, 1)
    for (const index of isTainted) await spoil(disk, 1, index)
    const found = await analysisOf(disk)
    assert.deepEqual([found.firstSeq, found.endSeq], [firstSeq, 13])
  }
})

test('progress is told after each segment, in bytes', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0 },
    { number: 2, firstSeq: 3, content: Buffer.alloc(5000) },
  )
  const told: [number, number][] = []
  await analysisOf(disk, { onProgress: (done, total) => told.push([done, total]) })
  assert.deepEqual(told, [
    [4096, 9096],
    [9096, 9096],
  ])
})

test('an abort ends it, and every file is closed', async () => {
  const disk = await diskOf({ number: 1, firstSeq: 0 })
  const directory = await readDirectory(disk, DIRECTORY)
  const from = disk.ops.length
  await assert.rejects(analyze(disk, directory, { signal: AbortSignal.abort() }), { name: 'AbortError' })
  const kinds = disk.ops.slice(from).map(({ kind }) => kind)
  assert.deepEqual(kinds, ['open', 'close'])
})

test('a whole log is read once', async () => {
  const disk = await diskOf({ number: 1, firstSeq: 0 }, { number: 2, firstSeq: 3 })
  const directory = await readDirectory(disk, DIRECTORY)
  const from = disk.ops.length
  await analyze(disk, directory)
  assert.equal(disk.ops.slice(from).filter(({ kind }) => kind === 'open').length, 2)
})

test('what is not proven whole is refused with all that is wrong, and what to do', () => {
  const damage = (detail: string, acknowledged: boolean | null): Damage => ({
    kind: 'corrupt',
    file: `file of ${detail}`,
    offset: 7,
    bytes: 1,
    acknowledged,
    seqs: [],
    ids: [],
    detail,
  })
  const refusedWith = (list: readonly Damage[], text: string) => (error: WalError) => {
    assert.equal(
      error.message,
      `The log in /there has lost acknowledged records, or cannot prove that it has not: ${text} Nothing was changed. ` +
        "See everything with: npx walv doctor /there. To go on with what is left, open it with recovery: 'salvage' or 'repair'.",
    )
    const first = list.find(({ acknowledged }) => acknowledged !== false)!
    assert.deepEqual([error.file, error.offset, error.detail], [first.file, 7, list])
    return refusal('WALV_DAMAGED')(error)
  }
  refuseLoss('/there', [], ['salvage', 'repair'])
  refuseLoss('/there', [damage('Harmless.', false)], ['salvage', 'repair'])
  for (const [list, text] of [
    [[damage('Lost.', true)], 'Lost.'],
    [[damage('Harmless.', false), damage('Maybe.', null)], 'Maybe.'],
    [[damage('One.', true), damage('Two.', null), damage('Three.', true)], 'One. (and 2 more)'],
    [[damage('One.', true), damage('Two.', true), damage('Harmless.', false)], 'One. (and 1 more)'],
  ] as const)
    assert.throws(() => refuseLoss('/there', list, ['salvage', 'repair']), refusedWith(list, text))
})
