import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface LoopDelay {
  readonly p99Ms: number
  readonly maxMs: number
}

/** How late the event loop comes to its timers, with one due every millisecond. */
export class LoopDelays {
  readonly #histogram = monitorEventLoopDelay({ resolution: 1 })

  /** Measures while `work` goes on; several times are one measurement. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#histogram.enable()
    try {
      return await work()
    } finally {
      // What stopped the loop until now is only told in its next turn.
      await pause(5)
      this.#histogram.disable()
    }
  }

  get figures(): LoopDelay {
    return { p99Ms: this.#histogram.percentile(99) / 1e6, maxMs: this.#histogram.max / 1e6 }
  }
}

/** Lets the event loop go round once, as it does between the requests of a server. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
