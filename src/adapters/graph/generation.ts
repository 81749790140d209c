import { LabelMap } from '../../index/label-map.ts'

/** Below this a graph is not worth replacing. */
const MIN_DEAD = 1_000

/**
 * What is known of a graph, wherever it is: which label each of its vectors belongs to. Vectors
 * that were removed or replaced stay in it, and belong to none.
 */
export class Generation {
  /** Names the graph. */
  readonly number: number
  readonly #keys = new LabelMap<number>()
  readonly #labels = new LabelMap<number>()
  #nextKey: number
  /** Keys that were given out, and of which it is not known yet what became. */
  #open = 0

  /** A graph that was loaded has used all keys below `nextKey`. */
  constructor(number: number, nextKey: number = 0) {
    this.number = number
    this.#nextKey = nextKey
  }

  get size(): number {
    return this.#keys.size
  }

  get nextKey(): number {
    return this.#nextKey
  }

  get isSettled(): boolean {
    return this.#open === 0
  }

  /** Whether more of its vectors are dead than alive, which costs memory, time and hits. */
  get isWorn(): boolean {
    return this.#nextKey - this.#open - this.size > Math.max(this.size, MIN_DEAD)
  }

  has(label: number): boolean {
    return this.#keys.has(label)
  }

  labels(): IterableIterator<number> {
    return this.#keys.keys()
  }

  /** Label and key of every vector that belongs to one. */
  pairs(): IterableIterator<[label: number, key: number]> {
    return this.#keys.entries()
  }

  /** Gives out so many keys, and returns the first. */
  reserve(count: number): number {
    const first = this.#nextKey
    this.#nextKey += count
    this.#open += count
    return first
  }

  /** So many keys are in the graph now, or never will be. */
  settle(count: number): void {
    this.#open -= count
  }

  /** Says whose a vector is that is in the graph. */
  adopt(label: number, key: number): void {
    this.remove(label)
    this.#keys.set(label, key)
    this.#labels.set(key, label)
  }

  /** Removes a label. Returns whether it was there. */
  remove(label: number): boolean {
    const key = this.#keys.get(label)
    if (key === undefined) return false
    this.#keys.delete(label)
    this.#labels.delete(key)
    return true
  }

  /** How many the graph is asked for, so that about `count` of them are alive. */
  asking(count: number): number {
    if (this.size === 0) return 0
    return Math.min(Math.ceil((count * this.#nextKey) / this.size), this.#nextKey)
  }

  /** The labels of what was found. */
  labelsOf(keys: ArrayLike<number>): number[] {
    const labels: number[] = []
    for (let at = 0; at < keys.length; at++) {
      const label = this.#labels.get(keys[at]!)
      if (label !== undefined) labels.push(label)
    }
    return labels
  }
}
