import assert from 'node:assert/strict'
import { test } from 'node:test'
import { segmentName, segmentSeed } from '../../../src/format/segment.ts'
import { type Analysis, analyze, refuseLoss } from '../../../src/log/recover/analysis.ts'
import { readDirectory } from '../../../src/log/recover/directory.ts'
import type { AnalysisOptions } from '../../../src/log/recover/log-scan.ts'
import { identityOf } from '../../../src/log/recover/segment-chain.ts'
import type { Damage, WalError } from '../../../src/mod.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { CRAFTED_LOG_ID, frameOfEntry, promiseOf, segmentOf } from '../../support/frames.ts'
import { brief, refusal } from '../../support/logs.ts'
import { alterOn, DIRECTORY, putFile, segmentAt } from '../../support/simulated-log.ts'

/** A record of 56 bytes. By default it promises nothing. */
const record = (seq: number, seed: number, durableBefore = 0): Buffer =>
  frameOfEntry({ type: 'delete', id: 'id' }, { seq, durableBefore }, seed)

const RECORD_BYTES = 56
const CLOSED = 2

interface SegmentFields {
  readonly number: number
  readonly firstSeq: number
  readonly count?: number
  readonly durableBefore?: number
  readonly previous?: number
  readonly logId?: Buffer
  /** What follows the records. */
  readonly behind?: (seed: number) => readonly Buffer[]
  /** What the file holds instead. */
  readonly content?: Buffer
}

/** A segment of 4 KiB with so many records from its first number on. */
const segment = ({ count = 3, behind = () => [], ...fields }: SegmentFields): Buffer =>
  segmentOf({ capacity: 4096, ...fields }, (seed) => [
    ...Array.from({ length: count }, (_, index) => record(fields.firstSeq + index, seed)),
    ...behind(seed),
  ])

async function diskOf(...segments: readonly SegmentFields[]): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  for (const { content, ...fields } of segments)
    await putFile(disk, segmentAt(fields.number), content ?? segment(fields))
  return disk
}

const surveyOf = async (disk: SimulatedDisk, options?: AnalysisOptions): Promise<Analysis> =>
  analyze(disk, await readDirectory(disk, DIRECTORY), options)

/** Spoils the record at this place of a segment. */
const spoil = (disk: SimulatedDisk, number: number, index: number): Promise<void> =>
  alterOn(disk, segmentAt(number), (content) => {
    content[1024 + index * RECORD_BYTES + 41]! ^= 1
  })

const withoutHeader = (disk: SimulatedDisk, number: number): Promise<void> =>
  alterOn(disk, segmentAt(number), (content) => content.fill(0, 0, 1024))

/** What is wrong, in one line each, but for the headers. */
const wrong = ({ damage }: Analysis): string[] =>
  damage
    .filter(({ kind }) => kind !== 'segment-header')
    .map((each) => `${each.file.slice(16, 18)} ${brief(each)}`)

test('of a whole log everything is told', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0 },
    {
      number: 2,
      firstSeq: 3,
      durableBefore: 2,
      behind: (seed) => [promiseOf(6, seed, CLOSED)],
    },
  )
  const { tally, ...found } = await surveyOf(disk)
  const common = {
    scanEnd: Number.POSITIVE_INFINITY,
    openEnded: false,
    tolerateUnreadable: false,
    identified: true,
    headerValid: true,
    badCopies: [],
    bytes: 4096,
    capacity: 4096,
  }
  assert.deepEqual(found, {
    logId: CRAFTED_LOG_ID,
    segments: [
      {
        ...common,
        number: 1,
        name: segmentName(1),
        path: segmentAt(1),
        seed: segmentSeed(CRAFTED_LOG_ID, 1),
        firstSeq: 0,
        supersededFrom: 3,
        durableBefore: 0,
      },
      {
        ...common,
        number: 2,
        name: segmentName(2),
        path: segmentAt(2),
        seed: segmentSeed(CRAFTED_LOG_ID, 2),
        firstSeq: 3,
        supersededFrom: Number.POSITIVE_INFINITY,
        durableBefore: 2,
      },
    ],
    unusedSegments: [],
    supersededSegments: [],
    lastSegmentNumber: 2,
    firstSeq: 0,
    endSeq: 6,
    durableBefore: 6,
    damage: [],
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
    await surveyOf(disk)
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
  const { damage, segments, endSeq } = await surveyOf(disk)
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
  const { segments, unusedSegments, usedBytes, endSeq, tally, damage } = await surveyOf(disk)
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
  const found = await surveyOf(disk)
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
    const { durableBefore, endSeq } = await surveyOf(disk)
    assert.deepEqual([durableBefore, endSeq], [expected, 7])
  }
})

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
    const found = await surveyOf(disk)
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
  const found = await surveyOf(disk)
  assert.deepEqual([found.endSeq, wrong(found), found.anomalies.length], [1, ['01 torn-tail false'], 1])
})

test('the log never ends before a promise, and what was promised behind its last record is lost', async () => {
  const disk = await diskOf({ number: 1, firstSeq: 0, durableBefore: 5 })
  const found = await surveyOf(disk)
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
  const found = await surveyOf(disk)
  assert.deepEqual([found.endSeq, wrong(found)], [3, ['01 corrupt 2..2 true']])
  assert.equal(found.anomalies.length, 1)
})

test('a place that lost nothing ends no log', async () => {
  const disk = await diskOf({
    number: 1,
    firstSeq: 0,
    behind: (seed) => [Buffer.alloc(64, 1), record(3, seed)],
  })
  const found = await surveyOf(disk)
  assert.deepEqual([found.endSeq, wrong(found)], [4, ['01 corrupt false']])
})

test('what is missing before a segment is told at its place, and lost', async () => {
  const disk = await diskOf({ number: 1, firstSeq: 0 }, { number: 3, firstSeq: 7, durableBefore: 7 })
  const found = await surveyOf(disk)
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
    const found = await surveyOf(disk)
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
  const found = await surveyOf(disk)
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
  const found = await surveyOf(disk)
  assert.deepEqual([wrong(found), found.tally.entries], [['01 corrupt false'], 9])
})

test('the same where the next file is missing, but not where the one that is there went on from this', async () => {
  const missing = await badSecond(0, { number: 3, firstSeq: 4, durableBefore: 4 })
  const found = await surveyOf(missing)
  assert.deepEqual([wrong(found), found.tally.entries], [['03 missing-segment 1..3 true'], 4])
  const whole = await badSecond(0, { number: 3, firstSeq: 3, durableBefore: 3, previous: 1 })
  const other = await surveyOf(whole)
  assert.deepEqual([wrong(other), other.tally.entries], [['01 corrupt 1..1 true'], 5])
})

test('the same where the file without a header is the last', async () => {
  const disk = await diskOf({ number: 1, firstSeq: 0, count: 2 }, { number: 2, firstSeq: 1 })
  await spoil(disk, 1, 1)
  await withoutHeader(disk, 2)
  const found = await surveyOf(disk)
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
  const found = await surveyOf(disk)
  assert.deepEqual(wrong(found), ['02 corrupt 4..4 true'])
  assert.deepEqual(
    found.segments.map(({ supersededFrom }) => supersededFrom),
    [6, 6, Number.POSITIVE_INFINITY],
  )
})

test('a torn tail is told also if the next file is prepared already', async () => {
  const disk = await badSecond(0, { number: 2, firstSeq: 0, content: Buffer.alloc(4096) })
  const found = await surveyOf(disk)
  assert.deepEqual([wrong(found), found.endSeq], [['01 torn-tail false'], 1])
})

test('a hole before a segment of which the next is missing too takes nothing of that segment', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0 },
    { number: 3, firstSeq: 6 },
    { number: 5, firstSeq: 12, durableBefore: 12 },
  )
  const found = await surveyOf(disk)
  assert.deepEqual(wrong(found), ['03 missing-segment 3..5 true', '05 missing-segment 9..11 true'])
  assert.deepEqual([found.tally.entries, found.endSeq], [9, 15])
})

test('which copies of a header are bad is told, with their places, and that no record is lost', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0 },
    { number: 2, firstSeq: 3 },
    { number: 3, firstSeq: 6, behind: (seed) => [record(9, seed, 9)] },
  )
  await alterOn(disk, segmentAt(1), (content) => content.fill(0, 512, 1024))
  await withoutHeader(disk, 2)
  await alterOn(disk, segmentAt(3), (content) => content.fill(0, 0, 512))
  const { damage, segments } = await surveyOf(disk)
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
    const { damage } = await surveyOf(disk)
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
  const { damage } = await surveyOf(disk)
  assert.deepEqual(
    damage.map(({ kind }) => kind),
    ['segment-header', 'segment-header', 'torn-tail'],
  )
})

test('without one valid header nothing can be verified, and each file says so', async () => {
  const disk = await diskOf({ number: 1, firstSeq: 0 }, { number: 2, firstSeq: 3 })
  for (const number of [1, 2]) await withoutHeader(disk, number)
  const { damage, logId } = await surveyOf(disk)
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
      { number: 3, firstSeq: 6, behind: (seed) => (closed ? [promiseOf(9, seed, CLOSED)] : []) },
    )
    await cut(disk, number, 2000)
    const { damage } = await surveyOf(disk)
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
  const { damage } = await surveyOf(disk)
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
  assert.deepEqual((await surveyOf(disk)).damage, [])
  const prepared = await diskOf(
    { number: 1, firstSeq: 0 },
    { number: 2, firstSeq: 3, content: Buffer.alloc(1024) },
  )
  const { damage: none, unusedSegments } = await surveyOf(prepared)
  assert.deepEqual([none, unusedSegments], [[], [segmentName(2)]])
  await alterOn(disk, segmentAt(2), (bytes) => bytes.fill(0, 0, 512))
  const { damage } = await surveyOf(disk)
  assert.deepEqual(
    damage.map(({ kind, offset }) => [kind, offset]),
    [['torn-tail', 0]],
  )
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
    const found = await surveyOf(disk)
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
    const disk = await diskOf({ number: 1, firstSeq: 0, behind: (seed) => [promiseOf(3, seed, flags)] })
    breakSector(disk, 1, 4)
    const found = await surveyOf(disk)
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
    behind: (seed) => [promiseOf(40, seed, CLOSED), Buffer.alloc(64, 1)],
  })
  await spoil(disk, 1, 1)
  breakSector(disk, 1, 4)
  const found = await surveyOf(disk)
  assert.deepEqual(wrong(found), ['01 corrupt 1..1 true', '01 unreadable 18..27 true', '01 torn-tail false'])
  assert.equal(found.closed, true)
})

test('a log is closed in order if that is the last thing it says', async () => {
  const closedPromise = (seed: number): Buffer => promiseOf(3, seed, CLOSED)
  for (const [behind, expected] of [
    [(seed: number) => [closedPromise(seed)], true],
    [(seed: number) => [closedPromise(seed), closedPromise(seed)], true],
    [(seed: number) => [promiseOf(3, seed)], false],
    [(seed: number) => [closedPromise(seed), record(3, seed)], false],
    [(seed: number) => [closedPromise(seed), promiseOf(3, seed)], false],
  ] as const) {
    const disk = await diskOf({ number: 1, firstSeq: 0, behind })
    assert.equal((await surveyOf(disk)).closed, expected)
  }
})

test('a segment that was begun behind the end says that the log was opened again', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0, behind: (seed) => [promiseOf(3, seed, CLOSED)] },
    { number: 2, firstSeq: 3, count: 0, durableBefore: 3 },
  )
  assert.equal((await surveyOf(disk)).closed, false)
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
    const found = await surveyOf(disk)
    assert.deepEqual([found.firstSeq, found.endSeq], [firstSeq, 13])
  }
})

test('progress is told after each segment, in bytes', async () => {
  const disk = await diskOf(
    { number: 1, firstSeq: 0 },
    { number: 2, firstSeq: 3, content: Buffer.alloc(5000) },
  )
  const told: [number, number][] = []
  await surveyOf(disk, { onProgress: (done, total) => told.push([done, total]) })
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
