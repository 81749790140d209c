import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { writeFully } from '../disk/disk.ts'
import type { CheckpointEntry, Damage } from '../entry.ts'
import { WalError } from '../errors.ts'
import { alignUp } from '../format/byte-buffer.ts'
import { encodeSegmentHeader, LOG_ID_BYTES, type SegmentHeader, segmentSeed } from '../format/segment.ts'
import { copyRecords, FrameSink } from './copy.ts'
import { damageOf } from './damage.ts'
import { LOCK_FILE, readDirectory, refuseDirectory, SNAPSHOT_FOLDER, TEMPORARY_SUFFIX } from './directory.ts'
import { makeDirectory } from './make-directory.ts'
import type { WalSettings } from './options.ts'
import { repairSegments } from './repair.ts'
import { createSegment, FIRST_SEGMENT_BYTES, HEADER_ROOM, type OpenSegment, removeFiles } from './segments.ts'
import type { SnapshotStore } from './snapshot-store.ts'
import { FIRST_FRAME, refuseLoss, type Survey, survey } from './survey.ts'
import type { FoundCheckpoint } from './tally.ts'
import type { Spot } from './walk.ts'

/** A last segment with less than this in it is carried over into the new one, so that opening often does not leave many small files. */
const CARRY_BYTES = 64 * 1024

/** What opening found and did. */
export interface RecoveryReport {
  /** Records read and verified, transactions' markers and checkpoints included. */
  readonly entries: number
  readonly bytes: number
  readonly segments: number
  /** −1 for an empty log. */
  readonly lastSeq: number
  readonly transactions: {
    readonly committed: number
    /** Aborted by their owner, or open when the process ended and therefore aborted now. */
    readonly aborted: number
    /** Prepared, waiting for a decision: their ids. */
    readonly inDoubt: readonly number[]
  }
  readonly checkpoints: number
  /** Through which sequence number the verified snapshot reaches that a replay starts from; undefined without one. */
  readonly snapshotSeq: number | undefined
  readonly damage: readonly Damage[]
  /** Ranges that an earlier repair recorded as lost. */
  readonly gaps: readonly { readonly from: number; readonly through: number }[]
  readonly closedInOrder: boolean
  /** Records at the end that no promise covered, written again and synced before anything else. */
  readonly reproved: number
  /** Paths of what was copied or moved to `quarantine/`. */
  readonly quarantined: readonly string[]
  readonly durationMs: number
}

/** A log as recovery leaves it. */
export interface Recovered {
  readonly survey: Survey
  readonly checkpoint: CheckpointEntry | undefined
  readonly checkpoints: readonly FoundCheckpoint[]
  readonly report: RecoveryReport
}

/** Makes a directory and whatever of its path is missing, each name durable. */
export async function ensureDirectory(disk: Disk, path: string): Promise<void> {
  try {
    await makeDirectory(disk, path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EEXIST') return
    const parent = dirname(path)
    if (code !== 'ENOENT' || parent === path) refuseDirectory(path, error)
    await ensureDirectory(disk, parent)
    await makeDirectory(disk, path).catch((second) => {
      if (second.code !== 'EEXIST') refuseDirectory(path, second)
    })
  }
}

/**
 * Reads, verifies and judges a log; repairs it where the policy says so. Changes nothing with `readOnly`.
 * @throws WALV_DAMAGED under `'strict'`
 */
export async function recover(settings: WalSettings, snapshots: SnapshotStore): Promise<Recovered> {
  const started = performance.now()
  const { disk, directory } = settings
  const { judged, damage, ...found } = await look(settings, snapshots)
  let { surveyed } = found
  const quarantined: string[] = []
  if (settings.recovery === 'strict') refuseLoss(directory, damage)
  if (!settings.readOnly) {
    if (surveyed.logId === undefined && damage.some(({ acknowledged }) => acknowledged !== false))
      refuseUnreadable(directory, damage)
    for (const name of judged.bad) {
      const path = await snapshots.quarantine(name)
      if (path !== undefined) quarantined.push(path)
    }
    if (settings.recovery === 'repair' && damage.some(({ kind }) => kind !== 'torn-tail')) {
      quarantined.push(...(await repairSegments(disk, directory, surveyed)))
      surveyed = (await lookOnce(settings, snapshots)).surveyed
      refuseLoss(directory, surveyed.damage)
    }
  }
  const { tally } = surveyed
  const open = [...tally.open.values()]
  const report: RecoveryReport = {
    entries: tally.entries,
    bytes: tally.bytes,
    segments: surveyed.segments.length,
    lastSeq: surveyed.endSeq - 1,
    transactions: {
      committed: tally.committed,
      aborted: tally.aborted + open.filter(({ prepared }) => !prepared).length,
      inDoubt: open.filter(({ prepared }) => prepared).map(({ id }) => id),
    },
    checkpoints: tally.checkpoints.length,
    snapshotSeq: judged.checkpoint?.sequenceNumber,
    damage,
    gaps: tally.gaps,
    closedInOrder: surveyed.closed,
    reproved: settings.readOnly
      ? 0
      : Math.max(0, surveyed.endSeq - Math.max(surveyed.durableBefore, surveyed.firstSeq)),
    quarantined,
    durationMs: performance.now() - started,
  }
  return { survey: surveyed, checkpoint: judged.checkpoint, checkpoints: judged.usable, report }
}

/** Going on would mean to start empty in the place of a log that may only have lost its headers. */
function refuseUnreadable(directory: string, damage: readonly Damage[]): never {
  const message = `No segment in ${directory} has a valid header, or none is there, so that nothing can be read. Nothing was changed. Restore a backup, or move the files away to start anew.`
  throw new WalError('WALV_DAMAGED', message, { file: directory, detail: damage })
}

/** How often to look again beside a live writer, where files and snapshots may be retired while we read. */
const READ_ONLY_TRIES = 20

interface Found {
  readonly surveyed: Survey
  readonly judged: Judged
  readonly damage: readonly Damage[]
}

/** Beside a live writer, what looks like damage may be a group that was written while we read: it counts only if it is still there at a second look. */
async function look(settings: WalSettings, snapshots: SnapshotStore): Promise<Found> {
  let before: string | undefined
  for (let tries = settings.readOnly ? READ_ONLY_TRIES : 1; ; tries--) {
    try {
      const found = await lookOnce(settings, snapshots)
      const doubtful = JSON.stringify(found.damage.filter(({ kind }) => kind !== 'torn-tail'))
      if (tries === 1 || doubtful === '[]' || doubtful === before) return found
      before = doubtful
    } catch (error) {
      if (tries === 1 || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

async function lookOnce({ disk, directory, ...options }: WalSettings, snapshots: SnapshotStore): Promise<Found> {
  const listed = await readDirectory(disk, directory)
  const { surveyed, judged } = await judge(await survey(disk, listed, options), snapshots)
  const damage = [...judged.damage, ...surveyed.damage]
  if (listed.segments.length === 0 && listed.snapshots.length > 0) damage.push(NO_SEGMENT)
  return { surveyed, judged, damage }
}

/** A log's first segment is there before its first snapshot, and a last one always. */
const NO_SEGMENT: Damage = {
  kind: 'missing-segment',
  file: SNAPSHOT_FOLDER,
  offset: 0,
  bytes: 0,
  acknowledged: null,
  seqs: [],
  ids: [],
  detail: 'There are snapshots but not one segment: the log itself is gone.',
}

/**
 * Retiring old segments may be cut short with one in the middle gone and an older one still there. What lies before such a hole is no part of the log any more if a
 * verified snapshot holds it.
 */
async function judge(found: Survey, snapshots: SnapshotStore): Promise<{ surveyed: Survey; judged: Judged }> {
  const hole = found.spots.findLast(({ kind }) => kind === 'missing-segment')
  if (hole?.lostThrough != null) {
    const surveyed = withoutRetired(found, hole.lostThrough + 1)
    const judged = await chooseSnapshot(surveyed, snapshots)
    if (judged.checkpoint) return { surveyed, judged }
  }
  const judged = await chooseSnapshot(found, snapshots)
  return { surveyed: judged.checkpoint ? found : withLostBeginning(found), judged }
}

/** Without a snapshot that holds what came before the first record, that is lost. */
function withLostBeginning(found: Survey): Survey {
  const [first] = found.segments
  if (first === undefined || found.firstSeq === 0) return found
  const reason = `the log begins with record ${found.firstSeq}, and no snapshot that verifies holds what came before`
  const spot: Spot = {
    kind: 'missing-segment',
    file: first.name,
    segment: first.number,
    offset: 0,
    bytes: 0,
    lostFrom: 0,
    lostThrough: found.firstSeq - 1,
    ids: [],
    reason,
  }
  const damage = damageOf(spot, Math.max(found.durableBefore, found.firstSeq), found.endSeq)
  return { ...found, spots: [spot, ...found.spots], damage: [...found.damage, damage] }
}

function withoutRetired(found: Survey, firstSeq: number): Survey {
  const retired = found.segments.filter((segment) => segment.limitSeq <= firstSeq)
  const names = new Set(retired.map(({ name }) => name))
  const first = found.segments.find(({ name }) => !names.has(name))
  const isGone = (place: { readonly file: string; readonly kind: string }): boolean =>
    names.has(place.file) || (place.kind === 'missing-segment' && place.file === first?.name)
  return {
    ...found,
    firstSeq,
    segments: found.segments.filter(({ name }) => !names.has(name)),
    unusedSegments: [...found.unusedSegments, ...names],
    spots: found.spots.filter((spot) => !isGone(spot)),
    damage: found.damage.filter((damage) => !isGone(damage)),
  }
}

interface Judged {
  readonly checkpoint: CheckpointEntry | undefined
  readonly usable: readonly FoundCheckpoint[]
  /** Names of snapshots that do not verify. */
  readonly bad: readonly string[]
  readonly damage: readonly Damage[]
}

/** The newest checkpoint whose snapshot verifies and behind which the log is whole. Older snapshots are not looked at. */
async function chooseSnapshot({ tally, firstSeq }: Survey, snapshots: SnapshotStore): Promise<Judged> {
  const bad: string[] = []
  const damage: Damage[] = []
  const named = tally.checkpoints.filter(({ entry }) => entry.snapshot !== null)
  for (let index = named.length - 1; index >= 0; index--) {
    const { entry } = named[index]!
    if (entry.replayFrom < firstSeq) break
    const problem = await snapshots.problem(entry.snapshot!)
    if (problem === undefined) {
      const usable = named.slice(0, index + 1).filter((found) => found.entry.replayFrom >= firstSeq)
      return { checkpoint: entry, usable, bad, damage }
    }
    bad.push(entry.snapshot!.name)
    damage.push(badSnapshot(entry, problem))
  }
  return { checkpoint: undefined, usable: [], bad, damage }
}

const badSnapshot = ({ snapshot, sequenceNumber }: CheckpointEntry, problem: string): Damage => ({
  kind: 'snapshot',
  file: `snapshots/${snapshot!.name}`,
  offset: 0,
  bytes: snapshot!.files.reduce((sum, { bytes }) => sum + bytes, 0),
  acknowledged: false,
  seqs: [],
  ids: [],
  detail: `The snapshot through record ${sequenceNumber} does not verify: ${problem}. An earlier snapshot, or the log alone, is used instead.`,
})

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
 * Goes on in a new segment, never in an old file: what no promise covers is written again and synced there before it counts, because a page that a
 * failed sync left in the cache may never have reached the disk. The segment appears whole or not at all.
 */
export async function continueLog(settings: WalSettings, { survey: found }: Recovered): Promise<Continuation> {
  const { disk, directory } = settings
  const logId = found.logId ?? randomBytes(LOG_ID_BYTES)
  const number = found.lastSegmentNumber + 1
  const firstSeq = carryFrom(found)
  const sources = found.segments.filter((segment) => segment.limitSeq > firstSeq && segment.firstSeq < found.endSeq)
  const sourceBytes = sources.reduce((sum, segment) => sum + (found.usedBytes.get(segment.number) ?? 0), 0)
  const capacity = alignUp(FIRST_SEGMENT_BYTES + (sourceBytes > FIRST_SEGMENT_BYTES / 2 ? sourceBytes : 0), 4096)
  const header: SegmentHeader = {
    logId,
    number,
    firstSeq,
    capacity,
    durableBefore: found.endSeq,
    createdAt: settings.clock(),
  }
  let offset = FIRST_FRAME
  const segment = await createSegment(disk, directory, number, capacity, async (file) => {
    const sink = new FrameSink(file, segmentSeed(logId, number), HEADER_ROOM)
    for (const source of sources) {
      await copyRecords(disk, { ...source, limitSeq: Math.min(source.limitSeq, found.endSeq) }, firstSeq, sink)
    }
    await writeFully(file, encodeSegmentHeader(header), 0)
    offset = sink.offset
  })
  const superseded = found.segments.filter((source) => source.firstSeq >= firstSeq).map(({ name }) => name)
  return { logId, segment, header, offset, superseded: [...superseded, ...found.unusedSegments] }
}

/** The first record to be carried over: the first that is not promised; or all of a small, undamaged last segment. */
function carryFrom(found: Survey): number {
  const unproved = Math.min(Math.max(found.durableBefore, found.firstSeq), found.endSeq)
  const last = found.segments.at(-1)
  if (last === undefined || !last.headerValid || (found.usedBytes.get(last.number) ?? 0) >= CARRY_BYTES) return unproved
  const damaged = found.damage.some(({ file, kind }) => file === last.name && kind !== 'torn-tail')
  return damaged ? unproved : Math.min(unproved, last.firstSeq)
}

/**
 * Syncs what is there before it is trusted: names that an earlier process did not get to sync, those of the directories above where the log is new, and the file that
 * was written last.
 */
export async function syncFirst(disk: Disk, directory: string, found: Survey): Promise<void> {
  await disk.syncDirectory(directory)
  const last = found.segments.at(-1)
  if (!last) {
    await syncAncestors(disk, directory)
    return
  }
  const file = await disk.open(last.path, 'write')
  await file.sync().finally(() => file.close())
}

async function syncAncestors(disk: Disk, directory: string): Promise<void> {
  for (let path = dirname(directory); ; path = dirname(path)) {
    try {
      await disk.syncDirectory(path)
    } catch (error) {
      // A directory that we may not even look into is not one that we, or a process like us, made.
      if (!['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
    if (dirname(path) === path) return
  }
}

/** Removes what unfinished work of an earlier process left behind. */
export async function removeLeftovers(disk: Disk, directory: string, superseded: readonly string[]): Promise<void> {
  const entries = await disk.list(directory)
  const temporaries = entries.map(({ name }) => name).filter((name) => name.endsWith(`.walv${TEMPORARY_SUFFIX}`))
  await removeFiles(disk, directory, [...superseded, ...temporaries])
}

export const lockPath = (directory: string): string => join(directory, LOCK_FILE)

/** Turns an abort into an error of ours. */
export function refuseAborted(error: unknown, signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new WalError('WALV_ABORTED', 'Opening the log was aborted. The directory is as it was.', { cause: error })
}
