import { monotonicMs, nextTick, setImmediate } from '../../clock.ts'

/**
 * How long one turn of the event loop goes on with those who were answered together. What else
 * waits for the loop may wait for that, for one portion, and for one other such stretch.
 */
const MAX_STRETCH_MS = 4
/** So many are answered, and go on, before the clock is looked at. */
const PORTION = 16

/**
 * Does steps of work one after the other, each of which lets somebody go on: in portions, behind
 * each of which those whom it let go on have their say, and no longer than a few milliseconds in
 * one turn of the event loop. In a new process hundreds of callers that go on together would stop
 * it for 15 to 25 ms.
 */
export class TurnLimit {
  /** Does one step; false where there is nothing to do. */
  readonly #step: () => boolean
  /** When the turn began in which there is work; undefined between them. */
  #turnAt: number | undefined
  /** What is left of the portion. */
  #left = PORTION
  #isPaused = false
  /** The turn began behind a pause. */
  #isResumed = false

  constructor(step: () => boolean) {
    this.#step = step
  }

  /** To be called whenever there may be something to do. What can be done now is done. */
  go(): void {
    if (this.#isPaused) return
    while (this.#left > 0 && this.#step()) {
      this.#left--
      if (this.#turnAt !== undefined) continue
      this.#turnAt = monotonicMs()
      this.#endPortion()
    }
  }

  /** A tick that is asked for within a tick comes before all promises. */
  #endPortion(): void {
    Promise.resolve().then(() => nextTick(this.#portionOver))
  }

  /** Called when everybody has gone on, as far as they do without the event loop. */
  readonly #portionOver = (): void => {
    if (this.#left > 0) {
      this.#begin()
    } else if (monotonicMs() - this.#turnAt! < MAX_STRETCH_MS) {
      this.#left = PORTION
      this.#endPortion()
      this.go()
    } else {
      this.#isPaused = true
      // The first comes before the timers and what the system has answered, where a turn began with
      // such an answer.
      if (this.#isResumed) setImmediate(this.#resume)
      else setImmediate(() => setImmediate(this.#resume))
    }
  }

  readonly #resume = (): void => {
    this.#isPaused = false
    this.#begin()
    this.#isResumed = true
    this.go()
  }

  #begin(): void {
    this.#left = PORTION
    this.#turnAt = undefined
    this.#isResumed = false
  }
}
