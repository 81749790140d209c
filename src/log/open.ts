import type { Damage } from '../entry.ts'
import { Checkpoints } from './checkpoint/checkpoints.ts'
import { Retention } from './checkpoint/retention.ts'
import type { SnapshotStore } from './checkpoint/snapshot-store.ts'
import { CursorStore } from './cursor/cursor-store.ts'
import type { DirectoryLock } from './directory-lock.ts'
import { LOCK_FILE, refuseDirectory } from './layout.ts'
import type { WalSettings } from './options.ts'
import { readDirectory } from './recover/directory.ts'
import type { ProvedLog } from './recover/proved-part.ts'
import {
  continueLog,
  ensureDirectoryPath,
  type Recovered,
  recover,
  removeLeftovers,
  syncFirst,
} from './recover/recover.ts'
import { SegmentList } from './segment/segments.ts'
import { takeLock } from './take-lock.ts'
import { TransactionTable } from './transaction/transactions.ts'
import { GroupCommit } from './write/group-commit.ts'

/** What only a log that is open for writing has. */
export interface OpenLog {
  readonly lock: DirectoryLock
  readonly writer: GroupCommit
  readonly transactions: TransactionTable
  readonly segments: SegmentList
  readonly checkpoints: Checkpoints
  readonly retention: Retention
}

/** Of a directory that several processes share. */
export interface SharedOpening {
  /** Of a log that this process has followed until now. */
  readonly lock?: DirectoryLock | undefined
  /** What it has read of it meanwhile: it is not read again. */
  readonly proved?: ProvedLog | undefined
}

/**
 * Takes the lock, recovers the log behind what is proved, and makes it ready to go on. Without
 * success the lock is given back, once whatever was begun has come to its end.
 */
export async function openForWriting(
  settings: WalSettings,
  snapshots: SnapshotStore,
  opening: SharedOpening,
): Promise<{ readonly recovered: Recovered; readonly writing: OpenLog }> {
  const lock = opening.lock ?? (await lockDirectory(settings))
  try {
    const recovered = await recover(settings, snapshots, opening.proved)
    return { recovered, writing: await startWriting(settings, recovered, snapshots, lock) }
  } catch (error) {
    // What failed is what is told.
    await lock.release().catch(() => {})
    throw error
  }
}

async function lockDirectory(settings: WalSettings): Promise<DirectoryLock> {
  await ensureDirectoryPath(settings.disk, settings.directory)
  await refuseUnlockable(settings)
  return takeLock(settings)
}

/**
 * Nothing of ours is put into a directory that is refused: only a log of this format has a lock
 * file.
 */
async function refuseUnlockable({ disk, directory }: WalSettings): Promise<void> {
  const entries = await disk.list(directory).catch((error) => refuseDirectory(directory, error))
  if (!entries.some(({ name }) => name === LOCK_FILE)) await readDirectory(disk, directory)
}

async function startWriting(
  settings: WalSettings,
  recovered: Recovered,
  snapshots: SnapshotStore,
  lock: DirectoryLock,
): Promise<OpenLog> {
  const { disk, directory } = settings
  const { analysis } = recovered
  await syncFirst(disk, directory, analysis)
  const { logId, segment, header, offset, superseded } = await continueLog(settings, recovered)
  const kept = analysis.segments.filter(({ firstSeq }) => firstSeq < header.firstSeq)
  const isWhole = recovered.report.damage.every(isHarmless) && analysis.tally.undecodableCheckpoints === 0
  const damaged = settings.recovery === 'salvage' ? damagedFiles(recovered) : new Set<string>()
  const segments = new SegmentList(disk, directory, logId, kept, damaged)
  segments.add(segment, header)
  const isEvidence = (name: string): boolean =>
    damaged.has(name) || (!isWhole && analysis.supersededSegments.includes(name))
  const { endSeq: nextSeq, tally } = analysis
  const start = {
    lock,
    logId,
    segment,
    previous: header.previous,
    offset,
    nextSeq,
    lastTimestamp: tally.lastTimestamp,
  }
  // The writer and the table need each other: the writer tells of refusals only once it has been
  // appended to.
  let transactions: TransactionTable
  const writer = new GroupCommit(settings, segments, start, (seq) => transactions.refusedFrom(seq))
  const open = [...tally.transactions.open.values()]
  transactions = new TransactionTable(
    writer,
    open.filter(({ prepared }) => prepared),
    settings.ageClock,
  )
  try {
    await removeLeftovers(settings, superseded, isEvidence)
    const { checkpoints: found } = recovered
    // Where records are lost, a checkpoint may be among them, and its snapshot may be all that is
    // left of them. Else one that no checkpoint names is of one that never came to be.
    const spared = isWhole ? [] : await snapshots.unnamed(found)
    const cursors = new CursorStore(disk, directory)
    const retention = new Retention(settings, snapshots, segments, cursors, found, spared)
    const checkpoints = new Checkpoints(settings, snapshots, segments, writer, transactions, retention)
    const undecided = open.filter(({ prepared }) => !prepared)
    await Promise.all(undecided.map(({ id }) => transactions.mark(id, 'abortTransaction')))
    if (isWhole) await retention.removeUnnamed()
    return { lock, writer, transactions, segments, checkpoints, retention }
  } catch (error) {
    await writer.close().catch(() => {})
    throw error
  }
}

/** Segments in which something is lost that may be read at another try, or by somebody else. */
const damagedFiles = ({ report }: Recovered): Set<string> =>
  new Set(report.damage.filter((each) => !isHarmless(each)).map(({ file }) => file))

/** What cannot be read now may be wanted later. */
const isHarmless = ({ acknowledged, kind }: Damage): boolean =>
  acknowledged === false && kind !== 'unreadable'
