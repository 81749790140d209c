import { randomBytes } from 'node:crypto'
import type { Origin } from '../entry.ts'
import { WalError } from '../errors.ts'
import type { CommittedUnit } from '../log/log.ts'

/** A change of this process that nobody has told yet what became of. */
export interface OwnChange {
  readonly number: number
  /** As it is sent; undefined where this process leads, and has logged it itself. */
  readonly message: Uint8Array | undefined
  readonly handedOverAtMs: number
}

/** Where a change took effect. */
export type Placed = Pick<CommittedUnit, 'seq' | 'transactionId'>

interface Waiting extends OwnChange {
  readonly resolve: (placed: Placed) => void
  readonly reject: (error: Error) => void
}

/**
 * The changes that this process has asked for, until each is found in the log or refused. They are
 * handed over in the order of their numbers, over one way at a time, and so stand in the log in
 * that order: one that is not there when a later one is was refused.
 */
export class OwnChanges {
  #process: string = randomBytes(16).toString('hex')
  readonly #waiting = new Map<number, Waiting>()
  #next = 1
  /** Those with a smaller number may stand in a part of the log that was not read. */
  #passedOver = 0
  #bytes = 0
  #drained: (() => void)[] = []
  readonly #turned: () => void

  /** `turned` is called when there are some that wait, and when there are none any more. */
  constructor(turned: () => void) {
    this.#turned = turned
  }

  /** Who this is, in this opening of the log: 16 random bytes, in hexadecimal. */
  get process(): string {
    return this.#process
  }

  /** Nothing of who this was is taken any more: from here on it is somebody new. */
  renew(): void {
    this.#process = randomBytes(16).toString('hex')
  }

  isWaiting(number: number): boolean {
    return this.#waiting.has(number)
  }

  /** Of the messages of those that wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** In the order of their numbers. */
  get waiting(): Iterable<OwnChange> {
    return this.#waiting.values()
  }

  get oldest(): OwnChange | undefined {
    for (const first of this.#waiting.values()) return first
    return undefined
  }

  isOwn(origin: Origin | undefined): origin is Origin {
    return origin?.process === this.#process
  }

  originOf(number: number): Origin {
    return { process: this.#process, number }
  }

  /**
   * `hand` hands the change of this number over, and returns it as it was sent. Where it throws, it
   * is as if nothing had been asked.
   */
  add(handedOverAtMs: number, hand: (number: number) => Uint8Array | undefined): Promise<Placed> {
    const number = this.#next
    const message = hand(number)
    this.#next++
    this.#bytes += message?.length ?? 0
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { number, message, handedOverAtMs, resolve, reject })
      if (this.#waiting.size === 1) this.#turned()
    })
  }

  /**
   * Part of the log was not read: those that wait may be in it, and nobody can tell, unless they
   * are found later.
   */
  passOver(): void {
    this.#passedOver = this.#next
  }

  /** Everything that could have been one of those was read by now. */
  failPassedOver(): void {
    for (const change of [...this.#waiting.values()])
      if (change.number < this.#passedOver) this.#end(change).reject(unknown())
    this.#passedOver = 0
  }

  /** A change of this process stands in the log, and was applied. */
  placed(number: number, place: Placed): void {
    for (const change of this.#waiting.values()) {
      if (change.number > number) return
      if (change.number === number) this.#end(change).resolve(place)
      else this.#end(change).reject(change.number < this.#passedOver ? unknown() : refused())
    }
  }

  refused(number: number, error: Error): void {
    const change = this.#waiting.get(number)
    if (change) this.#end(change).reject(error)
  }

  /** Of all that wait. */
  fail(errorOf: () => Error): void {
    for (const change of [...this.#waiting.values()]) this.#end(change).reject(errorOf())
  }

  /** Nothing more is read: those that wait may be in the log. */
  breakOff(cause: WalError): void {
    const { code, message, file } = cause
    this.fail(() => new WalError(code, message, { cause, fate: 'unknown', ...(file && { file }) }))
  }

  /** Resolves when less waits than now, at once if nothing does. */
  drained(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#drained.push(resolve))
  }

  #end(change: Waiting): Waiting {
    this.#waiting.delete(change.number)
    if (this.#waiting.size === 0) this.#turned()
    this.#bytes -= change.message?.length ?? 0
    const drained = this.#drained
    if (drained.length > 0) {
      this.#drained = []
      for (const tell of drained) tell()
    }
    return change
  }
}

const unknown = (): WalError =>
  new WalError(
    'WALV_IO',
    'The part of the log that this change may stand in was let go of before this process could read it: it may have taken effect or not. Look for what it was to do.',
    { fate: 'unknown' },
  )

const refused = (): WalError =>
  new WalError(
    'WALV_IO',
    'The process that led the log refused this change, and ended before it told why. Nothing was logged. Try again.',
    { fate: 'not-logged' },
  )
