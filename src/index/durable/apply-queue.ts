import { nextTurn } from '../../clock.ts'
import { poisonChannel } from '../../diagnostics.ts'
import type { BatchMember } from '../../entry.ts'
import { assert, WalError } from '../../errors.ts'
import { Fifo } from './fifo.ts'
import type { IndexState } from './index-state.ts'

interface Waiting {
  readonly entries: readonly BatchMember[]
  /** Set when the log has answered: the sequence number, or why not. */
  answer?: { readonly seq: number } | { readonly error: unknown }
  /** Called when the change is applied or refused, before its caller learns of it. */
  readonly leave: () => void
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Applies changes in the order in which they were handed to the log, which is the log's, each only
 * once it is durable, whatever the order in which the answers come in.
 */
export class ApplyQueue {
  /** Everything up to this sequence number that takes effect is applied. */
  appliedSeq: number
  readonly #state: IndexState
  readonly #directory: string
  readonly #waiting = new Fifo<Waiting>()
  #broken: WalError | undefined

  constructor(state: IndexState, directory: string, appliedSeq: number) {
    this.#state = state
    this.#directory = directory
    this.appliedSeq = appliedSeq
  }

  /**
   * Resolves when the change is durable and applied. `logged` must have been handed to the log just
   * now. `leave` is called when it is applied or refused, before the caller learns of it.
   */
  add(logged: Promise<number>, entries: readonly BatchMember[], leave: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const item: Waiting = { entries, leave, resolve, reject }
      this.#waiting.push(item)
      const answered = (answer: NonNullable<Waiting['answer']>): void => {
        item.answer = answer
        this.#drain()
      }
      logged.then(
        (seq) => answered({ seq }),
        (error) => answered({ error }),
      )
    })
  }

  #drain(): void {
    for (let next = this.#waiting.first; next?.answer !== undefined; next = this.#waiting.first) {
      const { answer, entries, leave, resolve, reject } = next
      this.#waiting.shift()
      const error = 'error' in answer ? answer.error : this.#apply(answer.seq, entries)
      leave()
      if (error === undefined) resolve()
      else reject(error)
    }
  }

  /** @returns why it has no effect, if it has none */
  #apply(seq: number, entries: readonly BatchMember[]): WalError | undefined {
    if (this.#broken) return this.#broken
    assert(seq > this.appliedSeq, `record ${seq} is applied after ${this.appliedSeq}`)
    try {
      const isApplied = this.#state.apply(entries)
      this.appliedSeq = seq
      return isApplied ? undefined : builtOnRefused(seq)
    } catch (cause) {
      const message = `Record ${seq} is durable but the index failed to take it: ${(cause as Error).message}. The index is not used any more; open it again to rebuild it from the log.`
      this.#broken = new WalError('WALV_POISONED', message, { seq, fate: 'unknown', cause })
      if (poisonChannel.hasSubscribers)
        poisonChannel.publish({ directory: this.#directory, error: this.#broken })
      return this.#broken
    }
  }

  /** Why nothing more is applied. */
  get broken(): WalError | undefined {
    return this.#broken
  }

  /** @throws WALV_POISONED if the engine has failed and no longer agrees with the log */
  needWhole(): void {
    if (this.#broken) throw this.#broken
  }

  /** Whether nothing waits. */
  get isSettled(): boolean {
    return this.#waiting.size === 0
  }

  /** Resolves when nothing waits. */
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
