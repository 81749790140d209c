import type { Disk } from '../disk/disk.ts'
import type { Damage } from '../entry.ts'
import { WalError } from '../errors.ts'
import { SECTOR_BYTES, SEGMENT_HEADER_BYTES, segmentSeed } from '../format/segment.ts'
import { damageOf } from './damage.ts'
import type { LogDirectory, SegmentFile } from './directory.ts'
import { Tally } from './tally.ts'
import { closes, type FrameVisitor, type SegmentExtent, SegmentWalk, type Spot } from './walk.ts'

/** A segment that is part of the log. */
export interface LiveSegment extends SegmentExtent {
  /** What the header promised; 0 where the header does not verify. */
  readonly durableBefore: number
  readonly headerValid: boolean
  /** Which of the two copies of the header do not verify. */
  readonly badCopies: readonly number[]
  /** Whether the log's identity is known, without which no frame can be verified. */
  readonly identified: boolean
  readonly capacity: number
}

/** What reading a whole log finds: its extent, what is promised, what is damaged. */
export interface Survey {
  readonly logId: Buffer | undefined
  /** In order; only those that still hold a record of the log or may. */
  readonly segments: readonly LiveSegment[]
  /** Names of segment files that hold nothing of the log: superseded, or prepared and never used. */
  readonly unusedSegments: readonly string[]
  readonly lastSegmentNumber: number
  readonly firstSeq: number
  /** One more than the last sequence number of the log. */
  readonly endSeq: number
  /** Every record with a smaller sequence number was promised to be durable. */
  readonly durableBefore: number
  readonly damage: readonly Damage[]
  /** The bad places that `damage` tells of. The last may be the end of the log. */
  readonly spots: readonly Spot[]
  readonly tally: Tally
  /** The last frame says that the log was closed in order. */
  readonly closed: boolean
  /** Bytes in use of each live segment, by number: where its last good frame ends. */
  readonly usedBytes: ReadonlyMap<number, number>
}

export interface SurveyOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined
}

/**
 * Reads and verifies every frame. Two passes at most: the second, where frames stand behind the end that the promises determine,
 * so that nothing of them is counted.
 */
export async function survey(disk: Disk, directory: LogDirectory, options: SurveyOptions = {}): Promise<Survey> {
  const logId = directory.segments.find((segment) => segment.header)?.header?.logId
  const { live, unused, damage } = chain(directory, logId)
  const first = await walkAll(disk, live, Number.POSITIVE_INFINITY, options)
  const end = endOfLog(first)
  const pass = end < first.nextSeq ? await walkAll(disk, live, end, options) : first
  const closed = pass.closedAt === end
  const spots = first.spots.filter((spot) => spot.lostFrom <= end)
  return {
    logId,
    segments: first.live,
    unusedSegments: [...unused, ...live.filter(({ number }) => !first.usedBytes.has(number)).map(({ name }) => name)],
    lastSegmentNumber: directory.lastNumber,
    firstSeq: first.live[0]?.firstSeq ?? 0,
    endSeq: end,
    durableBefore: first.durableBefore,
    damage: [
      ...directory.damage,
      ...damage,
      ...first.live.flatMap((segment) => badHeader(segment, first)),
      ...spots.map((spot) => damageOf(spot, first.durableBefore, end)),
      ...cutFiles(first.live, closed),
    ],
    spots,
    tally: pass.tally,
    closed,
    usedBytes: pass.usedBytes,
  }
}

interface Chain {
  readonly live: LiveSegment[]
  readonly unused: string[]
  readonly damage: Damage[]
}

/**
 * Decides which files are the log. A segment supersedes what earlier ones hold from its first sequence number on. A file without a valid
 * header is one prepared and never used if it is the last and empty; else its frames tell what it is.
 */
function chain(directory: LogDirectory, logId: Buffer | undefined): Chain {
  const live: LiveSegment[] = []
  const unused: string[] = []
  const damage: Damage[] = []
  let limitSeq = Number.POSITIVE_INFINITY
  let following: SegmentFile | undefined
  for (const segment of directory.segments.toReversed()) {
    const { header } = segment
    if (header && logId && !header.logId.equals(logId)) {
      damage.push(
        fileDamage(segment, 'foreign', null, `${segment.name} belongs to another log. Move it out of this directory.`),
      )
    } else if (header && header.firstSeq >= limitSeq) {
      unused.push(segment.name)
    } else {
      const openEnded = following !== undefined && (following.number !== segment.number + 1 || !following.header)
      live.push(liveSegment(segment, logId, limitSeq, openEnded))
      limitSeq = header?.firstSeq ?? limitSeq
      following = segment
    }
  }
  return { live: live.reverse(), unused, damage }
}

function liveSegment(
  segment: SegmentFile,
  logId: Buffer | undefined,
  limitSeq: number,
  openEnded: boolean,
): LiveSegment {
  const { header, number, name, path, bytes } = segment
  return {
    number,
    name,
    path,
    bytes,
    limitSeq,
    openEnded,
    identified: logId !== undefined,
    seed: logId ? segmentSeed(logId, number) : 0,
    firstSeq: header?.firstSeq ?? Number.NaN,
    durableBefore: header?.durableBefore ?? 0,
    headerValid: header !== undefined,
    badCopies: segment.badCopies,
    capacity: header?.capacity ?? bytes,
  }
}

function fileDamage(
  segment: { name: string; bytes: number },
  kind: Damage['kind'],
  acknowledged: boolean | null,
  detail: string,
): Damage {
  return { kind, file: segment.name, offset: 0, bytes: segment.bytes, acknowledged, seqs: [], ids: [], detail }
}

/** A file is made in its full size before its header names it, so a shorter one was cut. Only in the last one can that hide a loss. */
function cutFiles(live: readonly LiveSegment[], closed: boolean): Damage[] {
  return live
    .filter(({ bytes, capacity }) => bytes < capacity || bytes < SEGMENT_HEADER_BYTES)
    .map((segment) => {
      const hidden = segment === live.at(-1) && !closed
      const made = Math.max(segment.capacity, SEGMENT_HEADER_BYTES)
      const detail = `${segment.name} was made with ${made === segment.capacity ? made : `at least ${made}`} bytes and has ${segment.bytes}.`
      return {
        ...fileDamage(
          segment,
          'truncated',
          hidden ? null : false,
          hidden ? `${detail} Records at its end may be lost without a trace.` : detail,
        ),
        offset: segment.bytes,
        bytes: made - segment.bytes,
      }
    })
}

interface Pass {
  readonly spots: Spot[]
  readonly tally: Tally
  readonly durableBefore: number
  readonly nextSeq: number
  readonly closedAt: number
  readonly usedBytes: Map<number, number>
  /** The segments with their first sequence number known, without those that were prepared and never used. */
  readonly live: LiveSegment[]
}

async function walkAll(
  disk: Disk,
  segments: readonly LiveSegment[],
  end: number,
  options: SurveyOptions,
): Promise<Pass> {
  const tally = new Tally()
  const pass = {
    spots: [] as Spot[],
    live: [] as LiveSegment[],
    usedBytes: new Map<number, number>(),
  }
  const total = segments.reduce((sum, segment) => sum + segment.bytes, 0)
  let durableBefore = 0
  let nextSeq = segments[0]?.headerValid ? segments[0].firstSeq : 0
  let closedAt = -1
  let done = 0
  const visitor: FrameVisitor = {
    record(window, at, header, bytes) {
      tally.add(window.memory, at, header, bytes)
      return false
    },
    frame: (header) => {
      durableBefore = Math.max(durableBefore, header.durableBefore)
      closedAt = closes(header) ? header.seq : -1
    },
  }
  for (const found of segments) {
    // Without a header, a segment goes on where the one before ended.
    const segment = found.headerValid ? found : { ...found, firstSeq: nextSeq }
    durableBefore = Math.max(durableBefore, segment.durableBefore)
    if (segment.firstSeq > nextSeq) pass.spots.push(missing(segment, nextSeq))
    const walk = await walkWhole(
      disk,
      { ...segment, limitSeq: Math.min(end, segment.limitSeq) },
      visitor,
      options.signal,
    )
    const empty = segment.bytes >= FIRST_FRAME && walk.usedBytes === FIRST_FRAME && walk.spots.length === 0
    if (segment.headerValid || !empty) {
      if (walk.usedBytes === FIRST_FRAME) closedAt = -1
      pass.live.push(segment)
      pass.spots.push(...walk.spots)
      pass.usedBytes.set(segment.number, walk.usedBytes)
      nextSeq = Math.max(nextSeq, walk.expected)
    }
    done += segment.bytes
    options.onProgress?.(done, total)
  }
  const last = pass.live.at(-1)
  if (last && durableBefore > nextSeq && pass.spots.at(-1)?.lostThrough !== null) {
    pass.spots.push(lostAtEnd(last, pass.usedBytes.get(last.number)!, nextSeq, durableBefore - 1))
  }
  return { ...pass, tally, durableBefore, nextSeq, closedAt }
}

/** Records that were promised and of which nothing is left but zeros. */
function lostAtEnd(
  { name: file, number: segment, bytes }: LiveSegment,
  offset: number,
  lostFrom: number,
  lostThrough: number,
): Spot {
  const reason = 'promised records are missing at the end of the log'
  return { kind: 'corrupt', file, segment, offset, bytes: bytes - offset, lostFrom, lostThrough, ids: [], reason }
}

async function walkWhole(
  disk: Disk,
  segment: LiveSegment,
  visitor: FrameVisitor,
  signal?: AbortSignal,
): Promise<SegmentWalk> {
  const walk = await SegmentWalk.open(disk, segment, visitor)
  try {
    while (!walk.done) await walk.run(signal)
    return walk
  } finally {
    await walk.close()
  }
}

/**
 * Whether a bad header hides a loss, the frames tell; only a log of which no header is left cannot be read at all. At the end of the log it may be that the group that
 * opens the segment was being written.
 */
function badHeader(segment: LiveSegment, { live, durableBefore }: Pass): Damage[] {
  const { name, identified, firstSeq, badCopies } = segment
  if (segment.bytes < SEGMENT_HEADER_BYTES) return []
  if (!identified) {
    return [
      fileDamage(
        segment,
        'segment-header',
        null,
        `No segment has a valid header, so that nothing in ${name} can be verified.`,
      ),
    ]
  }
  const unfinished = segment === live.at(-1) && durableBefore <= firstSeq
  const what = badCopies.length === 2 ? 'Neither copy' : 'One of the two copies'
  const detail = unfinished
    ? `${name} was being begun: its header is not whole. Nothing promised to be durable is lost.`
    : `${what} of the header of ${name} ${badCopies.length === 2 ? 'verifies' : 'does not verify'}. No record is lost by this alone.`
  return badCopies.map((copy) => ({
    ...fileDamage(segment, unfinished ? 'torn-tail' : 'segment-header', false, detail),
    offset: copy * SECTOR_BYTES,
    bytes: SECTOR_BYTES,
  }))
}

function missing(segment: LiveSegment, from: number): Spot {
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

/** The log ends at the first record that is lost and was never promised, or behind its last one; and never before a promise. */
function endOfLog({ spots, durableBefore, nextSeq }: Pass): number {
  for (const spot of spots) {
    const through = spot.lostThrough ?? Number.POSITIVE_INFINITY
    if (through >= spot.lostFrom && through >= durableBefore) return Math.max(spot.lostFrom, durableBefore)
  }
  return Math.max(nextSeq, durableBefore)
}

/**
 * Refuses a log that the survey cannot prove whole.
 * @throws WALV_DAMAGED with the damage list in `detail`
 */
export function refuseLoss(path: string, damage: readonly Damage[]): void {
  const losses = damage.filter(({ acknowledged }) => acknowledged !== false)
  const [first] = losses
  if (first === undefined) return
  const more = losses.length > 1 ? ` (and ${losses.length - 1} more)` : ''
  throw new WalError(
    'WALV_DAMAGED',
    `The log in ${path} has lost acknowledged records, or cannot prove that it has not: ${first.detail}${more} Nothing was changed. ` +
      `See everything with: npx walv verify ${path}. To go on with what is left, open it with recovery: 'salvage' or 'repair'.`,
    { file: first.file, offset: first.offset, detail: damage },
  )
}

/** Offset of the first frame of a segment. */
export const FIRST_FRAME: number = SEGMENT_HEADER_BYTES
