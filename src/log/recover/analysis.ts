import type { Disk } from '../../disk/disk.ts'
import type { Damage } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { SECTOR_BYTES, SEGMENT_HEADER_BYTES } from '../../format/segment.ts'
import { damageIn } from '../damage.ts'
import type { RecoveryPolicy } from '../options.ts'
import type { Anomaly } from '../segment/segment-scan.ts'
import { damageOf } from './damage.ts'
import { DamageList } from './damage-list.ts'
import type { LogDirectory } from './directory.ts'
import { type LogScan, type ScanOptions, scanSegments } from './log-scan.ts'
import type { ProvedLog } from './proved-part.ts'
import { chain, identityOf, type LiveSegment } from './segment-chain.ts'
import type { Tally } from './tally.ts'
import { endOfLog, endOpenEnds } from './torn-tail.ts'

/** What reading a whole log finds: its extent, what is promised, what is damaged. */
export interface Analysis {
  readonly logId: Buffer | undefined
  /** In order; only those that still hold a record of the log or may. */
  readonly segments: readonly LiveSegment[]
  /**
   * Names of segment files that hold nothing of the log: superseded, or prepared and never used.
   */
  readonly unusedSegments: readonly string[]
  /**
   * Those of them whose records a later segment holds: should that be damaged, these still have
   * them.
   */
  readonly supersededSegments: readonly string[]
  readonly lastSegmentNumber: number
  readonly firstSeq: number
  /** One more than the last sequence number of the log. */
  readonly endSeq: number
  /** Every record with a smaller sequence number was promised to be durable. */
  readonly durableBefore: number
  readonly damage: readonly Damage[]
  /** The bad places that `damage` tells of. The last may be the end of the log. */
  readonly anomalies: readonly Anomaly[]
  readonly tally: Tally
  /** The last frame says that the log was closed in order. */
  readonly closed: boolean
  /**
   * Bytes in use of each live segment, by number: where its last good frame ends. Of one that was
   * not read again, all of it.
   */
  readonly usedBytes: ReadonlyMap<number, number>
  /** What of it is proved, so that whoever goes on from here need not read it again. */
  readonly proved: ProvedLog | undefined
  /** Whether what was proved before was not read again. */
  readonly isContinued: boolean
}

/** `proved`: what this process has read before. */
export interface AnalysisOptions extends Omit<ScanOptions, 'proved'> {
  readonly proved?: ProvedLog | undefined
  /** As if the log ended before this record. */
  readonly end?: number
}

/**
 * Reads and verifies what is not proved yet. Where anything is wrong with that, or the log does not
 * go on from what is proved, all of it: what is wrong is judged by all of the log.
 */
export async function analyze(
  disk: Disk,
  directory: LogDirectory,
  { proved, end, ...options }: AnalysisOptions = {},
): Promise<Analysis> {
  if (proved && identityOf(directory.segments)?.equals(proved.logId)) {
    const found = await analyzeFrom(disk, directory, { ...options, proved }, end)
    if (found.endSeq > proved.before && found.damage.every(({ kind }) => kind === 'torn-tail')) return found
  }
  return analyzeFrom(disk, directory, options, end)
}

/**
 * Reads and verifies every frame. Once, but for two cases: where a segment's end has to be found
 * without the header of the next; and where frames stand behind the end that the watermarks
 * determine, so that nothing of them is counted.
 */
async function analyzeFrom(
  disk: Disk,
  directory: LogDirectory,
  options: ScanOptions,
  scanEnd = Number.POSITIVE_INFINITY,
): Promise<Analysis> {
  const logId = identityOf(directory.segments)
  const { reach } = directory
  const { live: found, unused, damage } = chain(directory, logId)
  const open = await scanSegments(disk, found, scanEnd, reach, options)
  const live = logId ? endOpenEnds(found, open) : found
  const first = live === found ? open : await scanSegments(disk, live, scanEnd, reach, options)
  const end = endOfLog(first)
  const counted = end < first.nextSeq ? await scanSegments(disk, live, end, reach, options) : first
  const closed = counted.closedAt === end
  const anomalies = first.anomalies
    .filter((anomaly) => anomaly.lostFrom <= end)
    .map((anomaly) => (closed ? nothingBehind(anomaly, end) : anomaly))
  return {
    logId,
    segments: first.live.map((segment) => ({
      ...segment,
      tolerateUnreadable: first.unreadable.has(segment.number),
    })),
    unusedSegments: [
      ...unused,
      ...live.filter(({ number }) => !first.usedBytes.has(number)).map(({ name }) => name),
    ],
    supersededSegments: unused,
    lastSegmentNumber: directory.lastNumber,
    firstSeq: first.live[0]?.firstSeq ?? 0,
    endSeq: end,
    durableBefore: first.durableBefore,
    damage: [
      ...directory.damage,
      ...damage,
      ...first.live.flatMap((segment) => badHeader(segment, first)),
      ...damagesOf(anomalies, first.durableBefore, end),
      ...cutFiles(first.live, closed),
    ],
    anomalies,
    tally: counted.tally,
    closed,
    usedBytes: counted.usedBytes,
    proved: logId && first.proved && { ...first.proved, logId },
    isContinued: first.isContinued,
  }
}

function damagesOf(anomalies: readonly Anomaly[], durableBefore: number, end: number): Damage[] {
  const list = new DamageList()
  for (const anomaly of anomalies) list.add(damageOf(anomaly, durableBefore, end))
  return list.all()
}

/**
 * Behind the end of a log that was closed in order nothing can have been, even if it cannot be
 * read.
 */
function nothingBehind(anomaly: Anomaly, end: number): Anomaly {
  return anomaly.kind === 'unreadable' && anomaly.lostThrough === null
    ? { ...anomaly, lostThrough: end - 1 }
    : anomaly
}

/**
 * A file is made in its full size before its header names it, so a shorter one was cut. Only in the
 * last one can that hide a loss.
 */
function cutFiles(live: readonly LiveSegment[], closed: boolean): Damage[] {
  return live
    .filter(({ bytes, capacity }) => bytes < capacity || bytes < SEGMENT_HEADER_BYTES)
    .map((segment) => {
      const hidden = segment === live.at(-1) && !closed
      const made = Math.max(segment.capacity, SEGMENT_HEADER_BYTES)
      const detail = `${segment.name} was made with ${made === segment.capacity ? made : `at least ${made}`} bytes and has ${segment.bytes}.`
      return damageIn({
        kind: 'truncated',
        file: segment.name,
        offset: segment.bytes,
        bytes: made - segment.bytes,
        acknowledged: hidden ? null : false,
        detail: hidden ? `${detail} Records at its end may be lost without a trace.` : detail,
      })
    })
}

/**
 * Whether a bad header hides a loss, the frames tell; only a log of which no header is left cannot
 * be read at all. At the end of the log it may be that the group that opens the segment was being
 * written.
 */
function badHeader(segment: LiveSegment, { live, durableBefore }: LogScan): Damage[] {
  const { name, identified, firstSeq, badCopies } = segment
  if (segment.bytes < SEGMENT_HEADER_BYTES) return []
  if (!identified) {
    return [
      damageIn({
        kind: 'segment-header',
        file: name,
        bytes: segment.bytes,
        acknowledged: null,
        detail: `No segment has a valid header, so that nothing in ${name} can be verified.`,
      }),
    ]
  }
  const unfinished = segment === live.at(-1) && durableBefore <= firstSeq
  const what = badCopies.length === 2 ? 'Neither copy' : 'One of the two copies'
  const detail = unfinished
    ? `${name} was being begun: its header is not whole. Nothing promised to be durable is lost.`
    : `${what} of the header of ${name} ${badCopies.length === 2 ? 'verifies' : 'does not verify'}. No record is lost by this alone.`
  return badCopies.map((copy) =>
    damageIn({
      kind: unfinished ? 'torn-tail' : 'segment-header',
      file: name,
      offset: copy * SECTOR_BYTES,
      bytes: SECTOR_BYTES,
      acknowledged: false,
      detail,
    }),
  )
}

/**
 * Refuses a log that the analysis cannot prove whole. `policies`: by which it opens.
 * @throws WALV_DAMAGED with the damage list in `detail`
 */
export function refuseLoss(
  path: string,
  damage: readonly Damage[],
  policies: readonly RecoveryPolicy[],
): void {
  const losses = damage.filter(({ acknowledged }) => acknowledged !== false)
  const [first] = losses
  if (first === undefined) return
  const more = losses.length > 1 ? ` (and ${losses.length - 1} more)` : ''
  throw new WalError(
    'WALV_DAMAGED',
    `The log in ${path} has lost acknowledged records, or cannot prove that it has not: ${first.detail}${more} Nothing was changed. ` +
      `See everything with: npx walv doctor ${path}. ${adviceFor(damage, policies)}`,
    { file: first.file, offset: first.offset, detail: damage },
  )
}

/** Only what works: where a policy refuses too, it is not named. */
function adviceFor(damage: readonly Damage[], policies: readonly RecoveryPolicy[]): string {
  if (damage.some(({ kind, acknowledged }) => kind === 'foreign' && acknowledged === null))
    return 'It prints the commands that put its files where they belong; until then it opens under no policy.'
  if (policies.length === 0)
    return 'It opens under no policy: restore a backup, or move the files away to start anew.'
  const named = policies.map((policy) => `'${policy}'`).join(' or ')
  return `To go on with what is left, open it with recovery: ${named}.`
}
