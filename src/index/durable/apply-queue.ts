import { monotonicMs, nextTurn } from '../../clock.ts'
import { assert, WalError } from '../../errors.ts'
import { Fifo } from '../../fifo.ts'
import { type Applied, type ApplyOrder, failedToApply, type LoggedUnit } from './apply-order.ts'
import type { IndexState } from './index-state.ts'
import { TurnLimit } from './turn-limit.ts'
import { type Impossible, onlyDeletion } from './unit.ts'

/** What takes effect together, on its way through the log. */
export interface QueuedUnit {
  /** Whether the log has answered. */
  readonly isAnswered: boolean
  /** The number under which it is logged; undefined as long as it is not. */
  readonly seq: number | undefined
  /** Why it has no effect. */
  error: unknown
  apply(state: IndexState, seq: number): Impossible | undefined
  /** It is applied, or refused. Must not throw. */
  settle(): void
}

/**
 * Applies changes in the order in which they were handed to the log, which is the log's, each only
 * once it is durable, whatever the order in which the answers come in.
 */
export class ApplyQueue implements ApplyOrder {
  appliedSeq: number
  readonly #state: IndexState
  readonly #directory: string
  readonly #waiting = new Fifo<QueuedUnit>()
  /** Applied or refused; those who wait for them are still to be told. */
  readonly #ended = new Fifo<QueuedUnit>()
  /** Whoever is told goes on at once, and hundreds would stop the event loop. */
  readonly #turnLimit = new TurnLimit(() => this.#settleNext())
  #isAboutToApply = false
  #broken: WalError | undefined
  #applied = (): void => {}

  constructor(state: IndexState, directory: string, appliedSeq: number) {
    this.#state = state
    this.#directory = directory
    this.appliedSeq = appliedSeq
  }

  add(logged: Promise<number>, handed: LoggedUnit, leave: () => void): Promise<Applied> {
    return new Promise<Applied>((resolve, reject) => {
      const unit = new PromisedUnit(handed, leave, resolve, reject)
      this.#waiting.push(unit)
      logged.then(
        (seq) => {
          unit.seq = seq
          unit.isAnswered = true
          this.#applyAnswered()
        },
        (error) => {
          unit.error = error
          unit.isAnswered = true
          this.#applyAnswered()
        },
      )
    })
  }

  /** Takes what was handed to the log just now, and says itself when that has answered. */
  push(unit: QueuedUnit): void {
    this.#waiting.push(unit)
  }

  /** The log has answered for a unit. All that it answers for at once are applied at once. */
  answered(): void {
    if (this.#isAboutToApply) return
    this.#isAboutToApply = true
    SOON.then(this.#applySoon)
  }

  readonly #applySoon = (): void => {
    this.#isAboutToApply = false
    this.#applyAnswered()
  }

  #applyAnswered(): void {
    if (!this.#waiting.first?.isAnswered) return
    const began = monotonicMs()
    for (let next = this.#waiting.first; next?.isAnswered; next = this.#waiting.first) {
      this.#waiting.shift()
      if (next.seq !== undefined) next.error = this.#apply(next.seq, next)
      this.#ended.push(next)
    }
    this.#state.logged.applyMs += monotonicMs() - began
    this.#applied()
    this.#turnLimit.go()
  }

  #settleNext(): boolean {
    const unit = this.#ended.first
    if (unit === undefined) return false
    this.#ended.shift()
    unit.settle()
    return true
  }

  onApplied(call: () => void): void {
    this.#applied = call
  }

  /** @returns why it has no effect, if it has none */
  #apply(seq: number, unit: QueuedUnit): WalError | undefined {
    if (this.#broken) return this.#broken
    assert(seq > this.appliedSeq, `record ${seq} is applied after ${this.appliedSeq}`)
    try {
      const impossible = unit.apply(this.#state, seq)
      this.appliedSeq = seq
      if (impossible) this.#state.voids.add(seq)
      return impossible && builtOnRefused(seq)
    } catch (cause) {
      this.#broken = failedToApply(this.#directory, seq, cause)
      return this.#broken
    }
  }

  get broken(): WalError | undefined {
    return this.#broken
  }

  needWhole(): void {
    if (this.#broken) throw this.#broken
  }

  get isSettled(): boolean {
    return this.#waiting.size === 0 && this.#ended.size === 0
  }

  async settled(): Promise<void> {
    while (!this.isSettled) await nextTurn()
  }
}

const SOON = Promise.resolve()

/** Several changes, or a transaction's. */
class PromisedUnit implements QueuedUnit {
  isAnswered = false
  seq: number | undefined
  error: unknown
  #existed: boolean | undefined
  readonly #unit: LoggedUnit
  readonly #leave: () => void
  readonly #resolve: (applied: Applied) => void
  readonly #reject: (error: unknown) => void

  constructor(
    unit: LoggedUnit,
    leave: () => void,
    resolve: (applied: Applied) => void,
    reject: (error: unknown) => void,
  ) {
    this.#unit = unit
    this.#leave = leave
    this.#resolve = resolve
    this.#reject = reject
  }

  apply(state: IndexState, seq: number): Impossible | undefined {
    const deletion = onlyDeletion(this.#unit.entries)
    this.#existed = deletion && state.catalog.has(deletion.id)
    return state.apply({ ...this.#unit, seq })
  }

  settle(): void {
    this.#leave()
    if (this.error === undefined) this.#resolve({ seq: this.seq!, existed: this.#existed })
    else this.#reject(this.error)
  }
}

/**
 * The log may have refused a change, and its caller not know of it yet, when the next one is built
 * on it. Every opening passes over that one, too.
 */
const builtOnRefused = (seq: number): WalError =>
  new WalError(
    'WALV_CONFLICT',
    `A change that this one was built on was refused by the log meanwhile. Record ${seq} has no effect, now and after reopening. Try again.`,
    { seq, fate: 'not-logged' },
  )
