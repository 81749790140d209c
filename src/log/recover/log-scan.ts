import type { Disk } from '../../disk/disk.ts'
import { SEGMENT_HEADER_BYTES } from '../../format/segment.ts'
import {
  type Anomaly,
  closes,
  type FrameVisitor,
  firstNumber,
  type Mark,
  scanWhole,
} from '../segment/segment-scan.ts'
import type { Reach } from './directory.ts'
import type { LiveSegment } from './segment-chain.ts'
import { Tally } from './tally.ts'

/** So far apart are the places of records that are remembered. */
const MARK_BYTES = 1024 * 1024

export interface AnalysisOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined
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
}

export async function scanSegments(
  disk: Disk,
  segments: readonly LiveSegment[],
  end: number,
  reach: Reach | undefined,
  options: AnalysisOptions,
): Promise<LogScan> {
  const tally = new Tally()
  const logScan = {
    anomalies: [] as Anomaly[],
    live: [] as LiveSegment[],
    usedBytes: new Map<number, number>(),
    watermarkAt: new Map<number, number>(),
    unreadable: new Set<number>(),
  }
  const total = segments.reduce((sum, segment) => sum + segment.bytes, 0)
  let durableBefore = 0
  let nextSeq = segments[0] ? await beginning(disk, segments[0]) : 0
  let closedAt: number | undefined
  let done = 0
  const marks = new Marks()
  const visitor: FrameVisitor = {
    record(window, at, header, bytes) {
      marks.pass(header.seq, window.offset)
      tally.add(window.memory, at, header, bytes)
      return false
    },
    frame: (header) => {
      durableBefore = Math.max(durableBefore, header.durableBefore)
      closedAt = closes(header) ? header.seq : undefined
    },
  }
  for (const found of segments) {
    // Without a header, a segment goes on where the one before ended.
    const segment = found.headerValid ? found : { ...found, firstSeq: nextSeq }
    durableBefore = Math.max(durableBefore, segment.durableBefore)
    if (segment.firstSeq > nextSeq) logScan.anomalies.push(missing(segment, nextSeq))
    const scan = await scanWhole(disk, { ...segment, scanEnd: end }, visitor, options.signal)
    if (scan.metUnreadable) logScan.unreadable.add(segment.number)
    const empty =
      segment.bytes >= SEGMENT_HEADER_BYTES &&
      scan.usedBytes === SEGMENT_HEADER_BYTES &&
      scan.anomalies.length === 0
    if (segment.headerValid || !empty) {
      if (scan.usedBytes === SEGMENT_HEADER_BYTES) closedAt = undefined
      logScan.live.push({ ...segment, ...marks.taken() })
      for (const anomaly of scan.anomalies) logScan.anomalies.push(anomaly)
      logScan.usedBytes.set(segment.number, scan.usedBytes)
      logScan.watermarkAt.set(segment.number, durableBefore)
      nextSeq = Math.max(nextSeq, scan.expected)
    }
    done += segment.bytes
    options.onProgress?.(done, total)
  }
  return withLostEnd({ ...logScan, tally, durableBefore, nextSeq, closedAt }, reach)
}

/** Remembers where some of the records of a segment stand. */
class Marks {
  #marks: Mark[] = []
  #nextOffset = MARK_BYTES

  pass(seq: number, offset: number): void {
    if (offset < this.#nextOffset) return
    this.#marks.push({ seq, offset })
    this.#nextOffset = offset + MARK_BYTES
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
