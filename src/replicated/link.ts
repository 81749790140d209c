import { monotonicMs } from '../clock.ts'
import type { Engine, EngineRange } from './engine.ts'
import { LATE, pause, within } from './patience.ts'
import type { Timing } from './timing.ts'
import { isFinal, noAnswer } from './trouble.ts'

/** A log's way to its engine, which tries again what passes. */
export class EngineLink {
  readonly engine: Engine
  readonly timing: Timing
  /** When it last answered, by the clock for ages, and what it said last when it did not. */
  heardAtMs: number = monotonicMs()
  lastError: unknown
  /** The end of the log, as far as is known here. */
  last = 0
  #heard = (): void => {}

  constructor(engine: Engine, timing: Timing) {
    this.engine = engine
    this.timing = timing
  }

  get name(): string {
    return this.engine.name
  }

  /** Called when it answers after it has been silent for a while. */
  onHeardAgain(call: () => void): void {
    this.#heard = call
  }

  /** Something came from there. */
  heard(): void {
    const now = monotonicMs()
    const wasSilent = this.lastError !== undefined || now - this.heardAtMs > 2 * this.timing.silenceMs
    this.heardAtMs = now
    this.lastError = undefined
    if (wasSilent) this.#heard()
  }

  failed(error: unknown): void {
    this.lastError = error
  }

  /**
   * What the engine answers, asked once.
   * @throws what it says, WALV_UNAVAILABLE where it says nothing
   */
  async ask<T>(what: string, call: () => Promise<T>): Promise<T> {
    try {
      const answer = await within(this.timing.callMs, call())
      if (answer === LATE) throw noAnswer(this.name, what)
      this.heard()
      return answer as T
    } catch (error) {
      this.failed(error)
      throw error
    }
  }

  /**
   * The same, asked until it answers.
   * @throws what is final; WALV_UNAVAILABLE after `timeoutMs`, or when `signal` is aborted
   */
  async insist<T>(what: string, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const end = monotonicMs() + this.timing.timeoutMs
    for (;;) {
      try {
        return await this.ask(what, call)
      } catch (error) {
        if (isFinal(error)) throw error
        if (monotonicMs() >= end || signal?.aborted) throw noAnswer(this.name, what, error)
      }
      await pause(this.timing.retryMs, signal)
    }
  }

  async range(): Promise<EngineRange> {
    const range = await this.ask('how far the log reaches', () => this.engine.range())
    this.last = Math.max(this.last, range.last)
    return range
  }
}
