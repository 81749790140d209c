import { resolve } from 'node:path'
import { checkpointTracing, closeChannel, openTracing, traced } from '../diagnostics.ts'
import type { Disk } from '../disk/disk.ts'
import type { CheckpointEntry, EntryInput, WalRecord } from '../entry.ts'
import { encodableInput } from '../format/encode.ts'
import { checkOptions } from '../option-names.ts'
import type { FoundCheckpoint } from './checkpoint/found-checkpoint.ts'
import { SnapshotStore } from './checkpoint/snapshot-store.ts'
import { type CursorLog, cursorLogOf } from './cursor-log.ts'
import type { Waiting } from './follow/tail.ts'
import type { Health, HealthOptions } from './health.ts'
import {
  CHECKPOINT_REQUEST,
  type CheckpointRequest,
  type CommittedUnit,
  type Log,
  type LogStats,
  type LogWaiter,
  type ReadOptions,
  type RecoveryReport,
  type ReplayOptions,
  type Snapshot,
  type TailOptions,
  type Transaction,
} from './log.ts'
import { LogWithCursors } from './log-with-cursors.ts'
import type { CheckedMoment } from './moment.ts'
import type { OpenLog, SharedOpening } from './open.ts'
import { openState } from './open-state.ts'
import { type ContentRules, settingsOf, type WalOptions, type WalSettings } from './options.ts'
import type { ProvedLog } from './recover/proved-part.ts'
import { WalFigures } from './wal-figures.ts'
import { WalReading } from './wal-reading.ts'
import type { WalState } from './wal-state.ts'
import { closedError } from './write/append-error.ts'

/**
 * A write-ahead log in a directory. Every append is acknowledged only when it is durable at the
 * level asked for. One process writes; any number may read beside it with `readOnly`.
 */
export class Wal extends LogWithCursors implements Log {
  /** What opening found and did. */
  readonly recovery: RecoveryReport
  readonly directory: string
  readonly copiesEntries = true
  readonly #settings: WalSettings
  readonly #snapshots: SnapshotStore
  readonly #state: WalState
  readonly #reading: WalReading
  readonly #figures: WalFigures
  #closing: Promise<void> | undefined

  private constructor(
    settings: WalSettings,
    recovery: RecoveryReport,
    snapshots: SnapshotStore,
    state: WalState,
  ) {
    super()
    this.#settings = settings
    this.#snapshots = snapshots
    this.#state = state
    this.#reading = new WalReading(settings, state)
    this.#figures = new WalFigures(settings, state)
    this.recovery = recovery
    this.directory = settings.directory
  }

  /**
   * Opens a log, which is recovering it: reads and verifies all of it, cuts a torn tail, proves
   * anew what no watermark covers. Refuses what it cannot prove.
   * @throws WALV_INVALID_OPTION, WALV_NO_DIRECTORY, WALV_NOT_A_DIRECTORY, WALV_PERMISSION,
   * WALV_LOCKED, WALV_DAMAGED, WALV_V1_DIRECTORY, WALV_UNSUPPORTED_VERSION,
   * WALV_UNSUPPORTED_FEATURE, WALV_DISK_FULL, WALV_IO, WALV_ABORTED
   */
  static async open(options: WalOptions): Promise<Wal> {
    return Wal.openWith(options)
  }

  /**
   * @internal For who knows what the snapshots hold: one whose content is wrong is treated as one
   * whose hash fails. `shared`: the holder of the lock says that it takes others' changes.
   */
  static async openWith(options: WalOptions, content?: ContentRules, shared?: SharedOpening): Promise<Wal> {
    const checked = settingsOf(options)
    const settings = {
      ...checked,
      directory: resolve(checked.directory),
      content,
      shares: shared !== undefined,
    }
    const { directory, readOnly } = settings
    return traced(
      openTracing,
      () => ({ directory, readOnly }),
      () => Wal.#open(settings, shared),
    )
  }

  static async #open(settings: WalSettings, shared: SharedOpening = {}): Promise<Wal> {
    const snapshots = new SnapshotStore(settings.disk, settings.directory)
    const { report, state } = await openState(settings, snapshots, shared)
    return new Wal(settings, report, snapshots, state)
  }

  /** @internal The same log once more, read-only, as it is on the disk now, or as it was. */
  openBeside(content: ContentRules, signal: AbortSignal | undefined): Promise<Wal> {
    this.needOpen()
    const { recovery, ...settings } = this.#settings
    return Wal.#open({
      ...settings,
      recovery: recovery === 'salvage' ? 'salvage' : 'strict',
      readOnly: true,
      follow: false,
      onProgress: undefined,
      signal,
      content,
    })
  }

  /** @internal What of a log that is followed was read and verified here. */
  get proved(): ProvedLog | undefined {
    return this.#state.proved
  }

  /** @internal The newest checkpoint that is kept and not behind a record. */
  checkpointBefore(seq: number): FoundCheckpoint | undefined {
    return this.#state.checkpointBefore(seq)
  }

  /** @internal The snapshot of a checkpoint that is kept. */
  snapshotOf({ snapshot }: CheckpointEntry): Snapshot | undefined {
    return snapshot ? this.#snapshots.open(snapshot) : undefined
  }

  /** @internal */
  override get cursorLog(): CursorLog {
    return cursorLogOf(this.#settings, this.#state)
  }

  /** @internal */
  get disk(): Disk {
    return this.#settings.disk
  }

  /** @internal The last record that is there at a moment. */
  async seqAt(moment: CheckedMoment): Promise<number> {
    this.needOpen()
    return this.#reading.seqAt(moment)
  }

  get readOnly(): boolean {
    return this.#settings.readOnly
  }

  /** Whether it keeps up with a log that others write. */
  get follows(): boolean {
    return this.#settings.follow
  }

  get lastSeq(): number {
    return this.#state.lastSeq
  }

  /** When what was handed over last is logged, in milliseconds since the epoch. */
  get lastTimestamp(): number {
    return this.#writable().writer.lastTimestamp
  }

  /**
   * The last sequence number known to be on stable storage; −1 if there is none. Read-only: the
   * last that a watermark in the log covers.
   */
  get durableSeq(): number {
    return this.#state.durableSeq
  }

  /** The newest checkpoint whose snapshot is durable and verified. */
  get lastCheckpoint(): CheckpointEntry | undefined {
    return this.#state.lastCheckpoint
  }

  /** The snapshot of `lastCheckpoint`. */
  get snapshot(): Snapshot | undefined {
    const { lastCheckpoint } = this
    return lastCheckpoint && this.snapshotOf(lastCheckpoint)
  }

  /** Transactions prepared before the log was opened, which wait for `commit` or `abort`. */
  get inDoubt(): Transaction[] {
    return this.#state.inDoubt
  }

  /**
   * Logs an entry; resolves to its sequence number when it is durable. Rejected, it was not logged,
   * unless the error's `fate` is `unknown`.
   * @throws WALV_INVALID_ENTRY, WALV_INVALID_ID, WALV_INVALID_VECTOR, WALV_INVALID_METADATA,
   * WALV_LIMIT, WALV_BACKPRESSURE, WALV_DISK_FULL, WALV_IO, WALV_POISONED, WALV_CLOSED,
   * WALV_READ_ONLY
   */
  append(entry: EntryInput): Promise<number> {
    try {
      return this.submit(entry)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * The same, but throws at once what can be refused at once: what has been handed over without a
   * throw has its place in the order.
   */
  submit(entry: EntryInput): Promise<number> {
    return this.#writable().writer.append(encodableInput(entry))
  }

  /** @internal The same for a durable index. */
  hand(entry: EntryInput, waiter: LogWaiter): void {
    this.#writable().writer.hand(encodableInput(entry), waiter)
  }

  /** Logs several entries as one record: all or nothing. Resolves to its sequence number. */
  async appendBatch(entries: readonly EntryInput[]): Promise<number> {
    return this.submit({ type: 'batch', entries })
  }

  /** @internal What a directory that several processes share is written with. */
  get writing(): OpenLog {
    return this.#writable()
  }

  /**
   * Begins a transaction. @throws WALV_LIMIT, WALV_CLOSED, WALV_READ_ONLY, WALV_POISONED,
   * WALV_BACKPRESSURE
   */
  begin(): Transaction {
    return this.#writable().transactions.begin()
  }

  /**
   * The acknowledged records from `from` on, in order, each verified as it is read, up to what is
   * there when reading begins. Memory is bounded. Without `from`, from the oldest that is kept.
   * @throws WALV_SEQUENCE_TRIMMED if `from` is no longer kept, WALV_DAMAGED where records are lost
   * (unless opened with `'salvage'`)
   */
  read(options: ReadOptions = {}): AsyncGenerator<WalRecord, void, void> {
    this.needOpen()
    return this.#reading.read(options)
  }

  /**
   * What takes effect, in the order in which it does: single entries and batches at their place, a
   * transaction's entries at its commit, nothing of one that did not commit. With `after`, only
   * what takes effect behind that sequence number; `from` is where reading has to begin for that,
   * by default the same place (or what `lastCheckpoint.replayFrom` says).
   */
  replay(options: ReplayOptions = {}): AsyncGenerator<CommittedUnit, void, void> {
    this.needOpen()
    return this.#reading.replay(options)
  }

  /** @internal What takes effect behind a place, also of transactions that began before it. */
  replayBehind(after: number): AsyncGenerator<CommittedUnit, void, void> {
    this.needOpen()
    return this.#reading.replayBehind(after)
  }

  /**
   * What takes effect, in the order in which it does, as `replay` has it: what is there, and then
   * what comes, live. On a log that is open for writing, what is acknowledged; with `follow`, what
   * is durable. Nothing is read before it is asked for, and memory is bounded. Ends, without an
   * error, when the log is closed or `signal` is aborted; while it waits, the process stays alive.
   * @throws WALV_SEQUENCE_TRIMMED where retention has let go of `from`, or overtakes the reading;
   * WALV_READ_ONLY where the log was opened with `readOnly` alone; WALV_DAMAGED, WALV_POISONED,
   * WALV_CLOSED
   */
  tail(options: TailOptions = {}): AsyncGenerator<CommittedUnit, void, void> {
    return this.tailWith(options)
  }

  /**
   * @internal Of a log that is followed: the writer says that everything before is acknowledged.
   */
  reveal(before: number): void {
    this.#state.live().reveal?.(before)
  }

  /** @internal */
  tailWith(options: TailOptions, waiting: Waiting = {}): AsyncGenerator<CommittedUnit, void, void> {
    this.needOpen()
    return this.#reading.tail(options, waiting)
  }

  /**
   * Takes a checkpoint: writes the snapshot, syncs, verifies and names it, logs that, and only then
   * lets go of older snapshots and of what of the log nothing kept needs any more. Resolves when
   * the checkpoint is durable. Appends go on meanwhile.
   * @throws WALV_CHECKPOINT, WALV_DISK_FULL, WALV_IO, WALV_CLOSED, WALV_READ_ONLY; whatever
   * `snapshot` throws
   */
  async checkpoint(request: CheckpointRequest): Promise<CheckpointEntry> {
    const { checkpoints } = this.#writable()
    checkOptions('checkpoint', request, CHECKPOINT_REQUEST)
    const { directory } = this
    return traced(
      checkpointTracing,
      () => ({ directory, seq: request.seq }),
      () => checkpoints.take(request),
    )
  }

  /**
   * Resolves when less waits to be written than now, at once if nothing does: what was refused with
   * `WALV_BACKPRESSURE` may be tried again.
   * @throws WALV_CLOSED, WALV_READ_ONLY
   */
  async drained(): Promise<void> {
    return this.#writable().writer.drained()
  }

  /**
   * Resolves when everything appended so far is on stable storage, whatever the durability level.
   */
  async flush(): Promise<void> {
    return this.#writable().writer.flush()
  }

  /** @internal Of a log that is followed: looks at the files now. */
  async refresh(): Promise<void> {
    await this.#state.live().refresh?.()
  }

  /** @internal The snapshots of all checkpoints that are kept, oldest first. */
  get snapshots(): readonly { readonly checkpoint: CheckpointEntry; readonly snapshot: Snapshot }[] {
    return this.#state.checkpoints.map(({ entry: checkpoint }) => {
      return { checkpoint, snapshot: this.#snapshots.open(checkpoint.snapshot!) }
    })
  }

  stats(): LogStats {
    return this.#figures.stats
  }

  /**
   * Whether the log is well, check by check, each with what to do where it is not. Reads no record
   * and writes nothing.
   * @throws WALV_INVALID_OPTION, WALV_CLOSED
   */
  async health(options: HealthOptions = {}): Promise<Health> {
    this.needOpen()
    return this.#figures.health(options)
  }

  /**
   * Ends what is being read, waits for a checkpoint under way (see `closeWaitMs`), flushes, says in
   * the log that it was closed in order, and gives the directory free. Calling it again is
   * harmless.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close().finally(() => {
      const { directory, readOnly } = this.#settings
      if (closeChannel.hasSubscribers) closeChannel.publish({ directory, readOnly })
    })
    return this.#closing
  }

  async #close(): Promise<void> {
    const ended = this.#reading.close()
    try {
      await this.closeCursors()
      await this.#state.close()
    } finally {
      await ended
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal */
  protected override needOpen(): void {
    if (this.#closing) throw closedError(this.directory)
  }

  #writable(): OpenLog {
    this.needOpen()
    return this.#state.writable()
  }
}
