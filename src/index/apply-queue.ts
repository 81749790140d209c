import { poisonChannel } from '../diagnostics.ts'
import type { BatchMember } from '../entry.ts'
import { assert, WalError } from '../errors.ts'
import type { IndexState } from './index-state.ts'

interface Waiting {
  readonly entries: readonly BatchMember[]
  /** Set when the log has answered: the sequence number, or why not. */
  answer?: { readonly seq: number } | { readonly error: unknown }
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Applies changes in the order in which they were handed to the log, which is the log's, each only once it is durable, whatever the order in which the
 * answers come in.
 */
export class ApplyQueue {
  /** Everything up to this sequence number that takes effect is applied. */
  appliedSeq: number
  readonly #state: IndexState
  readonly #directory: string
  #waiting: Waiting[] = []
  #broken: WalError | undefined

  constructor(state: IndexState, directory: string, appliedSeq: number) {
    this.#state = state
    this.#directory = directory
    this.appliedSeq = appliedSeq
  }

  /** Resolves when the change is durable and applied. `logged` must have been handed to the log just now. */
  add(logged: Promise<number>, entries: readonly BatchMember[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const item: Waiting = { entries, resolve, reject }
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
    let done = 0
    for (const { answer, entries, resolve, reject } of this.#waiting) {
      if (answer === undefined) break
      done++
      if ('error' in answer) reject(answer.error)
      else if (this.#apply(answer.seq, entries)) resolve()
      else reject(this.#broken)
    }
    if (done > 0) this.#waiting = this.#waiting.slice(done)
  }

  #apply(seq: number, entries: readonly BatchMember[]): boolean {
    if (this.#broken) return false
    assert(seq > this.appliedSeq, `record ${seq} is applied after ${this.appliedSeq}`)
    try {
      assert(this.#state.apply(entries), `record ${seq} was validated and can be applied`)
      this.appliedSeq = seq
      return true
    } catch (cause) {
      const message = `Record ${seq} is durable but the index failed to take it: ${(cause as Error).message}. The index is not used any more; open it again to rebuild it from the log.`
      this.#broken = new WalError('WALV_POISONED', message, { seq, fate: 'unknown', cause })
      if (poisonChannel.hasSubscribers) poisonChannel.publish({ directory: this.#directory, error: this.#broken })
      return false
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

  /** Resolves when nothing waits. */
  async settled(): Promise<void> {
    while (this.#waiting.length > 0) await new Promise(setImmediate)
  }
}
