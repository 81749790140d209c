import { monotonicMs, wholeTurn } from '../clock.ts'
import { WalError } from '../errors.ts'

/**
 * Long work in steps. What waits for the event loop waits no longer than a step and
 * `MAX_STRETCH_MS`.
 */
export interface LongWork {
  /** Called after each step; what it returns, if anything, is awaited before the next. */
  step(done: number, total: number): Promise<void> | undefined
}

/** What the stages of an opening took, in milliseconds. */
export interface OpeningTimes {
  /** Until the index was filled. */
  readonly ms: number
  /** Until the log was read and verified. */
  readonly logMs: number
  /** Loading the snapshot; 0 without one. */
  readonly snapshotMs: number
  /** Replaying; 0 where another did it. */
  readonly replayMs: number
  /** What a share of the replay took, from 0 to 1, ascending. */
  readonly replayed: readonly (readonly [share: number, ms: number])[]
}

/** Other work has such stretches too, so that what waits may wait for two of them. */
const MAX_STRETCH_MS = 4
/** The next time is taken when so many times as much is replayed. */
const SAMPLE_GROWTH = 1.2

/**
 * The work of opening an index: reading the log, loading a snapshot, replaying what is behind it.
 * Each stage has as many bytes as it reads. Gives the event loop its turn, tells how far it is, and
 * ends when it is aborted.
 */
export class OpeningWork {
  readonly #tell: ((bytesDone: number, bytesTotal: number) => void) | undefined
  readonly #signal: AbortSignal | undefined
  #logBytes = 0
  #snapshotBytes = 0
  #done = 0
  #total = 0
  /** Of the total, from 0 to 1. */
  #share = 0
  #turnAt = monotonicMs()
  #logMs = 0
  #logReadAt = this.#turnAt
  #loadedAt: number | undefined
  #replayAt: number | undefined
  #filledAt: number | undefined
  readonly #replayed: [share: number, ms: number][] = []
  #nextSample = 0
  /** How long the replay had taken when all was read. */
  #readMs: number | undefined
  readonly #startedAt = this.#turnAt

  constructor(
    tell: ((bytesDone: number, bytesTotal: number) => void) | undefined,
    signal: AbortSignal | undefined,
  ) {
    this.#tell = tell
    this.#signal = signal
  }

  /** Told while the log is read. All of it may have to be replayed, as far as is known then. */
  readonly logRead = (bytesDone: number, bytesTotal: number): void => {
    this.#logBytes = bytesTotal
    this.#logReadAt = monotonicMs()
    this.#logMs = this.#logReadAt - this.#startedAt
    this.#loadedAt = undefined
    this.#advance(bytesDone, 2 * bytesTotal)
  }

  /** Called where it is known better: another opened the log, or the lock was waited for. */
  logTook(ms: number): void {
    this.#logMs = ms
  }

  /** `behind`: how much of the log is to be replayed on top of it, from 0 to 1. */
  snapshot(bytes: number, behind: number): LongWork {
    this.#snapshotBytes = bytes
    return this.#stage(this.#logBytes, bytes, Math.round(behind * this.#logBytes))
  }

  /** Called when it is loaded. */
  snapshotLoaded(): void {
    this.#loadedAt = monotonicMs()
  }

  /** `share`: how much of the log is behind the snapshot, from 0 to 1. */
  replay(share: number): LongWork {
    const stage = this.#stage(this.#logBytes + this.#snapshotBytes, Math.round(share * this.#logBytes), 0)
    this.#replayAt = monotonicMs()
    return stage
  }

  /** So much of what is to be replayed was read; the index may be given it later. */
  replayRead(done: number, total: number): void {
    if (done < this.#nextSample && done < total) return
    this.#readMs = monotonicMs() - this.#replayAt!
    this.#replayed.push([done / total, this.#readMs])
    this.#nextSample = Math.max(done + 1, done * SAMPLE_GROWTH)
  }

  /** Called when the index has everything. */
  filled(): void {
    this.#filledAt = monotonicMs()
  }

  end(): void {
    this.#advance(this.#total, this.#total)
  }

  /** Known when it is filled. */
  get times(): OpeningTimes {
    const filledAt = this.#filledAt ?? this.#logReadAt
    const replayMs = this.#replayAt === undefined ? 0 : filledAt - this.#replayAt
    // What the index is given in the end it would be given less of, had less been read.
    const behindMs = replayMs - (this.#readMs ?? replayMs)
    return {
      ms: this.#logMs + filledAt - this.#logReadAt,
      logMs: this.#logMs,
      snapshotMs: this.#loadedAt === undefined ? 0 : this.#loadedAt - this.#logReadAt,
      replayMs,
      replayed: this.#replayed.map(([share, ms]) => [share, ms + share * behindMs]),
    }
  }

  #stage(before: number, bytes: number, behind: number): LongWork {
    return {
      step: (done, total) => {
        if (monotonicMs() - this.#turnAt < MAX_STRETCH_MS) return undefined
        const share = total === 0 ? 1 : Math.min(1, done / total)
        return this.#turn(before + Math.round(share * bytes), before + bytes + behind)
      },
    }
  }

  async #turn(done: number, total: number): Promise<void> {
    this.#advance(done, total)
    await wholeTurn()
    if (this.#signal?.aborted) throw aborted(this.#signal.reason)
    this.#turnAt = monotonicMs()
  }

  /**
   * Never goes back, neither in bytes nor in its share of the total: beside a live writer the log
   * may be read again, and a snapshot that is larger than the log is known only behind it.
   */
  #advance(done: number, total: number): void {
    this.#done = Math.max(this.#done, done, Math.ceil(this.#share * total))
    this.#total = Math.max(this.#done, total)
    this.#share = this.#total === 0 ? 0 : this.#done / this.#total
    this.#tell?.(this.#done, this.#total)
  }
}

const aborted = (cause: unknown): WalError =>
  new WalError('WALV_ABORTED', 'Opening the index was aborted. Nothing that it holds is changed.', { cause })

/** The part of a work from one share of it to another. */
export const partOf = (work: LongWork, from: number, to: number): LongWork => ({
  step: (done, total) => work.step(from + (total === 0 ? 1 : done / total) * (to - from), 1),
})
