import type { BatchMember, CheckpointEntry, EntryInput, JsonValue, VectorInput } from '../entry.ts'
import { WalError } from '../errors.ts'
import { vectorOf } from '../format/encode.ts'
import type { Log } from '../log/log.ts'
import { type WalOptions, wholeNumber } from '../log/options.ts'
import type { RecoveryReport } from '../log/recovery.ts'
import type { Transaction } from '../log/transactions.ts'
import { Wal, type WalStats } from '../log/wal.ts'
import { ApplyQueue } from './apply-queue.ts'
import { checkedEntry, checkedQuery } from './checked-change.ts'
import { InFlight } from './in-flight.ts'
import { dataEntries, IndexState } from './index-state.ts'
import { IndexTransaction } from './index-transaction.ts'
import type { VectorIndex } from './vector-index.ts'

export interface DurableIndexOptions extends WalOptions {
  /** An empty index, for example `flat({ dimensions: 100 })`. The durable index owns it from now on. */
  readonly index: VectorIndex
  /**
   * Takes a checkpoint by itself when so many entries were logged since the last. `'auto'` (default): when as many were logged as the index holds,
   * and at least 10 000, so that the cost of snapshots stays in proportion. `false`: never.
   */
  readonly checkpointIntervalEntries?: number | 'auto' | false
}

export interface SearchOptions {
  /** How many hits at most. Default 10. */
  readonly k?: number
  /** Leaves out what it returns false for, before it counts. */
  readonly filter?: (metadata: JsonValue, id: string) => boolean
}

/** A stored vector that is near. Metadata is frozen. */
export interface Hit {
  readonly id: string
  readonly distance: number
  readonly metadata: JsonValue
}

/** What is stored under an id: a copy of the vector, and the metadata, frozen. */
export interface StoredVector {
  readonly vector: Float32Array
  readonly metadata: JsonValue
}

/** What opening found, replayed and loaded. */
export interface IndexRecoveryReport extends RecoveryReport {
  /** Changes (batches and transactions count once) applied on top of the snapshot, or on nothing. */
  readonly replayed: number
  /** Changes that their own conditions kept from taking effect. */
  readonly voided: number
  /** Vectors that came from the snapshot. */
  readonly fromSnapshot: number
}

export interface DurableIndexStats extends WalStats {
  readonly size: number
  readonly entriesSinceCheckpoint: number
  /** Automatic checkpoints that failed; the log goes on without. */
  readonly checkpointFailures: number
  readonly lastCheckpointError: string | undefined
}

const AUTO_CHECKPOINT_ENTRIES = 10_000

/**
 * A vector index that survives: every change is logged, durable and only then applied and acknowledged; opening brings all of it back. Once a call has
 * resolved, every later search sees its effect. A call that rejects has changed nothing, unless the error's `fate` is `unknown`.
 */
export class DurableIndex {
  readonly recovery: IndexRecoveryReport
  readonly #log: Log & { stats(): WalStats }
  readonly #state: IndexState
  readonly #inFlight: InFlight
  readonly #queue: ApplyQueue
  readonly #interval: number | 'auto' | false
  /** The checkpoint under way, and the one that waits for its end. */
  #checkpointing: { readonly seq: number; readonly done: Promise<CheckpointEntry | undefined> } | undefined
  #nextCheckpoint: Promise<CheckpointEntry | undefined> | undefined
  #checkpointFailures = 0
  #lastCheckpointError: string | undefined
  #closed = false

  private constructor(log: Wal, state: IndexState, recovery: IndexRecoveryReport, interval: number | 'auto' | false) {
    this.#log = log
    this.#state = state
    this.recovery = recovery
    this.#interval = interval
    this.#inFlight = new InFlight(state.catalog)
    this.#queue = new ApplyQueue(state, log.lastSeq)
  }

  /**
   * Opens an index, which is recovering it: loads the newest snapshot that verifies and replays what was logged since.
   * @throws WALV_INDEX_MISMATCH if the directory holds vectors of another kind, and what `Wal.open` throws
   */
  static async open(options: DurableIndexOptions): Promise<DurableIndex> {
    const { index, checkpointIntervalEntries = 'auto', ...walOptions } = options
    if (typeof index?.set !== 'function')
      throw new WalError(
        'WALV_INVALID_OPTION',
        'The option index must be a vector index, for example flat({ dimensions: 100 }).',
      )
    if (index.size !== 0)
      throw new WalError(
        'WALV_INVALID_OPTION',
        'The option index must be an empty index: what it is to hold comes from the directory.',
      )
    const named = checkpointIntervalEntries === 'auto' || checkpointIntervalEntries === false
    const interval = named
      ? checkpointIntervalEntries
      : wholeNumber('checkpointIntervalEntries', checkpointIntervalEntries, 1)
    for (let tries = options.readOnly ? READ_ONLY_TRIES : 1; ; tries--) {
      const log = await Wal.open(walOptions)
      const state = new IndexState(index)
      try {
        return new DurableIndex(log, state, await restore(log, state, options.signal), interval)
      } catch (error) {
        await log.close()
        const isEmpty = state.empty()
        if (tries === 1 || !isEmpty || !wasRetired(error as WalError)) throw error
      }
    }
  }

  get size(): number {
    return this.#state.catalog.size
  }

  get dimensions(): number {
    return this.#state.index.dimensions
  }

  /** Adds a new id. @throws WALV_DUPLICATE_ID if it exists or is being inserted, and what `Wal.append` and validation throw */
  insert(id: string, vector: VectorInput, metadata: JsonValue = null): Promise<void> {
    return this.#change({ type: 'insert', id, vector, metadata })
  }

  /** Sets vector and metadata of an id, new or not. */
  upsert(id: string, vector: VectorInput, metadata: JsonValue = null): Promise<void> {
    return this.#change({ type: 'insert', id, vector, metadata, replace: true })
  }

  /** Changes vector, metadata or both of an id; metadata alone does not log the vector again. @throws WALV_NOT_FOUND */
  update(id: string, change: { readonly vector?: VectorInput; readonly metadata?: JsonValue }): Promise<void> {
    return this.#change({ type: 'update', id, ...change })
  }

  /** Removes an id. Resolves to whether it existed; if not, nothing is logged. */
  async delete(id: string): Promise<boolean> {
    this.#needOpen()
    const entry = checkedEntry({ type: 'delete', id }, this.#state.index)
    this.#inFlight.checkFree(id)
    if (!this.#inFlight.exists(id)) {
      // Another call in flight removes it: the answer holds only once that is durable and applied.
      if (this.#inFlight.decides(id)) await this.#queue.barrier()
      return false
    }
    await this.#append(entry)
    return true
  }

  /** Applies several changes whole or not at all, in their order; a later one sees an earlier one. */
  batch(entries: readonly EntryInput[]): Promise<void> {
    return this.#change({ type: 'batch', entries })
  }

  /**
   * Runs `work` with a transaction and commits it; if `work` throws, nothing of it takes effect and the error is passed on. The ids that it touches are
   * reserved for it until then: others' changes of them are refused with `WALV_CONFLICT`. Searches see its changes only after the commit.
   */
  async transaction<T>(work: (transaction: IndexTransaction) => Promise<T> | T): Promise<T> {
    this.#needOpen()
    const transaction = this.#log.begin()
    const scope = new IndexTransaction(this.#state.index, this.#inFlight, transaction)
    try {
      const result = await work(scope)
      await this.#commit(scope, transaction)
      return result
    } catch (error) {
      if (transaction.state === 'open' || transaction.state === 'failed') await transaction.abort().catch(() => {})
      throw error
    } finally {
      scope.end()
    }
  }

  async #commit(scope: IndexTransaction, transaction: Transaction): Promise<void> {
    this.#needOpen()
    const leave = this.#inFlight.enter(scope.outcome)
    await this.#queue.add(transaction.commit(), scope.entries).finally(leave)
    this.#checkpointIfDue()
  }

  has(id: string): boolean {
    return this.#state.catalog.get(id) !== undefined
  }

  get(id: string): StoredVector | undefined {
    const entry = this.#state.catalog.get(id)
    return entry && { vector: this.#state.index.get(entry.label), metadata: entry.metadata }
  }

  ids(): IterableIterator<string> {
    return this.#state.catalog.ids()
  }

  /**
   * The nearest vectors, nearest first.
   * @throws WALV_INVALID_VECTOR, WALV_INVALID_OPTION, WALV_CLOSED
   */
  async search(query: VectorInput, options: SearchOptions = {}): Promise<Hit[]> {
    this.#needOpen()
    const { catalog, index } = this.#state
    const k = wholeNumber('k', options.k ?? 10, 1)
    const { filter } = options
    if (filter !== undefined && typeof filter !== 'function')
      throw new WalError('WALV_INVALID_OPTION', 'The option filter must be a function of (metadata, id).')
    const vector = checkedQuery(vectorOf(query, 'the query'), index, 'the query', true)
    // An engine that answers later may ask about, and name, what was removed meanwhile.
    const accept =
      filter &&
      ((label: number): boolean => {
        const entry = catalog.byLabel(label)
        return entry !== undefined && accepts(filter, entry)
      })
    const neighbours = await index.search(vector, k, accept)
    return neighbours.flatMap(({ label, distance }) => {
      const entry = catalog.byLabel(label)
      return entry ? [{ id: entry.id, distance, metadata: entry.metadata }] : []
    })
  }

  /** An order-independent hash of all ids, vectors and metadata: equal for equal contents. Kept up to date with every change. */
  fingerprint(): string {
    return this.#state.fingerprint.value
  }

  /**
   * Writes a snapshot, so that opening has less to replay and the log behind it can go. Changes go on meanwhile. Resolves to a checkpoint with every change that was visible when
   * this was called; undefined if nothing was ever logged. One is taken at a time: called meanwhile, it waits, unless the one under way has every change already.
   */
  checkpoint(): Promise<CheckpointEntry | undefined> {
    this.#needOpen()
    if (this.#nextCheckpoint) return this.#nextCheckpoint
    const running = this.#checkpointing
    if (running === undefined) return this.#startCheckpoint()
    if (running.seq === this.#queue.appliedSeq) return running.done
    this.#nextCheckpoint = running.done
      .catch(() => {})
      .then(() => {
        this.#nextCheckpoint = undefined
        return this.#startCheckpoint()
      })
    return this.#nextCheckpoint
  }

  #startCheckpoint(): Promise<CheckpointEntry | undefined> {
    const seq = this.#queue.appliedSeq
    const done = this.#takeCheckpoint(seq).finally(() => {
      this.#checkpointing = undefined
    })
    this.#checkpointing = { seq, done }
    return done
  }

  async #takeCheckpoint(seq: number): Promise<CheckpointEntry | undefined> {
    const last = this.#log.lastCheckpoint
    if (seq < 0 || last?.sequenceNumber === seq) return last
    const frozen = this.#state.freeze()
    try {
      return await this.#log.checkpoint({
        seq,
        snapshot: async (target) => {
          await frozen.save(target)
          return frozen.info
        },
      })
    } finally {
      frozen.release()
    }
  }

  stats(): DurableIndexStats {
    return {
      ...this.#log.stats(),
      size: this.size,
      entriesSinceCheckpoint: this.#entriesSinceCheckpoint(),
      checkpointFailures: this.#checkpointFailures,
      lastCheckpointError: this.#lastCheckpointError,
    }
  }

  /** Waits for what is under way and closes the log. Calling it again is harmless. */
  async close(): Promise<void> {
    this.#closed = true
    await (this.#nextCheckpoint ?? this.#checkpointing?.done)?.catch(() => {})
    await this.#log.close()
    await this.#queue.settled()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #change(input: EntryInput): Promise<void> {
    this.#needOpen()
    await this.#append(checkedEntry(input, this.#state.index))
  }

  /** Everything from here to the append is synchronous: what validation sees is what the log's order will be. */
  async #append(entry: BatchMember): Promise<void> {
    const outcome = new Map<string, boolean>()
    for (const change of dataEntries([entry])) {
      this.#inFlight.checkFree(change.id)
      this.#inFlight.checkPossible(change, outcome.get(change.id) ?? this.#inFlight.exists(change.id))
      outcome.set(change.id, change.type !== 'delete')
    }
    const logged = this.#log.submit(entry)
    const leave = this.#inFlight.enter(outcome)
    await this.#queue.add(logged, [entry]).finally(leave)
    this.#checkpointIfDue()
  }

  #entriesSinceCheckpoint(): number {
    return this.#queue.appliedSeq - (this.#log.lastCheckpoint?.sequenceNumber ?? -1)
  }

  #checkpointIfDue(): void {
    if (this.#interval === false || this.#checkpointing || this.#nextCheckpoint || this.#closed) return
    const due = this.#interval === 'auto' ? Math.max(AUTO_CHECKPOINT_ENTRIES, this.size) : this.#interval
    if (this.#entriesSinceCheckpoint() < due) return
    // Upkeep: its failure is told in the figures and changes nobody's answer.
    this.checkpoint().catch((error: Error) => {
      this.#checkpointFailures++
      this.#lastCheckpointError = error.message
    })
  }

  #needOpen(): void {
    if (this.#closed)
      throw new WalError('WALV_CLOSED', 'The index is closed. Open it again. Nothing was logged.', {
        fate: 'not-logged',
      })
    this.#queue.needWhole()
  }
}

/** How often to begin again beside a live writer, which may let go of what was found a moment ago. */
const READ_ONLY_TRIES = 20

const wasRetired = ({ code, cause }: WalError): boolean =>
  code === 'WALV_SEQUENCE_TRIMMED' || (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'

const accepts = (filter: NonNullable<SearchOptions['filter']>, entry: { id: string; metadata: JsonValue }): boolean =>
  filter(entry.metadata, entry.id) === true

async function restore(log: Wal, state: IndexState, signal: AbortSignal | undefined): Promise<IndexRecoveryReport> {
  const { snapshot } = log
  if (snapshot) await state.load(snapshot, snapshot.reference.info)
  const fromSnapshot = state.catalog.size
  const after = log.lastCheckpoint?.sequenceNumber ?? -1
  let replayed = 0
  let voided = 0
  await state.coalesce(async () => {
    for await (const { seq, entries } of log.replay({ after, borrow: true, ...(signal && { signal }) })) {
      if (applyLogged(state, seq, entries)) replayed++
      else voided++
    }
  })
  return { ...log.recovery, replayed, voided, fromSnapshot }
}

function applyLogged(state: IndexState, seq: number, entries: readonly BatchMember[]): boolean {
  try {
    return state.apply(entries)
  } catch (cause) {
    // What was held back until now may be of any record before.
    if ((cause as WalError).code === 'WALV_INDEX_MISMATCH') throw cause
    throw new WalError(
      'WALV_INDEX_MISMATCH',
      `Record ${seq} does not fit the index: ${(cause as Error).message} Open the directory with the index options it was written with.`,
      { seq, cause },
    )
  }
}
