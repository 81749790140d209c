import type { CheckpointEntry, EntryInput, JsonValue, WalRecord } from '../entry.ts'
import type { OptionNames } from '../option-names.ts'
import type { Snapshot, SnapshotTarget } from './checkpoint/snapshot-store.ts'
import type { RecoveryReport } from './recover/recover.ts'
import type { CommittedUnit, Transaction } from './transaction/transactions.ts'

/** A checkpoint to be taken. */
export interface CheckpointRequest {
  /** The snapshot holds the effect of everything up to and including this sequence number. */
  readonly seq: number
  /**
   * Writes the snapshot's files. Called once, at once; may go on while the log is appended to. What it returns is found again as
   * `snapshot.reference.info`.
   */
  readonly snapshot: (target: SnapshotTarget) => Promise<JsonValue>
}

export interface ReadOptions {
  /** The first record. Default: the oldest that is kept. */
  readonly from?: number | undefined
  readonly signal?: AbortSignal | undefined
  /**
   * Vectors and data are views of the reader's own memory, which are valid until the next record is asked for: quicker, for who copies what is kept. Default false:
   * they are the caller's own.
   */
  readonly borrow?: boolean
}

export interface ReplayOptions extends ReadOptions {
  /** Only what takes effect behind this sequence number. Default: everything. */
  readonly after?: number | undefined
}

export const CHECKPOINT_REQUEST: OptionNames<CheckpointRequest> = { seq: true, snapshot: true }
export const READ_OPTIONS: OptionNames<ReadOptions> = { from: true, signal: true, borrow: true }
export const REPLAY_OPTIONS: OptionNames<ReplayOptions> = { ...READ_OPTIONS, after: true }

/**
 * What a durable index needs of a log. `Wal` is one; a replicated log is another. The log's order alone decides what happens: applying what
 * `replay` yields, in its order, always gives the same state.
 */
export interface Log {
  /** −1 for an empty log. */
  readonly lastSeq: number
  readonly recovery: RecoveryReport
  /** The snapshot to start from, with the checkpoint that names it. */
  readonly snapshot: Snapshot | undefined
  readonly lastCheckpoint: CheckpointEntry | undefined
  append(entry: EntryInput): Promise<number>
  /** The same, but throws at once what can be refused at once: what has been handed over without a throw has its place in the order. */
  submit(entry: EntryInput): Promise<number>
  appendBatch(entries: readonly EntryInput[]): Promise<number>
  begin(): Transaction
  /**
   * Resolves when less waits to be written than now, at once if nothing does: what was refused with
   * `WALV_BACKPRESSURE` may be tried again.
   */
  drained(): Promise<void>
  read(options?: ReadOptions): AsyncIterable<WalRecord>
  replay(options?: ReplayOptions): AsyncIterable<CommittedUnit>
  checkpoint(request: CheckpointRequest): Promise<CheckpointEntry>
  close(): Promise<void>
}
