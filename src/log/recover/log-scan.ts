import type { Disk } from '../../disk/disk.ts'
import type { FrameHeader } from '../../format/frame.ts'
import { SEGMENT_HEADER_BYTES } from '../../format/segment.ts'
import type { FrameReader } from '../segment/frame-reader.ts'
import {
  type Anomaly,
  closes,
  type FrameVisitor,
  firstNumber,
  type Mark,
  scanWhole,
} from '../segment/segment-scan.ts'
import type { Reach } from './directory.ts'
import { divide, type ProvedPart, Proving } from './proved-part.ts'
import type { LiveSegment } from './segment-chain.ts'
import { Tally } from './tally.ts'

/** So far apart are the places of records that are remembered. */
const MARK_BYTES = 1024 * 1024

export interface ScanOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined
  /** What was read before, and is not read again. */
  readonly proved?: ProvedPart | undefined
}

/** What one walk over every frame finds. */
export interface LogScan {
  readonly anomalies: Anomaly[]
  readonly tally: Tally
  readonly durableBefore: number
  readonly nextSeq: number
  /** The last sequence number plus one, if the last frame says that the log was closed in order. */
  readonly closedAt: number | undefined
  readonly usedBytes: Map<number, number>
  /** By number of segment: what was promised up to its end, records before which number. */
  readonly watermarkAt: Map<number, number>
  /** Numbers of the segments with sectors that cannot be read. */
  readonly unreadable: Set<number>
  /**
   * The segments with their first sequence number known, without those that were prepared and never
   * used.
   */
  readonly live: LiveSegment[]
  readonly proved: ProvedPart | undefined
  /** Whether it began behind what was proved before. */
  readonly isContinued: boolean
}

export async function scanSegments(
  disk: Disk,
  segments: readonly LiveSegment[],
  end: number,
  reach: Reach | undefined,
  options: ScanOptions,
): Promise<LogScan> {
  const division = options.proved && divide(segments, options.proved)
  const { passed, read } = division ?? { passed: [], read: segments }
  const proved = division && options.proved
  const logScan = {
    anomalies: [] as Anomaly[],
    live: [...passed],
    usedBytes: new Map(passed.map(({ number, bytes }) => [number, bytes])),
    watermarkAt: new Map<number, number>(),
    unreadable: new Set<number>(),
  }
  const total = read.reduce((sum, segment) => sum + segment.bytes, 0)
  const seen = new FramesSeen(proved, segments[0]?.firstSeq ?? 0)
  let nextSeq = read[0] ? await beginning(disk, read[0]) : 0
  let done = 0
  for (const found of read) {
    // Without a header, a segment goes on where the one before ended.
    const segment = found.headerValid ? found : { ...found, firstSeq: nextSeq }
    if (segment.firstSeq > nextSeq) logScan.anomalies.push(missing(segment, nextSeq))
    seen.begin(segment, logScan.anomalies.length === 0)
    const extent = { ...segment, scanEnd: end }
    const scan = await scanWhole(disk, extent, seen, options.signal, proved?.before)
    if (scan.metUnreadable) logScan.unreadable.add(segment.number)
    const empty =
      segment.bytes >= SEGMENT_HEADER_BYTES &&
      scan.usedBytes === SEGMENT_HEADER_BYTES &&
      scan.anomalies.length === 0
    if (segment.headerValid || !empty) {
      if (scan.usedBytes === SEGMENT_HEADER_BYTES) seen.closedAt = undefined
      logScan.live.push({ ...segment, ...seen.marks.taken() })
      for (const anomaly of scan.anomalies) logScan.anomalies.push(anomaly)
      logScan.usedBytes.set(segment.number, scan.usedBytes)
      logScan.watermarkAt.set(segment.number, seen.durableBefore)
      nextSeq = Math.max(nextSeq, scan.expected)
    }
    done += segment.bytes
    options.onProgress?.(done, total)
  }
  const { tally, durableBefore, closedAt } = seen
  const found = { ...logScan, tally, durableBefore, nextSeq, closedAt }
  return withLostEnd({ ...found, proved: seen.proved, isContinued: proved !== undefined }, reach)
}

/** Counts the frames that a scan passes, and notes how far the log is proved by them. */
class FramesSeen implements FrameVisitor {
  readonly tally: Tally
  readonly marks = new Marks()
  durableBefore: number
  closedAt: number | undefined
  /** What was counted before. */
  readonly #countedBefore: number
  readonly #proving: Proving
  #segment = 0
  #isWhole = true

  /** `firstSeq`: where the log begins by now. */
  constructor(proved: ProvedPart | undefined, firstSeq: number) {
    this.tally = proved?.tally.clone(firstSeq) ?? new Tally()
    this.#countedBefore = proved?.before ?? 0
    this.durableBefore = this.#countedBefore
    this.#proving = new Proving(proved)
  }

  get proved(): ProvedPart | undefined {
    return this.#proving.proved
  }

  /** `isWhole`: nothing is wrong before this segment. */
  begin({ number, durableBefore }: LiveSegment, isWhole: boolean): void {
    this.#segment = number
    this.#isWhole = isWhole
    this.durableBefore = Math.max(this.durableBefore, durableBefore)
  }

  record({ memory, offset, metUnreadable }: FrameReader, at: number, header: FrameHeader, bytes: number) {
    const { seq } = header
    const isPlace = this.marks.pass(seq, offset) || offset === SEGMENT_HEADER_BYTES
    if (seq < this.#countedBefore) return false
    if (isPlace && this.#isWhole && !metUnreadable && this.tally.isWholeBefore(seq))
      this.#proving.add({ before: seq, segment: this.#segment, offset, tally: this.tally.clone(0) })
    this.tally.add(memory, at, header, bytes)
    return false
  }

  frame(header: FrameHeader): void {
    this.durableBefore = Math.max(this.durableBefore, header.durableBefore)
    this.#proving.covered(this.durableBefore)
    this.closedAt = closes(header) ? header.seq : undefined
  }
}

/** Remembers where some of the records of a segment stand. */
class Marks {
  #marks: Mark[] = []
  #nextOffset = MARK_BYTES

  /** Answers whether the place of this one is remembered. */
  pass(seq: number, offset: number): boolean {
    if (offset < this.#nextOffset) return false
    this.#marks.push({ seq, offset })
    this.#nextOffset = offset + MARK_BYTES
    return true
  }

  /** Those of the segment that ends; none where it is short. */
  taken(): { readonly marks?: readonly Mark[] } {
    const marks = this.#marks
    this.#marks = []
    this.#nextOffset = MARK_BYTES
    return marks.length > 0 ? { marks } : {}
  }
}

/** What is known to have been durable, by a frame or by the name of a snapshot, may be missing. */
function withLostEnd(scan: LogScan, reach: Reach | undefined): LogScan {
  const { nextSeq, live, anomalies, usedBytes } = scan
  const told = reach && reach.through >= scan.durableBefore ? reach : undefined
  const durableBefore = told ? told.through + 1 : scan.durableBefore
  const last = live.at(-1)
  if (last && durableBefore > nextSeq && anomalies.at(-1)?.lostThrough !== null)
    anomalies.push(lostAtEnd(last, usedBytes.get(last.number)!, nextSeq, durableBefore - 1, told))
  return { ...scan, durableBefore }
}

/**
 * Where a log begins. What came before may be with a snapshot, even if the header does not tell.
 */
async function beginning(disk: Disk, first: LiveSegment): Promise<number> {
  if (first.headerValid) return first.firstSeq
  const seq = Math.min((await firstNumber(disk, first)) ?? Number.POSITIVE_INFINITY, first.supersededFrom)
  return Number.isFinite(seq) ? seq : 0
}

/**
 * Records that were promised, by a frame or by the name of a snapshot, and of which nothing is left
 * but zeros.
 */
function lostAtEnd(
  { name: file, number: segment, bytes }: LiveSegment,
  offset: number,
  lostFrom: number,
  lostThrough: number,
  told: Reach | undefined,
): Anomaly {
  const reason = told
    ? `the log ends here, and ${told.name} was made when it reached to record ${told.through}`
    : 'promised records are missing at the end of the log'
  return {
    kind: 'corrupt',
    file,
    segment,
    offset,
    bytes: Math.max(0, bytes - offset),
    lostFrom,
    lostThrough,
    ids: [],
    reason,
  }
}

function missing(segment: LiveSegment, from: number): Anomaly {
  return {
    kind: 'missing-segment',
    file: segment.name,
    segment: segment.number,
    offset: 0,
    bytes: 0,
    lostFrom: from,
    lostThrough: segment.firstSeq - 1,
    ids: [],
    reason: `what should stand before ${segment.name} is not there`,
  }
}
