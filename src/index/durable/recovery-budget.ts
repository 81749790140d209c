import type { RecoveryForecast } from './recovery-forecast.ts'

/** A prediction may be a quarter too low, and the budget is to hold. */
const AIM = 0.75
/** Where a snapshot takes most of the budget, so much of the rest is for changes all the same. */
const LEAST_ROOM = 0.25
/** What is behind a checkpoint has to take at least this share of the room there is for it. */
const LEAST_SHARE = 0.25
/** Between two checkpoints there is a rest, this share of what the first took. */
const REST_SHARE = 0.25
/** The budget is looked at again when so much of it may have been used up. */
const LOOK_SHARE = 0.01
const MAX_CHANGES_PER_LOOK = 1024
/** How fast an opening gets longer is measured over at least so long. */
const PACE_MS = 200

/** What of an index counts when it is looked at. */
export interface LoggedSoFar {
  /** Since the process began. */
  readonly changes: number
  readonly applyMs: number
  /** Behind the last checkpoint. */
  readonly behind: number
}

/**
 * Says when a checkpoint is due so that an opening stays within a budget: early enough that the
 * opening does so, too, until that checkpoint is taken.
 */
export class RecoveryBudget {
  readonly budgetMs: number
  readonly #forecast: RecoveryForecast
  readonly #now: () => number
  #nextLook = 0
  /** When the last checkpoint ended, how long it took, and what came in meanwhile takes. */
  #last: { readonly endedAt: number; readonly tookMs: number; readonly meanwhileMs: number } | undefined
  /** By how many milliseconds an opening gets longer in each. */
  #pace = 0
  #pacedAt: { readonly at: number; readonly behind: number; readonly ms: number } | undefined

  constructor(budgetMs: number, forecast: RecoveryForecast, now: () => number) {
    this.budgetMs = budgetMs
    this.#forecast = forecast
    this.#now = now
  }

  /** Whether even an opening right behind a checkpoint would exceed it. */
  get isTooSmall(): boolean {
    return this.#forecast.cost.knowsLoading && this.#forecast.leastMs > this.budgetMs
  }

  /** How long the last checkpoint took; undefined before the first. */
  get checkpointMs(): number | undefined {
    return this.#last?.tookMs
  }

  /** `behind`: how many changes came in while it was written. */
  tookCheckpoint(tookMs: number, behind: number): void {
    const meanwhileMs = this.#forecast.cost.replayMs(behind)
    this.#last = { endedAt: this.#now(), tookMs, meanwhileMs }
    this.#pacedAt = undefined
    this.#nextLook = 0
  }

  /** Called after every change, and cheap. */
  isDue({ changes, behind }: LoggedSoFar): boolean {
    if (changes < this.#nextLook) return false
    const { cost } = this.#forecast
    const replayMs = cost.replayMs(behind)
    const perChange = replayMs / Math.max(1, behind)
    const step = (LOOK_SHARE * this.budgetMs) / Math.max(perChange, Number.MIN_VALUE)
    this.#nextLook = changes + Math.max(1, Math.min(MAX_CHANGES_PER_LOOK, Math.floor(step)))
    this.#measurePace(behind, replayMs)
    return this.#isDue(behind, replayMs)
  }

  #isDue(behind: number, replayMs: number): boolean {
    if (this.isTooSmall) return false
    // A snapshot that nobody has loaded yet may be quicker than it is taken for.
    const leastMs = this.#forecast.cost.knowsLoading ? this.#forecast.leastMs : 0
    const limit = Math.max(AIM * this.budgetMs, leastMs + LEAST_ROOM * (this.budgetMs - leastMs))
    if (replayMs < LEAST_SHARE * (limit - leastMs)) return false
    if (this.#last && this.#now() - this.#last.endedAt < REST_SHARE * this.#last.tookMs) return false
    // Until one was taken, nobody knows how long one takes.
    const meanwhile = this.#last
      ? Math.max(this.#pace * this.#last.tookMs, this.#last.meanwhileMs)
      : limit / 2
    return this.#forecast.openingMs(behind) + meanwhile >= limit
  }

  #measurePace(behind: number, ms: number): void {
    const at = this.#now()
    const since = this.#pacedAt
    if (since === undefined || behind < since.behind) this.#pacedAt = { at, behind, ms }
    else if (at - since.at >= PACE_MS) {
      this.#pace = (ms - since.ms) / (at - since.at)
      this.#pacedAt = { at, behind, ms }
    }
  }
}
