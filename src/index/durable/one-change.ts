import type { DataEntry } from '../../entry.ts'
import type { LogWaiter } from '../../log/log.ts'
import type { ApplyQueue, QueuedUnit } from './apply-queue.ts'
import type { Expected, InFlight } from './in-flight.ts'
import type { Impossible, IndexState } from './index-state.ts'
import type { VectorPool } from './vector-pool.ts'

/** Where changes that stand alone are on their way. */
export interface ChangeHome {
  readonly queue: ApplyQueue
  readonly inFlight: InFlight
  readonly pool: VectorPool | undefined
}

/**
 * A change that stands alone, from its call until it is applied: what the log answers, what the
 * queue applies, and what is expected of its id meanwhile, all in one object, for there are many.
 */
export abstract class OneChange implements LogWaiter, QueuedUnit, Expected {
  readonly change: DataEntry
  readonly exists: boolean
  isAnswered = false
  seq: number | undefined = undefined
  error: unknown = undefined
  readonly #home: ChangeHome

  constructor(change: DataEntry, home: ChangeHome) {
    this.change = change
    this.exists = change.type !== 'delete'
    this.#home = home
  }

  logged(seq: number): void {
    this.seq = seq
    this.isAnswered = true
    this.#home.queue.answered()
  }

  refused(error: Error): void {
    this.error = error
    this.isAnswered = true
    this.#home.queue.answered()
  }

  apply(state: IndexState): Impossible | undefined {
    return state.applyOne(this.change)
  }

  settle(): void {
    this.#home.inFlight.leave(this.change.id, this)
    this.giveBack()
    this.tell()
  }

  /** It is on its way no more: the memory of its vector is free. */
  giveBack(): void {
    const { change } = this
    if (change.type !== 'delete' && change.vector) this.#home.pool?.give(change.vector)
  }

  /** Tells who asked for it what became of it. */
  protected abstract tell(): void
}

/** Who asks for many changes, and knows them by numbers. */
export interface Asker {
  /** Called as soon as the log has refused it, though it has not answered for what came before. */
  refused(number: number, error: unknown): void
  applied(number: number, id: string): void
  failed(number: number, error: unknown): void
}

/** One of many, without a promise of its own. */
export class NumberedChange extends OneChange {
  readonly #asker: Asker
  readonly #number: number

  constructor(change: DataEntry, home: ChangeHome, asker: Asker, number: number) {
    super(change, home)
    this.#asker = asker
    this.#number = number
  }

  override refused(error: Error): void {
    this.#asker.refused(this.#number, error)
    super.refused(error)
  }

  protected override tell(): void {
    if (this.error === undefined) this.#asker.applied(this.#number, this.change.id)
    else this.#asker.failed(this.#number, this.error)
  }
}

/** One whose caller waits for a promise. */
export class CalledChange extends OneChange {
  #resolve: ((existed: undefined) => void) | undefined
  #reject: ((error: unknown) => void) | undefined

  static readonly #functions: {
    resolve?: (existed: undefined) => void
    reject?: (error: unknown) => void
  } = {}

  /** One for all promises. */
  static readonly #wait = (resolve: (existed: undefined) => void, reject: (error: unknown) => void): void => {
    CalledChange.#functions.resolve = resolve
    CalledChange.#functions.reject = reject
  }

  /** To be called once: resolves when it is applied. */
  outcome(): Promise<undefined> {
    const promise = new Promise<undefined>(CalledChange.#wait)
    const { resolve, reject } = CalledChange.#functions
    this.#resolve = resolve
    this.#reject = reject
    return promise
  }

  protected override tell(): void {
    if (this.error === undefined) this.#resolve?.(undefined)
    else this.#reject?.(this.error)
  }
}
