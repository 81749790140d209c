import type { CommittedUnit } from '../log.ts'

type Result = IteratorResult<CommittedUnit, void>

/**
 * What takes effect, as it does. It ends when it is told to: also where that waits for what has not
 * happened yet.
 */
export class Tail implements AsyncGenerator<CommittedUnit, void, void> {
  readonly #units: AsyncGenerator<CommittedUnit, void, void>
  readonly #ended: AbortController
  #isOver = false

  /** `ended`: what ends `units` when it is aborted. */
  constructor(
    units: AsyncGenerator<CommittedUnit, void, void>,
    ended: AbortController,
    signal?: AbortSignal,
  ) {
    this.#units = units
    this.#ended = ended
    const abort = (): void => ended.abort()
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
    ended.signal.addEventListener('abort', () => signal?.removeEventListener('abort', abort))
  }

  get isOpen(): boolean {
    return !this.#isOver
  }

  async next(): Promise<Result> {
    if (this.#ended.signal.aborted) return this.return()
    try {
      const result = await this.#units.next()
      if (result.done) this.#isOver = true
      return result
    } catch (error) {
      this.#isOver = true
      // What was cut short by the end of all of it is no failure.
      if (this.#ended.signal.aborted) return { value: undefined, done: true }
      throw error
    }
  }

  async return(): Promise<Result> {
    this.#isOver = true
    this.#ended.abort()
    await this.#units.return()
    return { value: undefined, done: true }
  }

  async throw(error: unknown): Promise<Result> {
    await this.return()
    throw error
  }

  async close(): Promise<void> {
    await this.return().catch(() => {})
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
