import { resolve } from 'node:path'
import { indexOpenTracing, traced } from '../../diagnostics.ts'
import type { CheckpointEntry, JsonValue } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { SnapshotWatch } from '../../log/checkpoint/snapshot-watch.ts'
import type { Cursor, CursorOptions, CursorStatus } from '../../log/cursor-types.ts'
import { type Health, type HealthCheck, type HealthOptions, healthOf, poisonCheck } from '../../log/health.ts'
import { isShared, type Log, type LogStats, type Settled, type Ticket } from '../../log/log.ts'
import type { Moment } from '../../log/moment.ts'
import { DEFAULT_CLOSE_WAIT_MS, type WalOptions } from '../../log/options.ts'
import { checkOptions, wrongKind } from '../../option-names.ts'
import type { ApplyOrder } from './apply-order.ts'
import { barrier } from './barrier.ts'
import { Changes } from './changes.ts'
import { type CheckpointFigures, Checkpointing, type CheckpointRules } from './checkpointing.ts'
import { openFollowing, openOver } from './follow.ts'
import {
  type ChangesOptions,
  type IndexChange,
  indexChanges,
  indexCursor,
  needCursors,
} from './index-changes.ts'
import type { IndexState } from './index-state.ts'
import { IndexWriter } from './index-writer.ts'
import type { MetadataSchema } from './metadata-schema.ts'
import { checkIndexOptions, checkLog, giveIndexBack, takeIndex } from './opening-options.ts'
import { RecoveryForecast } from './recovery-forecast.ts'
import { type IndexRecoveryReport, openRestored, openShared, type Restored } from './restore.ts'
import { type OpenAtOptions, openingAt } from './time/open-at.ts'
import {
  DURABLE_INDEX_OPTIONS,
  type DurableIndexOptions,
  type IndexOptions,
  LOG_INDEX_OPTIONS,
  type LogIndexOptions,
} from './types.ts'

/** Where an index stands in its log. */
export interface IndexPosition {
  /** The last record that was applied; −1 before the first. */
  readonly seq: number
  /** What `fingerprint()` says. */
  readonly fingerprint: string
}

export interface DurableIndexStats extends LogStats, CheckpointFigures {
  readonly size: number
  /**
   * Vectors that the graph of an approximate index does not have yet; searches compare them one by
   * one. 0 where there is no graph. `caughtUp` waits for 0.
   */
  readonly graphLag: number
}

/**
 * A vector index that survives: every change is logged, durable and only then applied and
 * acknowledged; opening brings all of it back. Once a call has resolved, every later search sees
 * its effect. A call that rejects has changed nothing, unless the error's `fate` is `unknown`.
 *
 * `Metadata` is the type of the metadata that is stored, `Input` of what may be given, which differ
 * where a schema fills in defaults. Without `metadataSchema` they are a claim that nothing checks.
 * An entry without metadata has `null`: it can only be left out where `Input` allows null.
 */
export class DurableIndex<Metadata = JsonValue, Input = Metadata> extends IndexWriter<Metadata, Input> {
  readonly recovery: IndexRecoveryReport
  readonly #log: Log
  readonly #state: IndexState
  readonly #changes: Changes<Input, Metadata>
  readonly #queue: ApplyOrder
  readonly #checkpointing: Checkpointing
  #closed = false

  private constructor(
    { log, state, order: queue, recovery, times }: Restored,
    metadataSchema: MetadataSchema | undefined,
    rules: CheckpointRules,
    closeWaitMs: number,
  ) {
    super(state, log)
    this.#log = log
    this.#state = state
    this.recovery = recovery
    this.#queue = queue
    const watch = new SnapshotWatch(log.directory, closeWaitMs)
    const checkpointing = new Checkpointing(
      log,
      state,
      queue,
      rules,
      watch,
      new RecoveryForecast(log, state, times),
    )
    this.#checkpointing = checkpointing
    queue.onApplied(() => checkpointing.takeIfDue())
    const needOpen = (): void => {
      this.needOpen()
      queue.needWritable?.()
    }
    this.#changes = new Changes({ log, state, queue, metadataSchema, needOpen })
  }

  /**
   * Opens an index, which is recovering it: loads the newest snapshot that verifies and replays
   * what was logged since. With `directory` its log is a `Wal` there; with `log` it is any log that
   * keeps the contract, open already.
   * @throws WALV_INDEX_MISMATCH if the log holds vectors of other dimensions, another metric or
   * another embedding model, and what `Wal.open` throws
   */
  static async open<Metadata = JsonValue, Input = Metadata>(
    options: DurableIndexOptions<Metadata, Input> | LogIndexOptions<Metadata, Input>,
  ): Promise<DurableIndex<Metadata, Input>> {
    if (options != null && 'log' in options) {
      checkOptions('DurableIndex.open', options, LOG_INDEX_OPTIONS)
      const { directory, readOnly } = checkLog(options.log)
      return DurableIndex.#open(options, { directory, readOnly }, () => openOver(options))
    }
    checkOptions('DurableIndex.open', options, DURABLE_INDEX_OPTIONS)
    const { index, model, checkpointIntervalEntries, recoveryBudgetMs, metadataSchema, share, role, ...log } =
      options
    if (typeof (share ?? false) !== 'boolean') throw wrongKind('share', share, 'true or false')
    const { directory, readOnly = false, follow = false } = options
    const place = { directory: resolve(String(directory)), readOnly: readOnly || follow }
    return DurableIndex.#open(options, place, () => {
      if (share) return openShared({ ...log, ...(role && { role }) }, index, model)
      return follow ? openFollowing(log, index, model) : openRestored(log, index, model)
    })
  }

  /**
   * Opens an index as it was right after a record, or at a time: read-only, also beside a live
   * writer, without a lock. What it holds never changes; `recovery.lastSeq` tells the record. How
   * far back is possible, the writer's options `checkpointRetention` and `history` say. Reads the
   * newest snapshot that is not behind the moment, and the log from there on; damage before that is
   * not told, and `recovery` counts what was read.
   * @throws WALV_SEQUENCE_TRIMMED where the moment is no longer kept, with the earliest that is;
   * WALV_NOT_FOUND where the record is not there yet; and what `open` throws
   */
  static async openAt<Metadata = JsonValue>(
    options: OpenAtOptions & Moment,
  ): Promise<DurableIndex<Metadata, Metadata>> {
    const { options: own, place, restore } = openingAt(options)
    return DurableIndex.#open<Metadata, Metadata>(own, place, restore)
  }

  static #open<Metadata, Input>(
    options: IndexOptions<Metadata, Input> & Pick<WalOptions, 'closeWaitMs'>,
    place: { readonly directory: string; readonly readOnly: boolean },
    restore: () => Promise<Restored>,
  ): Promise<DurableIndex<Metadata, Input>> {
    return traced(
      indexOpenTracing,
      () => place,
      async () => {
        const { index, metadataSchema, closeWaitMs = DEFAULT_CLOSE_WAIT_MS } = options
        const rules = checkIndexOptions(options)
        takeIndex(index)
        try {
          const restored = await restore()
          const checkpoints: CheckpointRules = place.readOnly ? { ...rules, interval: false } : rules
          const opened = new DurableIndex<Metadata, Input>(restored, metadataSchema, checkpoints, closeWaitMs)
          opened.#checkpointing.opened()
          return opened
        } catch (error) {
          giveIndexBack(index)
          throw error
        }
      },
    )
  }

  /** @internal */
  protected override get writing(): Changes<Input, Metadata> {
    return this.#changes
  }

  /** The embedding model that the vectors are of; undefined where nobody said. */
  get model(): string | undefined {
    return this.#state.identity.model
  }

  /**
   * With `share`, whether this process is the one that writes the log now; undefined without.
   */
  get role(): 'leader' | 'member' | undefined {
    return isShared(this.#log) ? this.#log.role : undefined
  }

  /**
   * An order-independent hash of all ids, vectors and metadata: equal for equal contents. Kept up
   * to date with every change.
   */
  fingerprint(): string {
    return this.#state.fingerprint.value
  }

  /**
   * Writes a snapshot, so that opening has less to replay and the log behind it can go. Changes go
   * on meanwhile. Resolves to a checkpoint with every change that was visible when this was called;
   * undefined if nothing was ever logged. One is taken at a time: called meanwhile, it waits,
   * unless the one under way has every change already.
   */
  checkpoint(): Promise<CheckpointEntry | undefined> {
    this.needOpen()
    return this.#checkpointing.take()
  }

  /**
   * What takes effect, change by change, in order: from a place in the log on, as far as it is
   * kept, and then live. Each is told once searches see it; nothing is read before it is asked for.
   * Ends, without an error, when the index is closed or `signal` is aborted.
   * @throws WALV_SEQUENCE_TRIMMED where retention has let go of `from`, or overtakes the reading;
   * WALV_READ_ONLY where the index was opened with `readOnly` alone; WALV_CLOSED, WALV_DAMAGED
   */
  changes(options: ChangesOptions = {}): AsyncGenerator<IndexChange<Metadata>, void, void> {
    this.needOpen()
    return indexChanges<Metadata>(this.#log, this.#state, this.#queue, options)
  }

  /**
   * Opens the cursor of that name, or makes it: how far a reader of `changes` has come, durable.
   * What `Wal.cursor` says, but that `'end'` is behind all that has taken effect here: with a
   * cursor that is made first, and then `entries()`, `changes` tell all that is missing in these.
   * @throws what `Wal.cursor` throws; WALV_INVALID_OPTION where the log has no cursors
   */
  async cursor(name: string, options: CursorOptions = {}): Promise<Cursor> {
    this.needOpen()
    return indexCursor(this.#log, this.#queue, name, options)
  }

  /** What `Wal.dropCursor` says. */
  async dropCursor(name: string): Promise<boolean> {
    this.needOpen()
    return needCursors(this.#log).dropCursor(name)
  }

  /** What `Wal.cursors` says. */
  async cursors(): Promise<CursorStatus[]> {
    this.needOpen()
    return needCursors(this.#log).cursors()
  }

  /**
   * How far this index has come, and what it holds there: of two that have the same log, equal
   * `seq` has to mean equal `fingerprint`.
   */
  get position(): IndexPosition {
    return { seq: this.#queue.appliedSeq, fingerprint: this.#state.fingerprint.value }
  }

  /**
   * Resolves when everything that was acknowledged before the call, to any process or node that
   * writes this log, is visible here. At once where no other writes it.
   * @throws WALV_READ_ONLY where a directory is only followed, which has no way to ask;
   * WALV_UNAVAILABLE
   */
  async sync(): Promise<void> {
    this.needOpen()
    if (isShared(this.#log)) await barrier(this.#log)
    else this.#queue.needWritable?.()
  }

  /**
   * What became of a change of a replicated log whose caller was told that nobody knows:
   * `detail.ticket` of the error. Any node may ask; what is not decided yet is decided by that.
   * @throws WALV_INVALID_OPTION where the log gives no tickets; WALV_UNAVAILABLE
   */
  async settle(ticket: Ticket): Promise<Settled> {
    this.needOpen()
    if (isShared(this.#log) && this.#log.settle) return this.#log.settle(ticket)
    throw new WalError(
      'WALV_INVALID_OPTION',
      `The log of this index, ${this.#log.directory}, gives no tickets.`,
    )
  }

  /** Resolves when everything logged so far is on stable storage, whatever the durability level. */
  async flush(): Promise<void> {
    this.needOpen()
    await this.#log.flush()
  }

  /**
   * Resolves when the graph of an approximate index has every vector; at once where there is none.
   * Nothing has to wait for it: what is not in the graph is found all the same.
   * @throws WALV_CLOSED if the index is closed before, WALV_ENGINE if the graph has failed for good
   */
  async caughtUp(): Promise<void> {
    this.needOpen()
    await this.#state.index.caughtUp?.()
  }

  stats(): DurableIndexStats {
    const stats = this.#log.stats()
    return {
      ...stats,
      poisoned: stats.poisoned || this.#queue.broken !== undefined,
      size: this.size,
      graphLag: this.#state.index.lag ?? 0,
      ...this.#checkpointing.figures,
      ...this.#queue.lag,
    }
  }

  /**
   * Whether index and log are well, check by check, each with what to do where it is not. Reads no
   * record and writes nothing.
   * @throws WALV_INVALID_OPTION, WALV_CLOSED
   */
  async health(options: HealthOptions = {}): Promise<Health> {
    const { checks } = await this.#log.health(options)
    return healthOf(checks.map((check) => this.#withOwn(check)))
  }

  /** A check of the log, with what only the index knows. */
  #withOwn(check: HealthCheck): HealthCheck {
    const { broken } = this.#queue
    if (check.name === 'poison' && broken) return poisonCheck(broken)
    const { trouble } = this.#checkpointing
    if (check.name !== 'checkpoint-age' || trouble === undefined) return check
    return {
      ...check,
      level: check.level === 'ok' ? 'warn' : check.level,
      message: `${check.message} ${trouble}`,
    }
  }

  /** Waits for what is under way and closes the log. Calling it again is harmless. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#changes.end()
    await this.#checkpointing.close()
    try {
      await this.#log.close()
      await this.#queue.settled()
    } finally {
      await this.#state.index.close?.()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  protected override needOpen(): void {
    if (this.#closed)
      throw new WalError('WALV_CLOSED', 'The index is closed. Open it again. Nothing was logged.', {
        fate: 'not-logged',
      })
    this.#queue.needWhole()
  }
}
