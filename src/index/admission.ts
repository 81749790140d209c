import type { WalError } from '../errors.ts'
import type { Log } from '../log/log.ts'
import { Fifo } from './fifo.ts'

interface Waiting {
  /** Hands something to the log. Where that throws `WALV_BACKPRESSURE`, nothing has happened, and it is called again. */
  readonly submit: () => unknown
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * Lets changes through to the log one after the other, in the order in which they were asked for.
 * Where the log is full they wait. Whether a change is possible is decided when it is let through:
 * nothing is built on what was refused meanwhile.
 */
export class Admission {
  readonly #log: Log
  readonly #waiting = new Fifo<Waiting>()
  #letting: Promise<void> | undefined

  constructor(log: Log) {
    this.#log = log
  }

  /** Resolves to what `submit` returns. It is called at once where nobody waits and the log has room. */
  enter<T>(submit: () => T | Promise<T>): Promise<T> {
    if (this.#letting === undefined) {
      try {
        return Promise.resolve(submit())
      } catch (error) {
        if (!isBackpressure(error)) return Promise.reject(error)
      }
    }
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ submit, resolve: resolve as (answer: unknown) => void, reject })
      this.#letting ??= this.#letAllThrough()
    })
  }

  /** Resolves when nobody waits. */
  async settled(): Promise<void> {
    await this.#letting
  }

  async #letAllThrough(): Promise<void> {
    while (this.#waiting.size > 0) {
      // A log that says no more when it has room takes nothing either: the next try tells why.
      await this.#log.drained().catch(() => {})
      this.#letThrough()
    }
    this.#letting = undefined
  }

  #letThrough(): void {
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      try {
        next.resolve(next.submit())
      } catch (error) {
        if (isBackpressure(error)) return
        next.reject(error)
      }
      this.#waiting.shift()
    }
  }
}

const isBackpressure = (error: unknown): boolean => (error as WalError | undefined)?.code === 'WALV_BACKPRESSURE'
