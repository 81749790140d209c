import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import { monotonicMs } from '../../clock.ts'
import { damageChannel } from '../../diagnostics.ts'
import { createDirectory } from '../../disk/directories.ts'
import { type Disk, type DiskFile, writeFully } from '../../disk/disk.ts'
import { changeNames, TEMPORARY_SUFFIX } from '../../disk/names.ts'
import type { CheckpointEntry, Damage } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { alignUp } from '../../format/byte-buffer.ts'
import {
  encodeSegmentHeader,
  LOG_ID_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentNumber,
} from '../../format/segment.ts'
import { SegmentCodec } from '../../format/segment-codec.ts'
import type { FoundCheckpoint } from '../checkpoint/found-checkpoint.ts'
import type { SnapshotManifest } from '../checkpoint/snapshot-manifest.ts'
import type { SnapshotStore } from '../checkpoint/snapshot-store.ts'
import { refuseDirectory } from '../layout.ts'
import type { RecoveryReport } from '../log.ts'
import type { RecoveryPolicy, WalSettings } from '../options.ts'
import { moveToQuarantine } from '../quarantine.ts'
import { copyRecords, FrameSink } from '../segment/frame-copy.ts'
import { createSegment, FIRST_SEGMENT_BYTES, type OpenSegment, removeFiles } from '../segment/segments.ts'
import { type Analysis, refuseLoss } from './analysis.ts'
import { acceptLosses, isLoss, isTold, noteLosses } from './loss-notes.ts'
import type { ProvedLog } from './proved-part.ts'
import { repairSegments } from './repair.ts'
import { beginAnew } from './rescue.ts'
import { examineLog, examineOnce, type LogFindings } from './snapshot-choice.ts'
import { identityOfLog } from './tally.ts'

/**
 * A last segment with less than this in it is carried over into the new one, so that opening often
 * does not leave many small files.
 */
const CARRY_BYTES = 64 * 1024

/** A log as recovery leaves it. */
export interface Recovered {
  readonly analysis: Analysis
  readonly checkpoint: CheckpointEntry | undefined
  readonly checkpoints: readonly FoundCheckpoint[]
  readonly report: RecoveryReport
}

/** Makes a directory and whatever of its path is missing, each name durable. */
export async function ensureDirectoryPath(disk: Disk, path: string): Promise<void> {
  try {
    await createDirectory(disk, path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EEXIST') return
    const parent = dirname(path)
    if (code !== 'ENOENT' || parent === path) refuseDirectory(path, error)
    await ensureDirectoryPath(disk, parent)
    await createDirectory(disk, path).catch((second) => {
      if (second.code !== 'EEXIST') refuseDirectory(path, second)
    })
  }
}

/**
 * Reads, verifies and judges a log; repairs it where the policy says so. Changes nothing with
 * `readOnly`. `proved`: what this process has read before is not read again.
 * @throws WALV_DAMAGED under `'strict'`
 */
export async function recover(
  settings: WalSettings,
  snapshots: SnapshotStore,
  proved?: ProvedLog,
): Promise<Recovered> {
  const started = monotonicMs()
  const { disk, directory } = settings
  const found = await examineLog(settings, snapshots, proved)
  const { damage, notes } = found
  let { analysis, choice } = found
  if (damageChannel.hasSubscribers)
    for (const each of damage) damageChannel.publish({ directory, damage: each })
  const quarantined: string[] = []
  if (settings.recovery === 'strict') refuseLoss(directory, damage, policiesFor(found))
  if (found.refusal) throw found.refusal
  if (!settings.readOnly) {
    const rescue = settings.recovery === 'repair' ? await soundRescue(settings, found, snapshots) : undefined
    if (analysis.logId === undefined && !rescue && damage.some(isLoss)) refuseUnreadable(found, settings)
    refuseForeign(directory, damage)
    const noted = notes.flatMap(({ losses }) => losses)
    const losses = damage.filter((each) => isLoss(each) && !isTold(each, noted))
    if (settings.recovery === 'repair' && notes.length > 0) await acceptLosses(disk, directory)
    if (settings.recovery === 'salvage' && losses.length > 0)
      await noteLosses(disk, directory, { endSeq: analysis.endSeq, losses })
    for (const name of choice.bad) {
      const path = await snapshots.quarantine(name)
      if (path !== undefined) quarantined.push(path)
      else if (settings.recovery === 'repair') await snapshots.noteMissing(name)
    }
    if (settings.recovery === 'repair' && damage.some(({ kind }) => kind !== 'torn-tail')) {
      if (damage.some(isLoss)) quarantined.push(...(await quarantineUnnamed({ ...found, rescue }, snapshots)))
      const rewritten = rescue
        ? beginAnew(settings, analysis, rescue)
        : repairSegments(disk, directory, analysis)
      quarantined.push(...(await rewritten))
      const again = await examineOnce({ ...settings, content: found.rescue && settings.content }, snapshots)
      analysis = again.analysis
      if (found.rescue) choice = again.choice
      refuseLoss(directory, analysis.damage, [])
    }
  }
  const report = {
    ...reportOf(settings, { ...found, analysis, choice }),
    quarantined,
    durationMs: monotonicMs() - started,
  }
  return { analysis: analysis, checkpoint: choice.checkpoint, checkpoints: choice.usable, report }
}

function reportOf(
  { readOnly }: WalSettings,
  { analysis, choice, damage }: LogFindings,
): Omit<RecoveryReport, 'quarantined' | 'durationMs'> {
  const { tally } = analysis
  const open = [...tally.transactions.open.values()]
  const index = identityOfLog(tally)
  return {
    entries: tally.entries,
    bytes: tally.bytes,
    segments: analysis.segments.length,
    lastSeq: analysis.endSeq - 1,
    transactions: {
      committed: tally.committed,
      aborted: tally.aborted + open.filter(({ prepared }) => !prepared).length,
      inDoubt: open.filter(({ prepared }) => prepared).map(({ id }) => id),
    },
    incompleteTransactions: tally.transactions.incomplete,
    checkpoints: tally.checkpoints.length,
    snapshotSeq: choice.checkpoint?.sequenceNumber,
    damage,
    gaps: tally.gaps,
    closedInOrder: analysis.closed,
    reproved: readOnly
      ? 0
      : Math.max(0, analysis.endSeq - Math.max(analysis.durableBefore, analysis.firstSeq)),
    ...(index && { index }),
  }
}

/**
 * A snapshot that no checkpoint names may be all that is left of what is lost. Beside a log that is
 * whole again the next opening would remove it.
 */
async function quarantineUnnamed(
  { analysis, rescue }: LogFindings,
  snapshots: SnapshotStore,
): Promise<string[]> {
  const paths: string[] = []
  for (const name of await snapshots.unnamed(analysis.tally.checkpoints)) {
    if (name === rescue?.checkpoint.snapshot?.name) continue
    const path = await snapshots.quarantine(name)
    if (path !== undefined) paths.push(path)
  }
  return paths
}

/** Tried out only now: what is loaded by that is what the log goes on with. */
async function soundRescue(
  { content }: WalSettings,
  { rescue }: LogFindings,
  snapshots: SnapshotStore,
): Promise<SnapshotManifest | undefined> {
  if (rescue === undefined || content === undefined) return rescue
  const outcome = await content.tryOut(
    snapshots.open(rescue.checkpoint.snapshot!),
    rescue.checkpoint.sequenceNumber,
    0,
  )
  return typeof outcome === 'boolean' ? rescue : undefined
}

/**
 * By which policies a log that has lost something opens. Without a header nothing in a segment can
 * be verified.
 */
export function policiesFor({ analysis, rescue }: LogFindings): RecoveryPolicy[] {
  if (analysis.logId !== undefined) return ['salvage', 'repair']
  return rescue ? ['repair'] : []
}

/** Going on would mean to start empty in the place of a log that may only have lost its headers. */
function refuseUnreadable({ damage, rescue }: LogFindings, { directory, recovery }: WalSettings): never {
  const advice =
    rescue && recovery !== 'repair'
      ? `Restore a backup, or begin it anew from ${rescue.checkpoint.snapshot!.name} with recovery: 'repair'.`
      : 'Restore a backup, or move the files away to start anew.'
  const message = `No segment in ${directory} has a valid header, or none is there, so that nothing can be read. Nothing was changed. ${advice}`
  throw new WalError('WALV_DAMAGED', message, { file: directory, detail: damage })
}

/**
 * Which of two logs in one directory is the one to go on with, and what a link leads to, nobody but
 * their owner can tell.
 */
function refuseForeign(directory: string, damage: readonly Damage[]): void {
  const foreign = damage.find(({ kind, acknowledged }) => kind === 'foreign' && acknowledged === null)
  if (foreign === undefined) return
  throw new WalError(
    'WALV_FOREIGN_LOG',
    `${directory} holds what may be of another log: ${foreign.detail} Nothing was changed.`,
    { file: foreign.file, detail: damage },
  )
}

/** The segment in which a recovered log goes on. */
export interface Continuation {
  readonly logId: Buffer
  readonly segment: OpenSegment
  readonly header: SegmentHeader
  readonly offset: number
  /** Names of files that hold nothing of the log any more. */
  readonly superseded: readonly string[]
}

/**
 * Goes on in a new segment, never in an old file: what no watermark covers is written again and
 * synced there before it counts, because a page that a failed sync left in the cache may never have
 * reached the disk. The segment appears whole or not at all.
 */
export async function continueLog(
  settings: WalSettings,
  { analysis: found }: Recovered,
): Promise<Continuation> {
  const { disk, directory } = settings
  const logId = found.logId ?? randomBytes(LOG_ID_BYTES)
  const number = found.lastSegmentNumber + 1
  const firstSeq = carryFrom(found)
  const carries = firstSeq < found.endSeq
  const sources = found.segments.filter(
    (segment) => carries && segment.supersededFrom > firstSeq && segment.firstSeq < found.endSeq,
  )
  const sourceBytes = sources.reduce((sum, segment) => sum + found.usedBytes.get(segment.number)!, 0)
  const capacity = alignUp(
    FIRST_SEGMENT_BYTES + (sourceBytes > FIRST_SEGMENT_BYTES / 2 ? sourceBytes : 0),
    4096,
  )
  const header: SegmentHeader = {
    logId,
    number,
    firstSeq,
    capacity,
    durableBefore: found.endSeq,
    createdAt: settings.clock(),
    previous: found.segments.findLast((segment) => segment.firstSeq < firstSeq)?.number ?? 0,
  }
  let offset = SEGMENT_HEADER_BYTES
  const write = async (file: DiskFile): Promise<void> => {
    const sink = new FrameSink(file, SegmentCodec.of(logId, number), SEGMENT_HEADER_BYTES)
    for (const source of sources) {
      const extent = { ...source, scanEnd: found.endSeq }
      await copyRecords(disk, extent, firstSeq, source.createdAt, sink, found.anomalies)
    }
    await writeFully(file, encodeSegmentHeader(header), 0)
    offset = sink.offset
  }
  const segment = await createSegment(disk, directory, number, capacity, { write })
  const superseded = found.segments.filter((source) => source.firstSeq >= firstSeq).map(({ name }) => name)
  return { logId, segment, header, offset, superseded: [...superseded, ...found.unusedSegments] }
}

/**
 * The first record to be carried over: the first that is not promised; or all of a small, undamaged
 * last segment.
 */
function carryFrom(found: Analysis): number {
  const unproved = Math.min(Math.max(found.durableBefore, found.firstSeq), found.endSeq)
  const last = found.segments.at(-1)
  if (last === undefined || !last.headerValid || found.usedBytes.get(last.number)! >= CARRY_BYTES)
    return unproved
  const damaged = found.damage.some(({ file, kind }) => file === last.name && kind !== 'torn-tail')
  return damaged ? unproved : Math.min(unproved, last.firstSeq)
}

/**
 * Syncs what is there before it is trusted: names that an earlier process did not get to sync,
 * those of the directories above where the log is new, and the file that was written last.
 */
export async function syncFirst(disk: Disk, directory: string, found: Analysis): Promise<void> {
  await changeNames(disk, directory)
  const last = found.segments.at(-1)
  if (!last) {
    await syncAncestors(disk, directory)
    return
  }
  const file = await disk.open(last.path, 'write')
  await file.sync().finally(() => file.close())
}

async function syncAncestors(disk: Disk, directory: string): Promise<void> {
  let path = directory
  do {
    path = dirname(path)
    try {
      await changeNames(disk, path)
    } catch (error) {
      // A directory that we may not even look into is not one that we, or a process like us, made.
      if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  } while (path !== dirname(path))
}

/**
 * Removes what unfinished work of an earlier process left behind, and what is superseded: this goes
 * to `quarantine/` where anything could still be read in it.
 */
export async function removeLeftovers(
  { disk, directory }: WalSettings,
  superseded: readonly string[],
  isEvidence: (name: string) => boolean,
): Promise<void> {
  for (const name of superseded.filter(isEvidence)) await moveToQuarantine(disk, directory, name)
  const names = (await disk.list(directory)).filter(({ kind }) => kind === 'file').map(({ name }) => name)
  const temporaries = names
    .filter((name) => segmentNumber(name.replace(TEMPORARY_SUFFIX, '')) !== undefined)
    .filter((name) => name.endsWith(TEMPORARY_SUFFIX))
  await removeFiles(disk, directory, [...superseded.filter((name) => !isEvidence(name)), ...temporaries])
}

const OPENING_ABORTED = 'Opening the log was aborted. Nothing that it held is lost.'

/**
 * Turns an abort into an error of ours. Opening for writing may have gone on to a new segment by
 * then, or have repaired some: nothing is lost by that.
 */
export function refuseAborted(
  error: unknown,
  signal: AbortSignal | undefined,
  what: string = OPENING_ABORTED,
): void {
  if (signal?.aborted) throw new WalError('WALV_ABORTED', what, { cause: error })
}
