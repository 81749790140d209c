import type { WalError } from '../../errors.ts'
import { Fifo } from '../../fifo.ts'
import type { Log } from '../../log/log.ts'
import type { VectorIndex } from '../vector-index.ts'
import type { ApplyOrder } from './apply-order.ts'

/** What is to be let through. */
export interface Entrant {
  /**
   * It looks at the index, and so waits for everything that was let through to be applied or
   * refused. Asked when its turn has come.
   */
  readonly looks: boolean
  /**
   * Hands something to the log. Where that throws `WALV_BACKPRESSURE`, nothing has happened, and it
   * is called again.
   */
  submit(): void
  /** It was not handed to the log, for this reason. */
  reject(error: unknown): void
}

/**
 * Lets changes through to the log one after the other, in the order in which they were asked for.
 * Where the log is full, or the index too far behind, they wait. Whether a change is possible is
 * decided when it is let through: nothing is built on what was refused meanwhile.
 */
export class Admission {
  readonly #log: Log
  readonly #queue: ApplyOrder
  readonly #index: Pick<VectorIndex, 'isFull' | 'room'>
  readonly #waiting = new Fifo<Entrant>()
  #letting: Promise<void> | undefined
  #tellEnding: () => void = () => {}
  /** From then on nobody waits for the index, which need not catch up any more. */
  readonly #ending = new Promise<void>((resolve) => {
    this.#tellEnding = resolve
  })
  #isEnding = false

  constructor(log: Log, queue: ApplyOrder, index: Pick<VectorIndex, 'isFull' | 'room'> = {}) {
    this.#log = log
    this.#queue = queue
    this.#index = index
  }

  /**
   * Resolves to what `submit` returns. It is called at once where nobody waits and the log has
   * room.
   */
  enter<T>(submit: () => T | Promise<T>): Promise<T> {
    return this.#enter(submit, never)
  }

  /**
   * The same for what depends on more than the ids that it names: it is called when everything
   * before it is applied or refused, and what is asked for later comes behind it. So the index is,
   * at its place in the log, what it sees.
   */
  enterToLook<T>(submit: () => T | Promise<T>): Promise<T> {
    return this.#enter(submit, always)
  }

  /** The same for what looks only if `looks` says so when its turn has come. */
  enterWhen<T>(looks: () => boolean, submit: () => T | Promise<T>): Promise<T> {
    return this.#enter(submit, looks)
  }

  /** The same for who is told what became of it in another way. */
  let(entrant: Entrant): void {
    if (this.#isOpen && (!entrant.looks || this.#queue.isSettled)) {
      try {
        entrant.submit()
        return
      } catch (error) {
        if (!isBackpressure(error)) {
          entrant.reject(error)
          return
        }
      }
    }
    this.#waiting.push(entrant)
    this.#letting ??= this.#letAllThrough()
  }

  /** Nothing is in the way, as far as is known without asking the log. */
  get #isOpen(): boolean {
    return this.#letting === undefined && !this.#isIndexFull
  }

  #enter<T>(submit: () => T | Promise<T>, looks: () => boolean): Promise<T> {
    if (this.#isOpen && (this.#queue.isSettled || !looks())) {
      try {
        return Promise.resolve(submit())
      } catch (error) {
        if (!isBackpressure(error)) return Promise.reject(error)
      }
    }
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({
        get looks() {
          return looks()
        },
        submit: () => resolve(submit()),
        reject,
      })
      this.#letting ??= this.#letAllThrough()
    })
  }

  /** Whether somebody waits. */
  get isFull(): boolean {
    return this.#letting !== undefined
  }

  /** Once nobody else comes: resolves when nobody waits. */
  async end(): Promise<void> {
    this.#isEnding = true
    this.#tellEnding()
    await this.#letting
  }

  get #isIndexFull(): boolean {
    return !this.#isEnding && (this.#index.isFull ?? false)
  }

  async #letAllThrough(): Promise<void> {
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      // A log that says no more when it has room takes nothing either: the next try tells why.
      await this.#log.drained().catch(() => {})
      if (this.#isIndexFull) await Promise.race([this.#index.room?.(), this.#ending])
      while (next.looks && !this.#queue.isSettled) await this.#queue.settled()
      this.#letThrough(next)
    }
    this.#letting = undefined
  }

  /** All who need not wait. `ready` has waited. */
  #letThrough(ready: Entrant): void {
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      if (next !== ready && (next.looks || this.#isIndexFull)) return
      try {
        next.submit()
      } catch (error) {
        if (isBackpressure(error)) return
        next.reject(error)
      }
      this.#waiting.shift()
    }
  }
}

const never = (): boolean => false
const always = (): boolean => true

export const isBackpressure = (error: unknown): boolean =>
  (error as WalError | undefined)?.code === 'WALV_BACKPRESSURE'
