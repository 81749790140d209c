import { createHash } from 'node:crypto'
import { TEMPORARY_SUFFIX } from '../../disk/names.ts'
import type { CheckpointEntry, Damage, SnapshotReference } from '../../entry.ts'
import type { WalError } from '../../errors.ts'
import type { FoundCheckpoint } from '../checkpoint/found-checkpoint.ts'
import type { SnapshotManifest } from '../checkpoint/snapshot-manifest.ts'
import type { SnapshotProblem, SnapshotStore } from '../checkpoint/snapshot-store.ts'
import { damageIn } from '../damage.ts'
import type { ContentRules, WalSettings } from '../options.ts'
import type { Anomaly } from '../segment/segment-scan.ts'
import { type Analysis, analyze } from './analysis.ts'
import { coveredPart } from './behind-snapshot.ts'
import { LOOKS_BESIDE_WRITER, lookBesideWriter } from './beside-writer.ts'
import { damageOf } from './damage.ts'
import { type LogDirectory, type Reach, readDirectory, type SegmentFile } from './directory.ts'
import { isTold, type LossNote, readLossNotes } from './loss-notes.ts'
import { type PastView, trimmed, viewOf, wholeView } from './past.ts'
import type { ProvedLog } from './proved-part.ts'
import { findRescue } from './rescue.ts'
import { identityOfLog } from './tally.ts'

/** What a log was found to be, with everything that is wrong with it. */
export interface LogFindings {
  readonly analysis: Analysis
  /** The segments by themselves, before it is asked what a snapshot holds of them. */
  readonly scanned: Analysis
  readonly choice: SnapshotChoice
  readonly damage: readonly Damage[]
  /** What was passed over before. */
  readonly notes: readonly LossNote[]
  /** Where the end of the log is lost, or all of it: the snapshot to begin it anew from. */
  readonly rescue: SnapshotManifest | undefined
  /** Why a moment that was asked for cannot be shown. */
  readonly refusal?: WalError | undefined
}

/**
 * Beside a live writer, what looks like damage may be a group that was written while we read: it
 * counts only if it is still there at a second look.
 */
export async function examineLog(
  settings: WalSettings,
  snapshots: SnapshotStore,
  proved?: ProvedLog,
): Promise<LogFindings> {
  let before: string | undefined
  return lookBesideWriter(settings.readOnly ? LOOKS_BESIDE_WRITER : 1, async (isLast) => {
    const found = await examineOnce(settings, snapshots, proved)
    const doubtful = found.damage.filter(({ kind }) => kind !== 'torn-tail')
    const digest = digestOf(doubtful, found.refusal)
    if (isLast || (doubtful.length === 0 && !found.refusal) || digest === before) return found
    before = digest
    return undefined
  })
}

/** One by one: the text of all of them may be longer than a string can be. */
function digestOf(damage: readonly Damage[], refusal: WalError | undefined): string {
  const hash = createHash('sha256').update(refusal?.message ?? '')
  for (const each of damage) hash.update(JSON.stringify(each))
  return hash.digest('hex')
}

export async function examineOnce(
  settings: WalSettings,
  snapshots: SnapshotStore,
  proved?: ProvedLog,
): Promise<LogFindings> {
  const { disk, directory, content, signal } = settings
  const listed = await readDirectory(disk, directory)
  const covered = content?.past && (await coveredPart(disk, listed, content.past, snapshots, signal))
  if (covered === undefined) {
    if (proved === undefined && disk.hash) await prepare(snapshots, content)
    return examineBehind(settings, listed, snapshots, proved).finally(() => snapshots.forgetHashes())
  }
  const found = await examineBehind(settings, listed, snapshots, covered)
  // Why a moment cannot be shown, all of the log tells.
  const isShown = found.choice.checkpoint !== undefined || !found.analysis.isContinued
  return isShown ? found : examineBehind(settings, listed, snapshots, undefined)
}

/**
 * Most likely the newest snapshot is the one: other threads begin with it while the log is read.
 * Which one it is, the log decides.
 */
async function prepare(snapshots: SnapshotStore, content: ContentRules | undefined): Promise<void> {
  // What is wrong, whoever needs it finds out.
  const snapshot = await newestSnapshot(snapshots).catch(() => undefined)
  if (snapshot === undefined) return
  snapshots.hashAhead(snapshot)
  content?.expect?.(snapshot)
}

/** By what it says of itself. */
async function newestSnapshot(snapshots: SnapshotStore): Promise<SnapshotReference | undefined> {
  const names = (await snapshots.names()).filter((name) => !name.endsWith(TEMPORARY_SUFFIX))
  const newest = names.sort().at(-1)
  const manifest = newest === undefined ? undefined : await snapshots.manifest(newest)
  const snapshot = manifest?.checkpoint.snapshot
  return snapshot?.name === newest ? (snapshot ?? undefined) : undefined
}

async function examineBehind(
  { disk, directory, content, ...options }: WalSettings,
  listed: LogDirectory,
  snapshots: SnapshotStore,
  proved: ProvedLog | undefined,
): Promise<LogFindings> {
  const all = await analyze(disk, listed, { ...options, proved })
  const isBehindSnapshot = content?.past !== undefined && all.isContinued
  // A snapshot from before what is read is none to begin from.
  const found = isBehindSnapshot ? { ...all, firstSeq: proved!.before } : all
  content?.accept?.(identityOfLog(found.tally))
  const past = content?.past
  const view = past ? await viewOf(disk, directory, found, past, options.signal) : wholeView(found)
  const chosen = view.refusal
    ? { analysis: found, choice: NONE }
    : await chooseAround(view, snapshots, content)
  const isGone = past && !view.refusal && chosen.choice.checkpoint === undefined && found.firstSeq > 0
  const refusal = isGone ? await trimmed(directory, found, past, snapshots) : view.refusal
  const { analysis, choice } = refusal ? { analysis: found, choice: NONE } : chosen
  const damage = [...choice.damage, ...analysis.damage]
  const none = listed.segments.length === 0
  if (none && listed.reach) damage.push(noSegment(listed.reach))
  if (!none && analysis.segments.length === 0) damage.push(noHeader(listed.segments[0]!))
  const notes = await readLossNotes(disk, directory)
  damage.push(...notes.flatMap(({ losses }) => losses).filter((loss) => !isTold(loss, damage)))
  const rescue = await findRescue(damage, listed.reach, analysis, snapshots)
  return { analysis, scanned: found, choice, damage, notes, rescue, refusal }
}

/** A segment that is prepared ahead has one before it that is in use. */
const noHeader = ({ name, bytes }: SegmentFile): Damage =>
  damageIn({
    kind: 'segment-header',
    file: name,
    bytes,
    acknowledged: null,
    detail: `No segment has a valid header, and ${name} holds nothing but zeros: what was in it is gone.`,
  })

/** A log's first segment is there before its first snapshot, and a last one always. */
const noSegment = ({ name, through }: Reach): Damage =>
  damageIn({
    kind: 'missing-segment',
    file: name,
    acknowledged: true,
    seqs: [{ from: 0, through }],
    detail: `There is not one segment: the log itself is gone. ${name} was made when it reached to record ${through}.`,
  })

/**
 * What lies before a missing segment is not needed if a verified snapshot holds it: then nothing is
 * lost, and the log begins behind the hole. It is told, and the older files are left alone.
 */
async function chooseAround(
  { analysis: found, newest }: PastView,
  snapshots: SnapshotStore,
  content: ContentRules | undefined,
): Promise<{ analysis: Analysis; choice: SnapshotChoice }> {
  const hole = found.anomalies.findLast(({ kind }) => kind === 'missing-segment')
  if (hole?.lostThrough != null) {
    const analysis = withoutRetired(found, hole.file, hole.lostThrough + 1)
    const choice = await chooseSnapshot(analysis, newest, snapshots, content)
    if (choice.checkpoint) return { analysis, choice }
  }
  const choice = await chooseSnapshot(found, newest, snapshots, content)
  return { analysis: choice.checkpoint ? found : withLostBeginning(found, choice), choice }
}

/** Without a snapshot that holds what came before the first record, that is lost. */
function withLostBeginning(found: Analysis, choice: SnapshotChoice): Analysis {
  if (found.firstSeq === 0) return found
  const first = found.segments[0]!
  const why = choice.damage.some(({ kind }) => kind === 'unreadable')
    ? 'the snapshot that holds what came before cannot be read now'
    : 'no snapshot that verifies holds what came before'
  const reason = `the log begins with record ${found.firstSeq}, and ${why}`
  const anomaly: Anomaly = {
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
  const damage = damageOf(anomaly, Math.max(found.durableBefore, found.firstSeq), found.endSeq)
  return { ...found, anomalies: [anomaly, ...found.anomalies], damage: [...found.damage, damage] }
}

/** @param file the first behind the last hole: whatever is missing, is missing before it */
function withoutRetired(found: Analysis, file: string, firstSeq: number): Analysis {
  const needless = new Set(
    found.segments.filter((segment) => segment.supersededFrom <= firstSeq).map(({ name }) => name),
  )
  const isBefore = (bad: { readonly file: string; readonly kind: string }): boolean =>
    needless.has(bad.file) || bad.kind === 'missing-segment'
  const hole = damageIn({
    kind: 'missing-segment',
    file,
    acknowledged: false,
    detail: `A segment before record ${firstSeq} is missing. A snapshot that verifies holds what it held: no vector is lost, but ${[...needless].join(', ')} can no longer be read.`,
  })
  return {
    ...found,
    firstSeq,
    segments: found.segments.filter(({ name }) => !needless.has(name)),
    anomalies: found.anomalies.filter((anomaly) => !isBefore(anomaly)),
    damage: [...found.damage.filter((damage) => !isBefore(damage)), hole],
  }
}

/** Which snapshot to start from. */
export interface SnapshotChoice {
  readonly checkpoint: CheckpointEntry | undefined
  readonly usable: readonly FoundCheckpoint[]
  /** Names of snapshots that do not verify, without those that cannot be read now. */
  readonly bad: readonly string[]
  /** Whether the content of the snapshot was proved; undefined without a snapshot. */
  readonly proved: boolean | undefined
  readonly damage: readonly Damage[]
}

/**
 * The newest checkpoint whose snapshot verifies and behind which the log is whole. Older snapshots
 * are not looked at. What was quarantined was told then. Who goes on from what is proved loads
 * nothing, and so no file of a snapshot is read.
 */
async function chooseSnapshot(
  { tally, firstSeq, endSeq, isContinued }: Analysis,
  newest: number,
  snapshots: SnapshotStore,
  content: ContentRules = HASHES_ALONE,
): Promise<SnapshotChoice> {
  const bad: string[] = []
  const damage: Damage[] = []
  const named = tally.checkpoints.filter(
    ({ entry }) => entry.snapshot !== null && entry.sequenceNumber <= newest,
  )
  // A folder that does not verify for a newer checkpoint is not what an older one had.
  const seen = new Set<string>()
  for (let index = named.length - 1; index >= 0; index--) {
    const { entry } = named[index]!
    if (entry.replayFrom < firstSeq) break
    if (seen.has(entry.snapshot!.name)) continue
    seen.add(entry.snapshot!.name)
    let problem = await snapshots.problem(entry.snapshot!, isContinued && !content.past ? 'size' : 'content')
    if (problem === undefined) {
      const behind = (endSeq - entry.replayFrom) / Math.max(1, endSeq - firstSeq)
      const outcome = await content.tryOut(snapshots.open(entry.snapshot!), entry.sequenceNumber, behind)
      if (typeof outcome === 'boolean') {
        const usable = named.slice(0, index + 1).filter((found) => found.entry.replayFrom >= firstSeq)
        return { checkpoint: entry, usable, bad, proved: outcome, damage }
      }
      problem = { kind: 'snapshot', what: outcome.problem }
    }
    // Of the past, retention may have removed it.
    const isExpected = content.past !== undefined || (await snapshots.isQuarantined(entry.snapshot!.name))
    if (problem.kind === 'missing' && isExpected) continue
    if (problem.kind !== 'unreadable') bad.push(entry.snapshot!.name)
    damage.push(badSnapshot(entry, problem))
  }
  return { checkpoint: undefined, usable: [], bad, proved: undefined, damage }
}

const NONE: SnapshotChoice = { checkpoint: undefined, usable: [], bad: [], proved: undefined, damage: [] }

/** For who does not know what snapshots hold. */
const HASHES_ALONE: ContentRules = { tryOut: async () => false }

const badSnapshot = (
  { snapshot, sequenceNumber }: CheckpointEntry,
  { kind, what }: SnapshotProblem,
): Damage =>
  damageIn({
    kind: kind === 'unreadable' ? kind : 'snapshot',
    file: `snapshots/${snapshot!.name}`,
    bytes: snapshot!.files.reduce((sum, { bytes }) => sum + bytes, 0),
    acknowledged: false,
    detail: `The snapshot through record ${sequenceNumber} does not verify: ${what}. An earlier snapshot, or the log alone, is used instead.`,
  })
