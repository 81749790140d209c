import { monotonicMs } from '../../clock.ts'
import { assert, WalError } from '../../errors.ts'
import type { VectorIndex } from '../vector-index.ts'

/** Where the vectors of a state are. */
export type Vectors = Pick<VectorIndex, 'set' | 'get' | 'remove'>

const MAX_BYTES = 8 * 1024 * 1024
const MAX_VECTORS = 65_536
/** Mostly there is little to replay. */
const FIRST_VECTORS = 64

/**
 * What is set while a log is replayed, held back in bounded memory: the index is given only the
 * last vector of each label, and nothing of a label that was removed again. Building a graph costs
 * far more than a copy.
 */
export class CoalescingVectors implements Vectors {
  /** How long the index has taken for what it was given. */
  spentMs = 0
  readonly #index: VectorIndex
  #vectors: Float32Array
  readonly #maxHeld: number
  /** Where the vector of each label is held, in the order in which the index will get them. */
  readonly #places = new Map<number, number>()
  #free: number[] = []
  /** Labels rise with every new id: those from here on are not in the index yet. */
  #newFrom: number
  #nextLabel: number

  constructor(index: VectorIndex, nextLabel: number) {
    this.#index = index
    this.#newFrom = nextLabel
    this.#nextLabel = nextLabel
    const { dimensions } = index
    const bytes = Math.max(dimensions, 1) * Float32Array.BYTES_PER_ELEMENT
    this.#maxHeld = Math.max(1, Math.min(MAX_VECTORS, Math.floor(MAX_BYTES / bytes)))
    this.#vectors = new Float32Array(Math.min(FIRST_VECTORS, this.#maxHeld) * dimensions)
  }

  get count(): number {
    return this.#places.size
  }

  /** Nothing new may be set before all is flushed. */
  get isFull(): boolean {
    return this.#places.size === this.#maxHeld
  }

  set(label: number, vector: Float32Array): void {
    const place = this.#places.get(label) ?? this.#place(label)
    this.#vectors.set(vector, place * this.#index.dimensions)
  }

  /** What is held is given as a view, valid until the next change. */
  get(label: number): Float32Array {
    const place = this.#places.get(label)
    return place === undefined ? this.#index.get(label) : this.#at(place)
  }

  remove(label: number): void {
    const place = this.#places.get(label)
    if (place !== undefined) {
      this.#places.delete(label)
      this.#free.push(place)
    }
    if (label < this.#newFrom) this.#index.remove(label)
  }

  /**
   * Gives the index all that is held; `turn` is awaited after each vector where it answers with a
   * promise.
   * @throws WALV_INDEX_MISMATCH if it does not take a vector
   */
  async flush(turn: () => Promise<void> | undefined): Promise<void> {
    const places = [...this.#places]
    for (const [label, place] of places) {
      this.#give(label, place)
      // What is given is no longer held, so that it counts as done.
      this.#places.delete(label)
      const waiting = turn()
      if (waiting) await waiting
    }
    this.#free = []
    this.#newFrom = this.#nextLabel
  }

  #give(label: number, place: number): void {
    const began = monotonicMs()
    try {
      this.#index.set(label, this.#at(place))
    } catch (cause) {
      const message = `The index does not take a vector that was logged: ${(cause as Error).message} Open the directory with the index options it was written with.`
      throw new WalError('WALV_INDEX_MISMATCH', message, { cause })
    }
    this.spentMs += monotonicMs() - began
  }

  #place(label: number): number {
    assert(!this.isFull, 'more vectors are held than there is room for')
    const place = this.#free.pop() ?? this.#places.size
    if (place * this.#index.dimensions >= this.#vectors.length) this.#grow()
    this.#places.set(label, place)
    this.#nextLabel = Math.max(this.#nextLabel, label + 1)
    return place
  }

  #grow(): void {
    const { dimensions } = this.#index
    const larger = new Float32Array(Math.min(2 * this.#vectors.length, this.#maxHeld * dimensions))
    larger.set(this.#vectors)
    this.#vectors = larger
  }

  #at(place: number): Float32Array {
    const { dimensions } = this.#index
    return this.#vectors.subarray(place * dimensions, (place + 1) * dimensions)
  }
}
