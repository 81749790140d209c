import type {
  BatchMember,
  CheckpointEntry,
  Damage,
  EntryInput,
  IndexIdentity,
  JsonValue,
  Origin,
  SnapshotFile,
  SnapshotReference,
  VectorInput,
  WalRecord,
} from '../entry.ts'
import type { OptionNames } from '../option-names.ts'
import type { Cursor, CursorOptions, CursorStatus } from './cursor-types.ts'
import type { Health, HealthOptions } from './health.ts'

/** A checkpoint to be taken. */
export interface CheckpointRequest {
  /** The snapshot holds the effect of everything up to and including this sequence number. */
  readonly seq: number
  /**
   * Writes the snapshot's files. Called once, at once; may go on while the log is appended to. What
   * it returns is found again as `snapshot.reference.info`.
   */
  readonly snapshot: (target: SnapshotWriter) => Promise<JsonValue>
}

export interface ReadOptions {
  /** The first record. Default: the oldest that is kept. */
  readonly from?: number | undefined
  readonly signal?: AbortSignal | undefined
  /**
   * Vectors and data are views of the reader's own memory, which are valid until the next record is
   * asked for: quicker, for who copies what is kept. Default false: they are the caller's own.
   */
  readonly borrow?: boolean
}

export interface ReplayOptions extends ReadOptions {
  /** Only what takes effect behind this sequence number. Default: everything. */
  readonly after?: number | undefined
}

export interface TailOptions {
  /**
   * Goes on behind the position of a cursor, which its `commit` moves. Without `from`.
   */
  readonly cursor?: Cursor | undefined
  /**
   * Only what takes effect at this sequence number or behind it. Default: everything from the
   * oldest record that is kept on, but for transactions that began before it.
   */
  readonly from?: number | undefined
  /** Ends the iteration, as closing the log does: without an error. */
  readonly signal?: AbortSignal | undefined
  /**
   * Vectors and data are views of the reader's own memory, which are valid until the next unit is
   * asked for. Default false: they are the caller's own.
   */
  readonly borrow?: boolean
}

export const TAIL_OPTIONS: OptionNames<TailOptions> = {
  cursor: true,
  from: true,
  signal: true,
  borrow: true,
}
export const CHECKPOINT_REQUEST: OptionNames<CheckpointRequest> = { seq: true, snapshot: true }
export const READ_OPTIONS: OptionNames<ReadOptions> = { from: true, signal: true, borrow: true }
export const REPLAY_OPTIONS: OptionNames<ReplayOptions> = { ...READ_OPTIONS, after: true }

/** Who is told what becomes of a record, where a promise would be too much. */
export interface LogWaiter {
  /**
   * The record is durable at the level asked for, under this number. Called in the order of the log
   * while it is busy with itself: what follows from it has to wait for a microtask.
   */
  logged(seq: number): void
  /** The same for a record that is refused, or of which nobody knows (`fate`). */
  refused(error: Error): void
}

/**
 * What a durable index needs of a log. `Wal` is one; a replicated log is another. The log's order
 * alone decides what happens: applying what `replay` yields, in its order, always gives the same
 * state.
 */
export interface Log {
  /** Where it lies, or what else tells it from others: for messages. */
  readonly directory: string
  /** It takes nothing; only what is there is read. */
  readonly readOnly: boolean
  /** Others append to it as well: it is a `SharedLog`. */
  readonly shared?: boolean
  /**
   * Nothing of an entry is looked at any more once `submit` has returned, so that the memory of its
   * vector may be used again. Default false.
   */
  readonly copiesEntries?: boolean
  /** −1 for an empty log. */
  readonly lastSeq: number
  /**
   * When what was handed over last is logged, as its record will say: milliseconds since the epoch.
   * Left out by a log that others append to as well, whose units say it themselves.
   */
  readonly lastTimestamp?: number
  readonly recovery: RecoveryReport
  /** The snapshot to start from, with the checkpoint that names it. */
  readonly snapshot: Snapshot | undefined
  readonly lastCheckpoint: CheckpointEntry | undefined
  append(entry: EntryInput): Promise<number>
  /**
   * The same, but throws at once what can be refused at once: what has been handed over without a
   * throw has its place in the order.
   */
  submit(entry: EntryInput): Promise<number>
  /**
   * The same for who is told without a promise, and takes entries that the index has checked
   * (`CheckedInsert`, `CheckedUpdate`) by the text of their metadata alone. A log that does not
   * have it is given entries like any other, by `submit`.
   */
  hand?(entry: EntryInput, waiter: LogWaiter): void
  appendBatch(entries: readonly EntryInput[]): Promise<number>
  begin(): Transaction
  /**
   * Resolves when less waits to be written than now, at once if nothing does: what was refused with
   * `WALV_BACKPRESSURE` may be tried again.
   */
  drained(): Promise<void>
  read(options?: ReadOptions): AsyncIterable<WalRecord>
  replay(options?: ReplayOptions): AsyncIterable<CommittedUnit>
  /**
   * What takes effect, in its order: what is there, and then what comes, until the log is closed.
   * Left out by a log that cannot tell.
   */
  tail?(options?: TailOptions): AsyncIterable<CommittedUnit>
  /** Opens a named cursor, or makes it. Left out, as the two others, by a log that has none. */
  cursor?(name: string, options?: CursorOptions): Promise<Cursor>
  /** Resolves to whether it was there. */
  dropCursor?(name: string): Promise<boolean>
  cursors?(): Promise<CursorStatus[]>
  checkpoint(request: CheckpointRequest): Promise<CheckpointEntry>
  /**
   * Resolves when everything appended so far is on stable storage, whatever the durability level.
   */
  flush(): Promise<void>
  stats(): LogStats
  /** Whether the log is well, check by check, each with what to do where it is not. */
  health(options?: HealthOptions): Promise<Health>
  close(): Promise<void>
}

/** Entries that take effect together at one place of a log that several append to. */
export interface SharedUnit extends CommittedUnit {
  /** Handed over by this very log object. */
  readonly own: boolean
}

/**
 * A log that others append to as well, in other processes or on other machines. What is possible is
 * decided at a change's place in the order, where every reader comes to the same answer: an index
 * over it logs a change first, and admits it there. What is not possible there has no effect, on
 * any of them.
 */
export interface SharedLog extends Log {
  readonly shared: true
  /** Whether this one writes it now, or hands its changes to the one that does; where one does. */
  readonly role?: 'leader' | 'member'
  /** Of those that write it, one takes checkpoints. Default true: all may. */
  readonly takesCheckpoints?: boolean
  /** Has `take` called where another asks for a checkpoint, and this one takes them. */
  onCheckpointAsked?(take: () => Promise<unknown>): void
  /**
   * Calls `apply` with everything that takes effect behind the number `after`, this log's own and
   * the others', in the log's order, each once: what is there, and then all that follows until the
   * log is closed. It answers false where a unit had no effect. Where retention has let go of what
   * comes next, it calls `overtaken`, which loads the newest snapshot and resolves to the number
   * that it reaches through. `fingerprint` says what everything that was applied comes to, for a
   * log that compares that with others. Resolves when what was there is applied. May be called
   * once. An append or a commit of this log resolves when its unit was applied.
   */
  follow(
    after: number,
    apply: (unit: SharedUnit) => unknown,
    overtaken: () => Promise<number>,
    fingerprint?: () => string,
  ): Promise<void>
  /**
   * Resolves when everything that was acknowledged to anybody before the call is applied here. Left
   * out by a log that has no quicker way than to append something.
   */
  barrier?(): Promise<void>
  /**
   * What became of a change whose caller was told that nobody knows: by its ticket, from the
   * `detail` of the error. Any log object of this log may ask; what is not decided yet is decided
   * by that. Left out by a log that gives no tickets.
   */
  settle?(ticket: Ticket): Promise<Settled>
}

/** What a change is known by whose caller was not told what became of it. */
export interface Ticket {
  /** Who handed it over: 16 bytes in hexadecimal. */
  readonly writer: string
  /** Which of the changes of that writer it is. */
  readonly number: number
}

/**
 * `'applied'`: it took effect. `'void'`: it was not possible at its place. `'never'`: it has not
 * taken effect, and never will. `'unknown'`: it was decided too long ago to be known here.
 */
export type Settled = 'applied' | 'void' | 'never' | 'unknown'

/** A log that is opened, and closed, by the index that it is given to. */
export interface LogToOpen {
  /** Where it lies, or what else tells it from others: for messages, before it is open. */
  readonly directory: string
  readonly readOnly: boolean
  openLog(options: { readonly signal?: AbortSignal | undefined }): Promise<Log>
}

export const isToOpen = (log: Log | LogToOpen): log is LogToOpen =>
  typeof (log as Partial<LogToOpen> | null)?.openLog === 'function'

export const isShared = (log: Log): log is SharedLog => log.shared === true

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
  /**
   * Ids of transactions that committed, or were prepared, and were open where records are lost:
   * some of their own may be among them, so nothing of them takes effect.
   */
  readonly incompleteTransactions: readonly number[]
  readonly checkpoints: number
  /**
   * Through which sequence number the verified snapshot reaches that a replay starts from;
   * undefined without one.
   */
  readonly snapshotSeq: number | undefined
  readonly damage: readonly Damage[]
  /** Ranges that an earlier repair recorded as lost. */
  readonly gaps: readonly { readonly from: number; readonly through: number }[]
  readonly closedInOrder: boolean
  /**
   * Records at the end that no watermark covered, written again and synced before anything else.
   */
  readonly reproved: number
  /** Paths of what was copied or moved to `quarantine/`. */
  readonly quarantined: readonly string[]
  /** What vectors the log says that it holds; absent where it does not say. */
  readonly index?: IndexIdentity
  readonly durationMs: number
}

/** Where a snapshot is written to. Hashing, syncing and renaming are done around it. */
export interface SnapshotWriter {
  /** Writes a file from pieces. `name` is a plain file name. */
  write(name: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>
  /** For what writes files itself: registers `name` and gives the path to write to. */
  path(name: string): string
  /** @internal Takes over a file of another snapshot, as it was verified there. */
  share?(from: string, file: SnapshotFile): Promise<void>
}

/** A snapshot that has been verified, to be read. */
export interface Snapshot {
  readonly reference: SnapshotReference
  /** The file in pieces of at most 1 MiB; a piece is valid until the next is asked for. */
  read(name: string): AsyncIterable<Uint8Array>
  path(name: string): string
}

/** Where a transaction stands. `failed`: the disk refused one of its records. */
export type TransactionState = 'open' | 'prepared' | 'committed' | 'aborted' | 'failed'

/** Entries that take effect together, at one place. */
export interface CommittedUnit {
  /** Where they take effect: the sequence number of the record, or of the commit. */
  readonly seq: number
  readonly timestamp: number
  readonly entries: readonly BatchMember[]
  readonly transactionId?: number
  /** Set where several processes write. */
  readonly origin?: Origin
}

/**
 * Entries that take effect together, at the place of the commit, or not at all. They are written as
 * they come, without a sync of their own; the commit is synced. What is neither committed nor
 * prepared when the process ends is aborted by the next open.
 */
export interface Transaction {
  /** The sequence number of its begin. */
  readonly id: number
  readonly state: TransactionState
  insert(id: string, vector: VectorInput, metadata?: JsonValue): void
  upsert(id: string, vector: VectorInput, metadata?: JsonValue): void
  update(id: string, change: { readonly vector?: VectorInput; readonly metadata?: JsonValue }): void
  delete(id: string): void
  /**
   * Adds an entry. Throws at once if it cannot be logged; then it is not part of the transaction.
   * @throws WALV_TRANSACTION_ENDED, and what `Wal.append` rejects with
   */
  append(entry: EntryInput): void
  /**
   * First phase of two-phase commit: resolves when all entries are durable. From then on only
   * `commit` or `abort` ends the transaction, also after a crash: it is found again in
   * `Wal.inDoubt`.
   */
  prepare(): Promise<void>
  /** Resolves to the commit's sequence number when the transaction is durable. */
  commit(): Promise<number>
  /**
   * Ends the transaction without effect. One that is open ends in any case, also where a full disk
   * or a closed log does not take the record of it: what has no end in the log has no effect, and
   * the next opening ends it. One that is prepared ends when that record is durable, and may be
   * tried again.
   * @throws WALV_TRANSACTION_ENDED; of one that is prepared, what `commit` rejects with
   */
  abort(): Promise<void>
}

/** How much of the past is kept. */
export interface HistoryStats {
  /** What is kept for the option `history` alone: bytes of segments and snapshots. */
  readonly bytes: number
  /** The earliest moment that is kept; −1 where the log is kept from its first record on. */
  readonly fromSeq: number
  /**
   * When the checkpoint of that moment was taken, in milliseconds since the epoch: every later time
   * is kept. Undefined where the log is kept from its first record on.
   */
  readonly fromTime: number | undefined
}

/**
 * Figures of an open log. Counters run from opening. A log that keeps no files of its own says 0
 * of what is about files.
 */
export interface LogStats {
  readonly firstSeq: number
  readonly lastSeq: number
  readonly durableSeq: number
  readonly segments: number
  /** Bytes of the segment files, whatever of them is in use. */
  readonly bytes: number
  readonly pendingBytes: number
  readonly groups: number
  readonly syncs: number
  readonly bytesWritten: number
  readonly rotations: number
  readonly lastSyncMs: number
  /** Median of the last 128 syncs; undefined before the first. */
  readonly medianSyncMs: number | undefined
  readonly openTransactions: number
  readonly checkpoints: number
  /** When the last checkpoint was taken, in milliseconds since the epoch; undefined without one. */
  readonly lastCheckpointAt: number | undefined
  /**
   * Milliseconds since the last checkpoint; undefined without one. Setting the clock does not
   * change it. Of a checkpoint from before opening it is the clock that tells, if that says more
   * than how long the log has been open.
   */
  readonly checkpointAgeMs: number | undefined
  /**
   * Bytes of the segments that are kept for cursors alone; the next checkpoint lets go of what they
   * need no more. Absent of a log that is only read.
   */
  readonly cursorHeldBytes?: number
  /** Of the past that is kept; absent of a log that is only read, or that keeps none. */
  readonly history?: HistoryStats | undefined
  readonly poisoned: boolean
  /** Clean-up that failed after the work itself was durable; tried again at the next checkpoint. */
  readonly upkeepFailures: number
  readonly lastUpkeepError: string | undefined
  /**
   * Of a log that is followed: how long ago the oldest record was appended that is in the files and
   * not visible here, by the clocks of both processes, in milliseconds; 0 if there is none.
   */
  readonly lagMs?: number
  /** Of a log that is followed: records that are in the files and not visible here. */
  readonly recordsBehind?: number
}
