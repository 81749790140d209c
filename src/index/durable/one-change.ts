import type { DataEntry } from '../../entry.ts'
import type { LogWaiter } from '../../log/log.ts'
import { type Entrant, isBackpressure } from './admission.ts'
import type { ApplyQueue, QueuedUnit } from './apply-queue.ts'
import type { Expected, InFlight } from './in-flight.ts'
import type { IndexState } from './index-state.ts'
import type { PendingId } from './pending-ids.ts'
import type { Impossible } from './unit.ts'
import type { VectorPool } from './vector-pool.ts'

/** Where changes that stand alone are on their way. */
export interface ChangeHome {
  readonly queue: ApplyQueue
  readonly inFlight: InFlight
  readonly pool: VectorPool | undefined
  /** Hands a change to the log, and notes it. @throws what can be refused at once */
  hand(change: OneChange): void
}

/**
 * A change that stands alone, from its call until it is applied: what the log answers, what the
 * queue applies, and what is expected of its id meanwhile, all in one object, for there are many.
 */
export abstract class OneChange implements Entrant, LogWaiter, QueuedUnit, Expected {
  readonly change: DataEntry
  hash = 0
  next: PendingId | undefined = undefined
  seq: number | undefined = undefined
  error: unknown = undefined
  readonly #home: ChangeHome

  constructor(change: DataEntry, home: ChangeHome) {
    this.change = change
    this.#home = home
  }

  // What can be told is not kept: a hundred thousand may wait, and be copied by the collector.

  get looks(): boolean {
    return false
  }

  get id(): string {
    return this.change.id
  }

  get exists(): boolean {
    return this.change.type !== 'delete'
  }

  get isAnswered(): boolean {
    return this.seq !== undefined || this.error !== undefined
  }

  submit(): void {
    this.#home.hand(this)
  }

  reject(error: unknown): void {
    this.error = error
    this.#giveBack()
    this.tell()
  }

  logged(seq: number): void {
    this.seq = seq
    this.#home.queue.answered()
  }

  refused(error: Error): void {
    this.error = error
    this.#home.queue.answered()
  }

  apply(state: IndexState, seq: number): Impossible | undefined {
    return state.applyOne(this.change, seq)
  }

  settle(): void {
    this.#home.inFlight.leave(this)
    this.#giveBack()
    this.tell()
  }

  /** It is on its way no more: the memory of its vector is free. */
  #giveBack(): void {
    const { change } = this
    if (change.type !== 'delete' && change.vector) this.#home.pool?.give(change.vector)
  }

  /** Tells who asked for it what became of it. */
  protected abstract tell(): void
}

/** Who asks for many changes, and knows them by numbers. */
export interface Asker {
  /** @throws why nothing more is to be handed to the log */
  needGoOn(): void
  /** Called as soon as it is refused, though the log has not answered for what came before. */
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

  override submit(): void {
    this.#asker.needGoOn()
    try {
      super.submit()
    } catch (error) {
      if (!isBackpressure(error)) this.#asker.refused(this.#number, error)
      throw error
    }
  }

  override refused(error: Error): void {
    this.#asker.refused(this.#number, error)
    super.refused(error)
  }

  protected override tell(): void {
    if (this.error === undefined) this.#asker.applied(this.#number, this.id)
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
