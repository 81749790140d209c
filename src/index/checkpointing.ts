import type { CheckpointEntry } from '../entry.ts'
import type { Log } from '../log/log.ts'
import type { ApplyQueue } from './apply-queue.ts'
import type { IndexState } from './index-state.ts'

const AUTO_CHECKPOINT_ENTRIES = 10_000

/** What is told of the checkpoints of an index. */
export interface CheckpointFigures {
  readonly entriesSinceCheckpoint: number
  /** Automatic checkpoints that failed; the log goes on without. */
  readonly checkpointFailures: number
  readonly lastCheckpointError: string | undefined
}

/** Takes the checkpoints of an index, one at a time: those that are asked for, and automatic ones when they are due. */
export class Checkpointing {
  readonly #log: Log
  readonly #state: IndexState
  readonly #queue: ApplyQueue
  readonly #interval: number | 'auto' | false
  /** The checkpoint under way, and the one that waits for its end. */
  #running: { readonly seq: number; readonly done: Promise<CheckpointEntry | undefined> } | undefined
  #next: Promise<CheckpointEntry | undefined> | undefined
  #failures = 0
  #lastError: string | undefined
  #closed = false

  /** `interval`: after how many entries an automatic one is due; `'auto'` goes by the size of the index. */
  constructor(log: Log, state: IndexState, queue: ApplyQueue, interval: number | 'auto' | false) {
    this.#log = log
    this.#state = state
    this.#queue = queue
    this.#interval = interval
  }

  get figures(): CheckpointFigures {
    return {
      entriesSinceCheckpoint: this.#entriesSinceLast(),
      checkpointFailures: this.#failures,
      lastCheckpointError: this.#lastError,
    }
  }

  /** Resolves to a checkpoint that has every change applied by now. Where one is under way without them, it waits for its end. */
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

  /** Called after every change. */
  takeIfDue(): void {
    if (this.#interval === false || this.#running || this.#next || this.#closed) return
    const { size } = this.#state.catalog
    const due = this.#interval === 'auto' ? Math.max(AUTO_CHECKPOINT_ENTRIES, size) : this.#interval
    if (this.#entriesSinceLast() < due) return
    // Upkeep: its failure is told in the figures and changes nobody's answer.
    this.take().catch((error: Error) => {
      this.#failures++
      this.#lastError = error.message
    })
  }

  /** No automatic one begins any more. Resolves when none is under way. */
  async close(): Promise<void> {
    this.#closed = true
    await (this.#next ?? this.#running?.done)?.catch(() => {})
  }

  #start(): Promise<CheckpointEntry | undefined> {
    const seq = this.#queue.appliedSeq
    const done = this.#write(seq).finally(() => {
      this.#running = undefined
    })
    this.#running = { seq, done }
    return done
  }

  async #write(seq: number): Promise<CheckpointEntry | undefined> {
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

  #entriesSinceLast(): number {
    return this.#queue.appliedSeq - (this.#log.lastCheckpoint?.sequenceNumber ?? -1)
  }
}
