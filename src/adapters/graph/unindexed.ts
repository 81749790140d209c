import { LabelMap } from '../../index/label-map.ts'

/**
 * So many that no graph has are compared for a search: beyond, comparing all is quicker than to
 * find them among all, and the main thread would stand still for too long.
 */
const COMPARED_SHARE = 1 / 8
const LEAST_COMPARED = 1_024
const MOST_COMPARED = 16_384
const MOST_COMPARED_ELEMENTS = 4_000_000

export function mostCompared(size: number, dimensions: number): number {
  const share = Math.max(LEAST_COMPARED, size * COMPARED_SHARE)
  return Math.min(share, MOST_COMPARED, MOST_COMPARED_ELEMENTS / dimensions)
}

/**
 * Labels whose vectors no graph has as they are now: those that wait, in the order in which they
 * will be sent, and those that are on their way. A label that changes while it waits keeps its
 * place, and is sent once.
 */
export class Unindexed {
  readonly #waiting = new LabelMap<true>()
  /** The key that a label is to have when its vector has arrived. */
  readonly #onTheirWay = new Map<number, number>()
  /** Those that wait after they failed together with others: they are sent one by one. */
  readonly #suspects = new Set<number>()

  get waiting(): number {
    return this.#waiting.size
  }

  get size(): number {
    return this.#waiting.size + this.#onTheirWay.size
  }

  get hasSuspects(): boolean {
    return this.#suspects.size > 0
  }

  has(label: number): boolean {
    return this.#waiting.has(label) || this.#onTheirWay.has(label)
  }

  /** A label has a new vector. What is on its way for it is of no use. */
  add(label: number): void {
    this.forget(label)
    this.#waiting.set(label, true)
  }

  addSuspect(label: number): void {
    this.add(label)
    this.#suspects.add(label)
  }

  forget(label: number): void {
    this.#onTheirWay.delete(label)
    this.#suspects.delete(label)
    this.#waiting.delete(label)
  }

  /** Up to so many that wait, the suspects alone if there are any. */
  next(most: number): number[] {
    const labels: number[] = []
    for (const label of this.hasSuspects ? this.#suspects : this.#waiting.keys()) {
      if (labels.length === most) break
      labels.push(label)
    }
    return labels
  }

  send(label: number, key: number): void {
    this.#waiting.delete(label)
    this.#suspects.delete(label)
    this.#onTheirWay.set(label, key)
  }

  /** Whether the vector that has arrived under a key is the label's still. */
  arrive(label: number, key: number): boolean {
    return this.#onTheirWay.get(label) === key && this.#onTheirWay.delete(label)
  }

  *labels(): Generator<number, void, void> {
    yield* this.#onTheirWay.keys()
    yield* this.#waiting.keys()
  }
}
