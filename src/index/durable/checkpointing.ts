import { monotonicMs } from '../../clock.ts'
import type { CheckpointEntry, JsonValue } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import type { SnapshotWatch } from '../../log/checkpoint/snapshot-watch.ts'
import { isShared, type Log } from '../../log/log.ts'
import type { ApplyOrder } from './apply-order.ts'
import type { IndexState } from './index-state.ts'
import type { WorkedAmount } from './logged-amount.ts'
import { RecoveryBudget } from './recovery-budget.ts'
import { OPENINGS, type RecoveryForecast } from './recovery-forecast.ts'
import { tryReading } from './rehearsal.ts'
import { RetryDelay } from './retry-delay.ts'

/**
 * Below so many changes and so many bytes of log no automatic checkpoint is due, however small the
 * index is.
 */
const LEAST_CHANGES = 10_000
const LEAST_BYTES = 64 * 1024 * 1024
/**
 * Closing, and opening that had to replay so much, take a checkpoint where the next opening would
 * replay for longer.
 */
export const LONG_REPLAY_MS = 1_000
/** Less work of the background than this is no reason for a checkpoint. */
const LEAST_WORK_MS = 100
/**
 * How long a checkpoint is taken to last where none was taken: a few syncs, and a disk that is
 * slow.
 */
const CHECKPOINT_MS = 50
const SNAPSHOT_BYTES_PER_MS = 100_000
/** So many changes are read back where nobody knows what that takes. */
const REHEARSED_CHANGES = 1_000
/** The log behind the last checkpoint may be so many times as large as the index. */
const LOG_TO_INDEX = 2

/** What is told of the checkpoints of an index. */
export interface CheckpointFigures {
  /** Changes behind the last checkpoint; the members of batches and transactions count each. */
  readonly entriesSinceCheckpoint: number
  /** About how many bytes of the log they take. */
  readonly bytesSinceCheckpoint: number
  /** Automatic checkpoints that failed; the log goes on without. */
  readonly checkpointFailures: number
  /** Why the last of them failed. */
  readonly lastCheckpointError: string | undefined
  /**
   * How long no automatic one is tried again, as the last one failed: 5 s, twice as long after each
   * further failure, at most 10 minutes.
   */
  readonly checkpointRetryInMs: number | undefined
  /**
   * About how many milliseconds an opening would take now, in a process that has just begun. It is
   * predicted from what was measured: this opening, changes as they are applied, openings before.
   * Without `recoveryBudgetMs` it lacks what reading changes back takes until an opening has
   * replayed a thousand.
   */
  readonly estimatedRecoveryMs: number
  /** The same right behind a checkpoint: less is not to be had. */
  readonly leastRecoveryMs: number
}

/** When an index takes checkpoints by itself. */
export interface CheckpointRules {
  /** After how many changes one is due; `'auto'` goes by the size of the index. */
  readonly interval: number | 'auto' | false
  /** How long an opening may take; undefined where nobody said. */
  readonly recoveryBudgetMs?: number | undefined
}

/**
 * Takes the checkpoints of an index, one at a time: those that are asked for, and automatic ones
 * when they are due.
 */
export class Checkpointing {
  readonly #log: Log
  readonly #state: IndexState
  readonly #queue: ApplyOrder
  readonly #interval: number | 'auto' | false
  readonly #forecast: RecoveryForecast
  readonly #budget: RecoveryBudget | undefined
  readonly #watch: SnapshotWatch
  readonly #now: () => number
  /** The checkpoint under way, and the one that waits for its end. */
  #running: { readonly seq: number; readonly done: Promise<CheckpointEntry | undefined> } | undefined
  #next: Promise<CheckpointEntry | undefined> | undefined
  /** What was logged when the last one was taken. */
  #covered: WorkedAmount = { changes: 0, bytes: 0, applyMs: 0, workMs: 0 }
  /** The same of the one that is being taken. */
  #frozen: { readonly seq: number; readonly amount: WorkedAmount } | undefined
  readonly #retryDelay: RetryDelay
  /** How long the last one took, if one was taken here. */
  #checkpointMs: number | undefined
  #hasRehearsed = false
  #failures = 0
  #lastError: string | undefined
  #closed = false

  constructor(
    log: Log,
    state: IndexState,
    queue: ApplyOrder,
    { interval, recoveryBudgetMs }: CheckpointRules,
    watch: SnapshotWatch,
    forecast: RecoveryForecast,
    now: () => number = monotonicMs,
  ) {
    this.#log = log
    this.#state = state
    this.#queue = queue
    this.#interval = interval
    this.#forecast = forecast
    this.#budget =
      recoveryBudgetMs === undefined ? undefined : new RecoveryBudget(recoveryBudgetMs, forecast, now)
    this.#watch = watch
    if (isShared(log)) log.onCheckpointAsked?.(() => this.take())
    this.#now = now
    this.#retryDelay = new RetryDelay(now)
  }

  get figures(): CheckpointFigures {
    const { changes, bytes } = this.#state.logged.since(this.#inForce)
    return {
      entriesSinceCheckpoint: changes,
      bytesSinceCheckpoint: bytes,
      checkpointFailures: this.#failures,
      lastCheckpointError: this.#lastError,
      checkpointRetryInMs:
        this.#retryDelay.failures === 0 ? undefined : Math.ceil(this.#retryDelay.remainingMs),
      estimatedRecoveryMs: this.#forecast.openingMs(changes),
      leastRecoveryMs: this.#forecast.leastMs,
    }
  }

  /** What to say of those that failed, and of an opening that would take too long. */
  get trouble(): string | undefined {
    const troubles = [this.#failureTrouble, this.#budgetTrouble].filter((trouble) => trouble !== undefined)
    return troubles.length === 0 ? undefined : troubles.join(' ')
  }

  get #budgetTrouble(): string | undefined {
    if (this.#budget === undefined) return undefined
    const { estimatedRecoveryMs, leastRecoveryMs } = this.figures
    const { budgetMs } = this.#budget
    if (this.#budget.isTooSmall)
      return `An opening takes about ${Math.round(leastRecoveryMs)} ms with nothing behind the snapshot, so that recoveryBudgetMs (${budgetMs}) cannot be kept. Raise it, or keep less in one index.`
    if (estimatedRecoveryMs <= budgetMs) return undefined
    return `An opening would take about ${Math.round(estimatedRecoveryMs)} ms now, longer than recoveryBudgetMs (${budgetMs}). Call checkpoint().`
  }

  /** Of those that failed since the last one that did not; undefined if none did. */
  get #failureTrouble(): string | undefined {
    const { failures, remainingMs } = this.#retryDelay
    if (failures === 0) return undefined
    const which = failures === 1 ? 'automatic one' : `${failures} automatic ones`
    const why = this.#lastError?.replace(/\.$/, '')
    const seconds = Math.ceil(remainingMs / 1000)
    return `The last ${which} failed: ${why}. The next is tried with the first change after ${seconds} s.`
  }

  /**
   * Resolves to a checkpoint that has every change applied by now. Where one is under way without
   * them, it waits for its end.
   */
  take(): Promise<CheckpointEntry | undefined> {
    if (this.#next) return this.#next
    const running = this.#running
    if (running === undefined) return this.#start()
    if (running.seq === this.#queue.appliedSeq) return running.done
    this.#next = running.done
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.#start()
      })
    return this.#next
  }

  /**
   * What was logged when the one was taken that an opening would start from: one is in force before
   * all is removed that it makes needless.
   */
  get #inForce(): WorkedAmount {
    const isInForce =
      this.#frozen !== undefined && this.#log.lastCheckpoint?.sequenceNumber === this.#frozen.seq
    return isInForce ? this.#frozen!.amount : this.#covered
  }

  /** Called after every change. */
  takeIfDue(): void {
    const { changes, applyMs } = this.#state.logged
    this.#forecast.cost.noteApplied(changes, applyMs)
    if (this.#running || this.#next || this.#closed || !this.#isOwn) return
    if (this.#isDue() && this.#retryDelay.remainingMs <= 0) this.#takeAutomatic()
  }

  /** Of the processes that share a log one takes its checkpoints. */
  get #isOwn(): boolean {
    return !isShared(this.#log) || this.#log.takesCheckpoints !== false
  }

  /** Upkeep: its failure is told in the figures and changes nobody's answer. */
  #takeAutomatic(): void {
    this.take().catch((error: Error) => {
      this.#failures++
      this.#lastError = error.message
      this.#retryDelay.failed()
    })
  }

  #isDue(): boolean {
    if (this.#interval === false) return false
    if (this.#isDueByBudget()) return true
    const { changes, bytes } = this.#state.logged.since(this.#inForce)
    if (this.#interval !== 'auto') return changes >= this.#interval
    if (changes >= Math.max(LEAST_CHANGES, this.#state.catalog.size)) return true
    return bytes >= LEAST_BYTES && bytes >= LOG_TO_INDEX * this.#indexBytes()
  }

  #isDueByBudget(): boolean {
    if (this.#budget === undefined) return false
    const { changes, applyMs } = this.#state.logged
    const behind = changes - this.#inForce.changes
    this.#rehearse(behind)
    return this.#budget.isDue({ changes, applyMs, behind })
  }

  /** Once, and only where nothing was measured of it: reads back what was just logged. */
  #rehearse(behind: number): void {
    if (this.#hasRehearsed || behind < REHEARSED_CHANGES || this.#forecast.cost.knowsReading) return
    this.#hasRehearsed = true
    tryReading(this.#log, REHEARSED_CHANGES, this.#now).then(
      ({ changes, ms }) => this.#forecast.cost.noteReading(changes, ms),
      // Closed meanwhile, or a disk that does not read: others tell.
      () => {},
    )
  }

  /** As its last snapshot was, or as its vectors are now, whichever is more. */
  #indexBytes(): number {
    const { catalog, index } = this.#state
    const files = this.#log.lastCheckpoint?.snapshot?.files ?? []
    const snapshotBytes = files.reduce((sum, { bytes }) => sum + bytes, 0)
    return Math.max(snapshotBytes, 4 * index.dimensions * catalog.size)
  }

  /** Called when the log was replayed: takes one where the next opening would take long again. */
  opened(): void {
    if (this.#isOwn && (this.#isLongReplay() || (this.#interval !== false && this.#isDueByBudget())))
      this.#takeAutomatic()
  }

  /**
   * No automatic one begins any more, but for a last one where the next opening would take long.
   * Resolves when none is under way, or that one is given up.
   */
  async close(): Promise<void> {
    const isFirst = !this.#closed
    this.#closed = true
    this.#watch.close()
    await this.#ended()
    if (!isFirst || this.#interval === false || !this.#isOwn) return
    // What is on its way is applied first, so that nothing is left to replay.
    await this.#queue.settled()
    if (this.#isLongReplay() || this.#isQuickerThanReplay() || this.#isQuickerThanWork())
      this.#takeAutomatic()
    await this.#ended()
  }

  async #ended(): Promise<void> {
    await (this.#next ?? this.#running?.done)?.catch(() => {})
  }

  /** Applying it took long, and so will replaying it. */
  #isLongReplay(): boolean {
    return this.#interval !== false && this.#state.logged.since(this.#inForce).applyMs > LONG_REPLAY_MS
  }

  /** With a budget, the time of openings counts: a checkpoint now saves the next one more. */
  #isQuickerThanReplay(): boolean {
    const checkpointMs = this.#budget?.checkpointMs
    if (checkpointMs === undefined) return false
    const { changes } = this.#state.logged.since(this.#inForce)
    return checkpointMs < this.#forecast.cost.replayMs(changes)
  }

  /** What is built in the background is saved by a checkpoint, and otherwise built once more. */
  #isQuickerThanWork(): boolean {
    const workMs = this.#workMs - this.#inForce.workMs
    if (workMs < LEAST_WORK_MS) return false
    return workMs > (this.#checkpointMs ?? CHECKPOINT_MS + this.#indexBytes() / SNAPSHOT_BYTES_PER_MS)
  }

  get #workMs(): number {
    return this.#state.index.workMs ?? 0
  }

  #start(): Promise<CheckpointEntry | undefined> {
    const seq = this.#queue.appliedSeq
    const done = this.#writeOrAsk(seq).finally(() => {
      this.#running = undefined
    })
    this.#running = { seq, done }
    return done
  }

  /**
   * Where this process takes the lead over while another is asked for one, what it had then is too
   * old: a checkpoint reaches at least as far as the log did when its writer opened it.
   */
  async #writeOrAsk(seq: number): Promise<CheckpointEntry | undefined> {
    const isAsking = !this.#isOwn
    try {
      return await this.#write(seq)
    } catch (error) {
      if (!(isAsking && this.#isOwn && isRefusal(error))) throw error
      return this.#write(this.#queue.appliedSeq)
    }
  }

  async #write(seq: number): Promise<CheckpointEntry | undefined> {
    const last = this.#log.lastCheckpoint
    if (seq < 0 || (last && last.sequenceNumber >= seq)) return last
    const { changes, bytes, applyMs } = this.#state.logged
    const beganAt = this.#now()
    const amount = { changes, bytes, applyMs, workMs: this.#workMs }
    this.#frozen = { seq, amount }
    const frozen = this.#state.freeze()
    try {
      const checkpoint = await this.#log.checkpoint({
        seq,
        snapshot: async (target) => {
          await this.#watch.run(target, (watched) => frozen.save(watched))
          return this.#withOpenings(frozen.info)
        },
      })
      this.#covered = amount
      this.#checkpointMs = this.#now() - beganAt
      this.#budget?.tookCheckpoint(this.#checkpointMs, this.#state.logged.changes - changes)
      this.#retryDelay.succeeded()
      return checkpoint
    } finally {
      frozen.release()
    }
  }

  /** Who keeps to a budget tells the next process what openings took. */
  #withOpenings(info: { readonly [member: string]: JsonValue }): JsonValue {
    return this.#budget === undefined ? info : { ...info, [OPENINGS]: this.#forecast.cost.kept }
  }
}

const isRefusal = (error: unknown): boolean => error instanceof WalError && error.code === 'WALV_CHECKPOINT'
