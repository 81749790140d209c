import { monotonicMs } from '../../clock.ts'

const FIRST_MS = 5_000
const LONGEST_MS = 600_000

/**
 * When to try again what failed: after 5 s, then after twice as long each time, at most after 10
 * minutes.
 */
export class RetryDelay {
  /** How often it failed since it last succeeded. */
  failures = 0
  readonly #now: () => number
  #until = 0

  constructor(now: () => number = monotonicMs) {
    this.#now = now
  }

  /** How long it is still to be left alone. */
  get remainingMs(): number {
    return this.failures === 0 ? 0 : Math.max(0, this.#until - this.#now())
  }

  failed(): void {
    this.#until = this.#now() + Math.min(FIRST_MS * 2 ** this.failures, LONGEST_MS)
    this.failures++
  }

  succeeded(): void {
    this.failures = 0
  }
}
