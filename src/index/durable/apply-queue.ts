import { nextTurn } from '../../clock.ts'
import type { BatchMember } from '../../entry.ts'
import { assert, WalError } from '../../errors.ts'
import { type ApplyOrder, failedToApply } from './apply-order.ts'
import { Fifo } from './fifo.ts'
import type { IndexState } from './index-state.ts'

interface Waiting {
  readonly entries: readonly BatchMember[]
  isAnswered: boolean
  /** What the log has answered: the sequence number, or why there is none. */
  seq: number | undefined
  error: unknown
  /** Called when the change is applied or refused, before its caller learns of it. */
  readonly leave: () => void
  readonly resolve: (existed: undefined) => void
  readonly reject: (error: unknown) => void
}

/**
 * Applies changes in the order in which they were handed to the log, which is the log's, each only
 * once it is durable, whatever the order in which the answers come in.
 */
export class ApplyQueue implements ApplyOrder {
  appliedSeq: number
  readonly #state: IndexState
  readonly #directory: string
  readonly #waiting = new Fifo<Waiting>()
  #broken: WalError | undefined
  #applied = (): void => {}

  constructor(state: IndexState, directory: string, appliedSeq: number) {
    this.#state = state
    this.#directory = directory
    this.appliedSeq = appliedSeq
  }

  add(logged: Promise<number>, entries: readonly BatchMember[], leave: () => void): Promise<undefined> {
    return new Promise<undefined>((resolve, reject) => {
      const item: Waiting = {
        entries,
        leave,
        resolve,
        reject,
        isAnswered: false,
        seq: undefined,
        error: undefined,
      }
      this.#waiting.push(item)
      logged.then(
        (seq) => {
          item.seq = seq
          this.#answered(item)
        },
        (error) => {
          item.error = error
          this.#answered(item)
        },
      )
    })
  }

  #answered(item: Waiting): void {
    item.isAnswered = true
    for (let next = this.#waiting.first; next?.isAnswered; next = this.#waiting.first) {
      const { seq, entries, leave, resolve, reject } = next
      this.#waiting.shift()
      const error = seq === undefined ? next.error : this.#apply(seq, entries)
      leave()
      if (error === undefined) resolve(undefined)
      else reject(error)
    }
    this.#applied()
  }

  onApplied(call: () => void): void {
    this.#applied = call
  }

  /** @returns why it has no effect, if it has none */
  #apply(seq: number, entries: readonly BatchMember[]): WalError | undefined {
    if (this.#broken) return this.#broken
    assert(seq > this.appliedSeq, `record ${seq} is applied after ${this.appliedSeq}`)
    try {
      const impossible = this.#state.apply(entries)
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
    return this.#waiting.size === 0
  }

  async settled(): Promise<void> {
    while (!this.isSettled) await nextTurn()
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
