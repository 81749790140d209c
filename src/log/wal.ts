import { resolve } from 'node:path'
import { checkpointTracing, closeChannel, openTracing, traced } from '../diagnostics.ts'
import type { Disk } from '../disk/disk.ts'
import { ioError } from '../disk/io-error.ts'
import type { CheckpointEntry, EntryInput, WalRecord } from '../entry.ts'
import { WalError } from '../errors.ts'
import { encodableInput } from '../format/encode.ts'
import { checkOptions } from '../option-names.ts'
import type { FoundCheckpoint } from './checkpoint/found-checkpoint.ts'
import { SnapshotStore } from './checkpoint/snapshot-store.ts'
import { type Health, type HealthOptions, judgeHealth, roomOf, thresholdsOf } from './health.ts'
import {
  CHECKPOINT_REQUEST,
  type CheckpointRequest,
  type CommittedUnit,
  type Log,
  type LogStats,
  READ_OPTIONS,
  REPLAY_OPTIONS,
  type ReadOptions,
  type RecoveryReport,
  type ReplayOptions,
  type Snapshot,
  type Transaction,
} from './log.ts'
import type { CheckedMoment } from './moment.ts'
import { type OpenLog, openForWriting } from './open.ts'
import { type ContentRules, settingsOf, type WalOptions, type WalSettings, wholeNumber } from './options.ts'
import { OpenReaders } from './read/open-readers.ts'
import { RecordReader, readItems } from './read/record-reader.ts'
import { replayUnits } from './read/replay.ts'
import { seqAt } from './recover/past.ts'
import { recover, refuseAborted } from './recover/recover.ts'
import { FoundState, type WalState, WritingState } from './wal-state.ts'
import { closedError } from './write/append-error.ts'

const READ_AGAIN =
  'Read again, from the oldest record that is kept (without `from`), or replay from the last snapshot.'
/** What was listed when it was opened is all that it ever reads. */
const OPEN_AGAIN =
  'This log was opened read-only, and lists what was there then: open it again, and read from the oldest record or the last snapshot.'

/**
 * A write-ahead log in a directory. Every append is acknowledged only when it is durable at the
 * level asked for. One process writes; any number may read beside it with `readOnly`.
 */
export class Wal implements Log {
  /** What opening found and did. */
  readonly recovery: RecoveryReport
  readonly directory: string
  readonly copiesEntries = true
  readonly #settings: WalSettings
  readonly #snapshots: SnapshotStore
  readonly #state: WalState
  readonly #readers = new OpenReaders()
  readonly #openedAt: number
  #closing: Promise<void> | undefined

  private constructor(
    settings: WalSettings,
    recovery: RecoveryReport,
    snapshots: SnapshotStore,
    state: WalState,
  ) {
    this.#settings = settings
    this.#snapshots = snapshots
    this.#state = state
    this.#openedAt = settings.ageClock()
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
   * whose hash fails.
   */
  static async openWith(options: WalOptions, content?: ContentRules): Promise<Wal> {
    const checked = settingsOf(options)
    const settings = { ...checked, directory: resolve(checked.directory), content }
    const { directory, readOnly } = settings
    return traced(
      openTracing,
      () => ({ directory, readOnly }),
      () => Wal.#open(settings),
    )
  }

  static async #open(settings: WalSettings): Promise<Wal> {
    const snapshots = new SnapshotStore(settings.disk, settings.directory)
    try {
      settings.signal?.throwIfAborted()
      if (settings.readOnly) {
        const found = await recover(settings, snapshots)
        return new Wal(settings, found.report, snapshots, new FoundState(found, settings.directory))
      }
      const { recovered, writing } = await openForWriting(settings, snapshots)
      return new Wal(settings, recovered.report, snapshots, new WritingState(writing))
    } catch (error) {
      refuseAborted(error, settings.signal)
      throw ioError(
        error,
        `The log in ${settings.directory} cannot be opened; nothing that it held is lost`,
        settings.directory,
      )
    }
  }

  /** @internal The same log once more, read-only, as it is on the disk now, or as it was. */
  openBeside(content: ContentRules, signal: AbortSignal | undefined): Promise<Wal> {
    this.#needOpen()
    const { recovery, ...settings } = this.#settings
    return Wal.#open({
      ...settings,
      recovery: recovery === 'salvage' ? 'salvage' : 'strict',
      readOnly: true,
      onProgress: undefined,
      signal,
      content,
    })
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
  get disk(): Disk {
    return this.#settings.disk
  }

  /** @internal The last record that is there at a moment. */
  async seqAt(moment: CheckedMoment): Promise<number> {
    this.#needOpen()
    const { extents: segments, before: endSeq } = this.#state.extent
    const firstSeq = segments[0]?.firstSeq ?? 0
    return seqAt(this.#settings.disk, { segments, firstSeq, endSeq }, moment, undefined)
  }

  get readOnly(): boolean {
    return this.#settings.readOnly
  }

  get lastSeq(): number {
    return this.#state.lastSeq
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

  /** Logs several entries as one record: all or nothing. Resolves to its sequence number. */
  async appendBatch(entries: readonly EntryInput[]): Promise<number> {
    return this.submit({ type: 'batch', entries })
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
    this.#needOpen()
    checkOptions('read', options, READ_OPTIONS)
    const { extents, before } = this.#state.extent
    const first = extents[0]?.firstSeq ?? 0
    const from = options.from === undefined ? first : wholeNumber('from', options.from, 0)
    if (from < first) {
      throw new WalError(
        'WALV_SEQUENCE_TRIMMED',
        `Record ${from} is no longer kept: the log in ${this.directory} begins with record ${first}. Start from there, or from the last snapshot.`,
        { seq: first },
      )
    }
    const durableBefore = this.durableSeq + 1
    const { signal, borrow = false } = options
    const again = this.#state.followsRetention ? READ_AGAIN : OPEN_AGAIN
    const items = readItems(this.#settings.disk, extents, {
      from,
      before,
      durableBefore,
      signal,
      borrow,
      again,
    })
    return this.#readers.add(new RecordReader(items, this.directory, this.#settings.recovery === 'salvage'))
  }

  /**
   * What takes effect, in the order in which it does: single entries and batches at their place, a
   * transaction's entries at its commit, nothing of one that did not commit. With `after`, only
   * what takes effect behind that sequence number; `from` is where reading has to begin for that,
   * by default the same place (or what `lastCheckpoint.replayFrom` says).
   */
  replay(options: ReplayOptions = {}): AsyncGenerator<CommittedUnit, void, void> {
    checkOptions('replay', options, REPLAY_OPTIONS)
    const { signal, borrow = false } = options
    const after = options.after === undefined ? -1 : wholeNumber('after', options.after, -1)
    const checkpoint = this.lastCheckpoint
    const from =
      options.from ??
      (checkpoint?.sequenceNumber === after
        ? checkpoint.replayFrom
        : options.after === undefined
          ? undefined
          : after + 1)
    const records = this.read({ from, signal, borrow })
    return replayUnits(records, after, (begin, through) => until(this.read({ from: begin, signal }), through))
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

  stats(): LogStats {
    const { lastSeq, durableSeq } = this
    return { lastSeq, durableSeq, ...this.#state.figures, checkpointAgeMs: this.#checkpointAgeMs }
  }

  /**
   * Whether the log is well, check by check, each with what to do where it is not. Reads no record
   * and writes nothing.
   * @throws WALV_INVALID_OPTION, WALV_CLOSED
   */
  async health(options: HealthOptions = {}): Promise<Health> {
    this.#needOpen()
    const thresholds = thresholdsOf(options)
    const { bytes, medianSyncMs, checkpointAgeMs, firstSeq, lastSeq } = this.stats()
    const vitals = {
      directory: this.directory,
      bytes,
      medianSyncMs,
      checkpointAgeMs,
      openForMs: this.#openForMs,
      entriesSinceCheckpoint: lastSeq - (this.lastCheckpoint?.sequenceNumber ?? firstSeq - 1),
      ...(await roomOf(this.#settings.disk, this.directory)),
      ...this.#state.vitals,
    }
    return judgeHealth(vitals, thresholds)
  }

  get #openForMs(): number {
    return this.#settings.ageClock() - this.#openedAt
  }

  get #checkpointAgeMs(): number | undefined {
    const at = this.#state.figures.lastCheckpointAt
    if (at === undefined) return undefined
    return this.#state.takenAgoMs ?? Math.max(this.#openForMs, this.#settings.clock() - at)
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
    const ended = this.#readers.close()
    try {
      await this.#state.close()
    } finally {
      await ended
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #needOpen(): void {
    if (this.#closing) throw closedError(this.directory)
  }

  #writable(): OpenLog {
    this.#needOpen()
    return this.#state.writable()
  }
}

async function* until(
  records: AsyncIterable<WalRecord>,
  through: number,
): AsyncGenerator<WalRecord, void, void> {
  for await (const record of records) {
    if (record.seq > through) return
    yield record
  }
}
