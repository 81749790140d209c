import type { BatchMember, WalRecord } from '../entry.ts'
import { WalError } from '../errors.ts'
import type { CommittedUnit } from '../log/log.ts'
import { owned } from '../log/read/replay.ts'
import type { EngineLink } from './link.ts'
import { Order, type Position } from './order.ts'
import { Reading } from './reading.ts'
import { trimmed } from './trouble.ts'

/** Where a pass through the log begins and ends. */
export interface PassOptions {
  /** The first record. */
  readonly from: number
  /** The last message; `Infinity` goes on with what comes. */
  readonly through: number
  readonly borrow: boolean
  readonly signal: AbortSignal
}

/** A second reading of a log, beside the one that is applied, from a place that is known. */
export class Passes {
  readonly #link: EngineLink
  readonly #incarnation: string
  /** Places from which records can be numbered, in their order. Undefined: the beginning. */
  bases: readonly (Position | undefined)[]

  constructor(link: EngineLink, incarnation: string, bases: readonly (Position | undefined)[]) {
    this.#link = link
    this.#incarnation = incarnation
    this.bases = bases
  }

  /** The first record that can be read. */
  get firstSeq(): number {
    return this.bases.length === 0 ? 0 : seqOf(this.bases[0]) + 1
  }

  /** The last place that is known before a record. @throws WALV_SEQUENCE_TRIMMED */
  before(seq: number): Position | undefined {
    const at = this.bases.findLastIndex((base) => seqOf(base) < seq)
    if (at >= 0) return this.bases[at]
    throw trimmed(this.#link.name, 1, (this.bases[0]?.place ?? 0) + 1, seq - 1)
  }

  async *units({ from, through, borrow, signal }: PassOptions): AsyncGenerator<CommittedUnit, void, void> {
    const order = new Order(this.before(from))
    if (order.place >= through) return
    const reading = new Reading(this.#link, this.#incarnation, () => order, signal)
    for await (const { place, frame } of reading.frames()) {
      if (!('problem' in frame) && order.refusal(frame, place) === undefined) {
        for (const unit of order.take(frame, place)) {
          if (unit.seq < from) continue
          yield borrow ? unit : { ...unit, entries: unit.entries.map(owned) }
          if (signal.aborted) return
        }
      }
      order.pass(place)
      if (place >= through) return
    }
  }

  /** Where a reader stands that has taken exactly the records through this one. */
  async positionAt(seq: number, signal: AbortSignal): Promise<Position> {
    const order = new Order(this.before(seq + 1))
    const reading = new Reading(this.#link, this.#incarnation, () => order, signal)
    if (order.seq === seq) return order.position
    for await (const { place, frame } of reading.frames()) {
      if (!('problem' in frame) && order.refusal(frame, place) === undefined) {
        for (const unit of order.take(frame, place)) if (unit.seq === seq) return order.position
      }
      order.pass(place)
    }
    throw new WalError('WALV_CLOSED', 'The log was closed while a checkpoint was taken.')
  }
}

const seqOf = (base: Position | undefined): number => base?.seq ?? -1

/** A change that takes effect as one record: alone, or all entries of a transaction. */
export function recordOf({ entries, ...unit }: CommittedUnit): WalRecord {
  const entry: BatchMember = unit.transactionId === undefined ? entries[0]! : { type: 'batch', entries }
  return { ...unit, entry }
}
