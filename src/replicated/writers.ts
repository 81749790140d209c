import type { JsonValue } from '../entry.ts'
import type { FrameHeader } from './frame.ts'

/** Writers that are remembered. Beyond, those that were heard of longest ago are forgotten. */
export const MAX_WRITERS = 1_024

/** A writer, as every reader knows it that has come to the same place. */
export interface Writer {
  /** The number of its next change. */
  next: number
  /** Nothing of it is accepted any more. */
  isRetired: boolean
  /** The last message that changed any of this. */
  place: number
}

/** Why a frame has no effect. */
export type VoidReason =
  /** It came before: sent again, or stored twice. */
  | 'double'
  /** One before it is missing; its writer sends both again. */
  | 'gap'
  /** Its writer is retired, or forgotten. */
  | 'retired'

/**
 * The table of writers: a function of the messages, so that all readers have the same. It decides
 * what is accepted: a frame if and only if it begins with its writer's next number.
 *
 * It is bounded. Who is forgotten cannot be told from who is new, so a newcomer is only accepted
 * if it had read up to the last forgetting: then its first frame was made after that, and is no
 * late double of one that is forgotten.
 */
export class Writers {
  readonly #writers: Map<string, Writer>
  /** Where one was forgotten last. */
  #horizon: number

  constructor(saved?: JsonValue) {
    const { horizon = 0, writers = [] } = (saved ?? {}) as Partial<SavedWriters>
    this.#horizon = horizon
    this.#writers = new Map(
      writers.map(([id, next, isRetired, place]) => [id, { next, isRetired: isRetired === 1, place }]),
    )
  }

  get(id: string): Readonly<Writer> | undefined {
    return this.#writers.get(id)
  }

  get size(): number {
    return this.#writers.size
  }

  /** Why it is not accepted; undefined if it is, and then its writer is known. */
  refusal({ writer: id, isFirst, number, next, basis }: FrameHeader, place: number): VoidReason | undefined {
    const writer = this.#writers.get(id)
    if (writer === undefined) {
      if (!isFirst) return 'gap'
      if (basis < this.#horizon) return 'retired'
      this.#enter(id, { next: number, isRetired: false, place })
      return undefined
    }
    if (writer.isRetired) return 'retired'
    if (number > writer.next) return 'gap'
    if (next <= writer.next) return 'double'
    writer.place = place
    return undefined
  }

  /** Everything of it before this number is decided. */
  advance(id: string, next: number): void {
    this.#writers.get(id)!.next = next
  }

  retire(id: string, place: number): void {
    const writer = this.#writers.get(id)
    if (writer === undefined) this.#enter(id, { next: 0, isRetired: true, place })
    else if (!writer.isRetired) Object.assign(writer, { isRetired: true, place })
  }

  #enter(id: string, writer: Writer): void {
    if (this.#writers.size === MAX_WRITERS) this.#forgetOne(writer.place)
    this.#writers.set(id, writer)
  }

  /** One that is retired, if there is one; of those the one that changed longest ago. */
  #forgetOne(place: number): void {
    const all = [...this.#writers]
    const retired = all.filter(([, { isRetired }]) => isRetired)
    const among = retired.length > 0 ? retired : all
    const [oldest] = among.reduce((one, other) => (other[1].place < one[1].place ? other : one))
    this.#writers.delete(oldest)
    this.#horizon = place
  }

  toJSON(): SavedWriters {
    const writers = Array.from(
      this.#writers,
      ([id, { next, isRetired, place }]) => [id, next, isRetired ? 1 : 0, place] as const,
    )
    return { horizon: this.#horizon, writers }
  }
}

interface SavedWriters {
  readonly horizon: number
  readonly writers: readonly (readonly [id: string, next: number, isRetired: 0 | 1, place: number])[]
}
