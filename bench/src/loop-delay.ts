import { createHistogram } from 'node:perf_hooks'

export interface LoopDelay {
  readonly p99Ms: number
  readonly maxMs: number
}

/** How late the event loop comes to its timers, with one due every millisecond. */
export class LoopDelays {
  /** Node's own `monitorEventLoopDelay` forgets what it had when it is enabled again. */
  readonly #histogram = createHistogram()

  /** Measures while `work` goes on; several times are one measurement. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    let last = performance.now()
    const timer = setInterval(() => {
      const now = performance.now()
      this.#histogram.record(Math.max(1, Math.round((now - last) * 1e6)))
      last = now
    }, 1)
    try {
      return await work()
    } finally {
      // What stopped the loop until now is only told in its next turn.
      await pause(5)
      clearInterval(timer)
    }
  }

  get figures(): LoopDelay {
    return { p99Ms: this.#histogram.percentile(99) / 1e6, maxMs: this.#histogram.max / 1e6 }
  }
}

/** Lets the event loop go round once, as it does between the requests of a server. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
