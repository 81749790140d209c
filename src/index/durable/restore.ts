import { monotonicMs } from '../../clock.ts'
import { cut, echo } from '../../echo.ts'
import type { IndexIdentity, SnapshotReference } from '../../entry.ts'
import { WalError, type WalErrorCode } from '../../errors.ts'
import { indexIdentity, indexRecord } from '../../format/index-record.ts'
import { isShared, type Log, type RecoveryReport, type SharedLog, type Snapshot } from '../../log/log.ts'
import type { Past } from '../../log/moment.ts'
import type { ContentRules, WalOptions } from '../../log/options.ts'
import { LOOKS_BESIDE_WRITER, lookBesideWriter, wasRetired } from '../../log/recover/beside-writer.ts'
import { refuseAborted } from '../../log/recover/recover.ts'
import { Wal } from '../../log/wal.ts'
import type { ShareOptions } from '../../shared/share-options.ts'
import { SharedWal } from '../../shared/shared-wal.ts'
import { SNAPSHOT_FILE } from '../flat/flat-snapshot.ts'
import { populate } from '../kernel/populate.ts'
import { type OpeningTimes, OpeningWork } from '../opening-work.ts'
import type { VectorIndex } from '../vector-index.ts'
import type { ApplyOrder } from './apply-order.ts'
import { ApplyQueue } from './apply-queue.ts'
import { IndexState } from './index-state.ts'
import { SharedOrder } from './shared-order.ts'
import { cannotLoad, contentProblem, isProvable, savedIndex } from './snapshot-proof.ts'

/** Below that, starting a thread takes longer than what it does. */
const LARGE_BYTES = 64 * 1024 * 1024
/** What the memory of vectors takes beside them, as a share. */
const ROOM_BESIDE_VECTORS = 1 / 16

/** What opening found, replayed and loaded. */
export interface IndexRecoveryReport extends RecoveryReport {
  /**
   * Changes (batches and transactions count once) applied on top of the snapshot, or on nothing.
   */
  readonly replayed: number
  /** Changes that their own conditions kept from taking effect. */
  readonly voided: number
  /** Vectors that came from the snapshot. */
  readonly fromSnapshot: number
}

export interface Restored {
  readonly log: Log
  readonly state: IndexState
  readonly order: ApplyOrder
  readonly recovery: IndexRecoveryReport
  readonly times: OpeningTimes
}

/**
 * Opens a log and fills an empty index with what it holds. If that fails, the index is empty again
 * where it can be. With `past`, what the log held then; only read-only.
 */
export function openRestored(
  options: WalOptions,
  index: VectorIndex,
  model: string | undefined,
  past?: Past,
): Promise<Restored> {
  const loadingOf = (work: OpeningWork): SnapshotLoading =>
    new SnapshotLoading(options.directory, index, model, work, past)
  return restoreFrom((rest, content) => Wal.openWith(rest, content), options, loadingOf)
}

/** The same of a directory that other processes have open, too, and may write. */
export function openShared(
  { role, ...options }: Omit<ShareOptions, 'agreed'>,
  index: VectorIndex,
  model: string | undefined,
): Promise<Restored> {
  const { dimensions, metric } = index
  const sharing = {
    ...(role && { role }),
    agreed: { dimensions, metric, ...(model !== undefined && { model }) },
  }
  const open: OpenLog = (rest, content) => SharedWal.openWith({ ...rest, ...sharing }, content)
  const loadingOf = (work: OpeningWork): SnapshotLoading =>
    new SnapshotLoading(options.directory, index, model, work)
  return restoreFrom(open, options, loadingOf, true)
}

type OpenLog = (options: WalOptions, content: ContentRules) => Promise<Wal | SharedWal>

async function restoreFrom(
  open: OpenLog,
  options: WalOptions,
  loadingOf: (work: OpeningWork) => SnapshotLoading,
  isBesideWriter: boolean = options.readOnly ?? false,
): Promise<Restored> {
  const startedAt = monotonicMs()
  const work = new OpeningWork(options.onProgress, options.signal)
  let isEmpty = true
  const look = async (): Promise<Restored> => {
    const loading = loadingOf(work)
    try {
      return await openOnce(open, options, loading, work)
    } catch (error) {
      isEmpty = loading.state.empty()
      throw error
    }
  }
  const looks = isBesideWriter ? LOOKS_BESIDE_WRITER : 1
  const { recovery, ...opened } = await lookBesideWriter(looks, look, (error) => isEmpty && wasRetired(error))
  return { ...opened, recovery: { ...recovery, durationMs: monotonicMs() - startedAt } }
}

/**
 * The same over a log that is open already, with the snapshot that it says is right. If that fails,
 * the log is left open.
 */
export async function restoreOver(
  log: Log,
  options: Pick<WalOptions, 'onProgress' | 'signal'>,
  index: VectorIndex,
  model: string | undefined,
): Promise<Restored> {
  const startedAt = monotonicMs()
  const work = new OpeningWork(options.onProgress, options.signal)
  const loading = new SnapshotLoading(log.directory, index, model, work)
  try {
    loading.accept(log.recovery.index)
    work.logTook(log.recovery.durationMs)
    const after = log.lastCheckpoint?.sequenceNumber
    const outcome = log.snapshot && (await loading.tryOut(log.snapshot, after ?? -1, 1))
    if (typeof outcome === 'object') throw wrongSnapshot(log, outcome.problem)
    const { recovery, ...restored } = await fill(log, loading.state, after, options.signal, work)
    return { ...restored, recovery: { ...recovery, durationMs: monotonicMs() - startedAt } }
  } catch (error) {
    loading.state.empty()
    throw error
  }
}

const wrongSnapshot = ({ directory }: Log, problem: string): WalError =>
  new WalError(
    'WALV_DAMAGED',
    `The snapshot of the log in ${directory} cannot be used: ${problem}. Open the index with the directory instead of the log: it then goes on from the snapshot before.`,
    { file: directory },
  )

async function openOnce(
  open: OpenLog,
  options: WalOptions,
  loading: SnapshotLoading,
  work: OpeningWork,
): Promise<Restored> {
  const log = await open({ ...options, onProgress: work.logRead }, loading)
  // Who waits for another writer is not to be told that opening takes as long.
  if (options.lockWaitMs) work.logTook(log.recovery.durationMs - work.times.snapshotMs)
  try {
    return await fill(log, loading.state, log.recovery.snapshotSeq, options.signal, work)
  } catch (error) {
    // What failed is what is told.
    await log.close().catch(() => {})
    refuseAborted(error, options.signal)
    throw error
  }
}

/**
 * `after`: through which record the snapshot reaches that was loaded. Of a log that others write,
 * another one may be the newest by now.
 */
async function fill(
  log: Log,
  state: IndexState,
  after: number | undefined,
  signal: AbortSignal | undefined,
  work: OpeningWork,
): Promise<Restored> {
  const fromSnapshot = state.catalog.size
  // A log that is followed may go on while it is replayed.
  const through = log.lastSeq
  const shared = isShared(log) ? await follow(log, state, after) : undefined
  const counts = shared?.counts ?? (await replay(log, state, after, signal, work))
  work.filled()
  if (!log.readOnly) await sayWhatItHolds(log, state.identity)
  // Of two that begin a log at once, the one that came first says what it holds.
  if (shared?.identity) refuseOthers(log.directory, shared.identity, state.identity)
  work.end()
  const order = shared ?? new ApplyQueue(state, log.directory, log.readOnly ? through : log.lastSeq)
  return { log, state, order, recovery: { ...log.recovery, ...counts, fromSnapshot }, times: work.times }
}

/** From here on the log tells of all that follows. */
async function follow(log: SharedLog, state: IndexState, after: number = -1): Promise<SharedOrder> {
  const order = new SharedOrder(state, log, after)
  await log.follow(
    after,
    (unit) => order.take(unit),
    () => order.jump(log),
    () => state.fingerprint.value,
  )
  order.needWhole()
  return order
}

/** The first opening for writing says it, and one that knows the model where it was not known. */
async function sayWhatItHolds(log: Log, identity: IndexIdentity): Promise<void> {
  const found = log.recovery.index
  if (found === undefined || found.model !== identity.model) await log.append(indexRecord(identity))
}

/** Loads snapshots into an index until one is right. Which one it is to be, the log decides. */
class SnapshotLoading implements ContentRules {
  state: IndexState
  readonly past: Past | undefined
  readonly #directory: string
  readonly #index: VectorIndex
  readonly #model: string | undefined
  readonly #work: OpeningWork

  constructor(
    directory: string,
    index: VectorIndex,
    model: string | undefined,
    work: OpeningWork,
    past?: Past,
  ) {
    this.past = past
    this.#work = work
    this.#directory = directory
    this.#index = index
    this.#model = model
    this.state = new IndexState(index, model)
  }

  /** Memory that is new to the process is taken while the log is read. */
  expect({ files, info }: SnapshotReference): void {
    const bytes = files.find(({ name }) => name === SNAPSHOT_FILE)?.bytes ?? 0
    if (bytes < LARGE_BYTES || savedIndex(info)?.kind !== this.#index.kind) return
    populate(bytes + Math.ceil(bytes * ROOM_BESIDE_VECTORS))
  }

  /** @throws WALV_INDEX_MISMATCH */
  accept(found: IndexIdentity | undefined): void {
    this.#begin(this.#model ?? found?.model)
    if (found) refuseOthers(this.#directory, found, this.state.identity)
  }

  async tryOut(
    snapshot: Snapshot,
    seq: number,
    behind: number,
  ): Promise<boolean | { readonly problem: string }> {
    this.#begin(this.state.identity.model)
    try {
      refuseOwnFiles(snapshot, this.#index)
      const { files } = snapshot.reference
      const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
      await this.state.load(snapshot, { ...snapshot.reference, seq }, this.#work.snapshot(bytes, behind))
      this.#work.snapshotLoaded()
      return true
    } catch (error) {
      const problem = await problemOf(snapshot, seq, error as WalError)
      if (problem === undefined || !this.state.empty()) throw error
      this.#begin(this.state.identity.model)
      return { problem }
    }
  }

  /** Of a log that is looked at twice, the first look may have loaded a snapshot that is gone. */
  #begin(model: string | undefined): void {
    if (!this.state.empty())
      throw new WalError(
        'WALV_INVALID_OPTION',
        'The option index must be an index that can be emptied: one that was loaded in vain has vectors left.',
      )
    this.state = new IndexState(this.#index, model)
  }
}

/** @throws WALV_INDEX_MISMATCH */
function refuseOthers(directory: string, found: IndexIdentity, own: IndexIdentity): void {
  const names = ['dimensions', 'metric', 'elementType', 'model'] as const
  const differing = names.find(
    (name) => own[name] !== undefined && found[name] !== undefined && found[name] !== own[name],
  )
  if (differing === undefined) return
  throw new WalError(
    'WALV_INDEX_MISMATCH',
    `${cut(directory, 100)} holds vectors with the ${differing} ${echo(found[differing])}, and this index has ${echo(own[differing])}. ` +
      'Nothing was changed. Open it with the options it was written with, or take the vectors to a new directory.',
    { file: directory },
  )
}

/**
 * An index that keeps its vectors in files of its own is the only one that can read them.
 * @throws WALV_INDEX_MISMATCH
 */
function refuseOwnFiles(snapshot: Snapshot, { kind }: VectorIndex): void {
  const saved = savedIndex(snapshot.reference.info)
  if (saved === undefined || saved.kind === kind || isProvable(snapshot)) return
  throw new WalError(
    'WALV_INDEX_MISMATCH',
    `The snapshot is of an index of the kind ${echo(saved.kind)}, whose files no other can read, and this index is ${echo(kind)}. ` +
      'Open it with the index it was written with.',
  )
}

/** Whether an error tells of what was read, and not of the disk or of who asked. */
const isOfContent = ({ code }: WalError): boolean => code === 'WALV_DAMAGED' || code === 'WALV_INDEX_MISMATCH'

/**
 * What is wrong with a snapshot that could not be loaded; undefined if that is not the snapshot's
 * fault.
 */
async function problemOf(snapshot: Snapshot, seq: number, error: WalError): Promise<string | undefined> {
  if (!isOfContent(error)) return undefined
  if (isProvable(snapshot)) return contentProblem(snapshot, savedIndex(snapshot.reference.info)!, seq)
  // Of somebody's own index: it says by the code whether its options are at fault.
  return error.code === 'WALV_DAMAGED' ? cannotLoad((error.cause ?? error) as Error) : undefined
}

type Counts = Pick<IndexRecoveryReport, 'replayed' | 'voided'>

async function replay(
  log: Log,
  state: IndexState,
  after: number | undefined,
  signal: AbortSignal | undefined,
  work: OpeningWork,
): Promise<Counts> {
  // Without a snapshot, from the oldest record that is left: where the beginning is lost, the
  // policy has decided.
  const { lastCheckpoint: checkpoint, lastSeq } = log
  const { firstSeq } = log.stats()
  const from = checkpoint?.replayFrom ?? firstSeq
  const total = lastSeq + 1 - from
  const replaying = work.replay(total / Math.max(1, lastSeq + 1 - firstSeq))
  const counts = { replayed: 0, voided: 0 }
  let reached = from
  await state.coalesce(
    (held) => replaying.step(Math.max(0, reached - from - held), total),
    async (apply) => {
      for await (const unit of log.replay({ after, borrow: true, ...(signal && { signal }) })) {
        const { seq, entries } = unit
        reached = seq
        work.replayRead(seq + 1 - from, total)
        if (entries.length === 1 && indexIdentity(entries[0]!)) continue
        const impossible = await apply(unit).catch((error) => refuseUnfit(seq, error))
        counts[impossible ? 'voided' : 'replayed']++
        if (impossible) state.voids.add(seq)
      }
    },
  )
  return counts
}

/** What was held back until now may be of any record before. */
const PASSED_ON: readonly WalErrorCode[] = ['WALV_INDEX_MISMATCH', 'WALV_UNSUPPORTED_FEATURE', 'WALV_ABORTED']

function refuseUnfit(seq: number, cause: WalError): never {
  if (PASSED_ON.includes(cause.code)) throw cause
  throw new WalError(
    'WALV_INDEX_MISMATCH',
    `Record ${seq} does not fit the index: ${cause.message} Open the directory with the index options it was written with.`,
    { seq, cause },
  )
}
