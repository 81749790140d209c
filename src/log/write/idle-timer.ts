import { clearTimeout, setTimeout } from '../../clock.ts'

/**
 * How long the log must be idle before it writes what nobody waits for, and then down that all of
 * it is durable.
 */
const IDLE_MS = 100

/** Fires once when the log was idle for a while. Keeps no process alive. */
export class IdleTimer {
  readonly #fire: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(fire: () => void) {
    this.#fire = fire
  }

  arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#fire()
    }, IDLE_MS).unref()
  }

  disarm(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
