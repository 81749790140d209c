import { Generation } from './generation.ts'
import type { GraphEngine } from './graph.ts'

/**
 * How many vectors are copied to a new graph with each change. With two, that ends long before the
 * new one is worn too.
 */
const COPIES_PER_CHANGE = 2

/**
 * One graph, or two: when it is worn, a new one is filled bit by bit, so that no call has to wait
 * for all of it, and then takes its place. Until then the old one goes on finding what it holds; a
 * label may be in both, with the same vector.
 */
export class Generations {
  readonly #engine: GraphEngine
  /** What the engine is given for a label. */
  readonly #vectorOf: (label: number) => Float32Array
  #newest: Generation
  #old: { readonly generation: Generation; readonly toCopy: IterableIterator<number> } | undefined

  /** `loaded` has the newest first, and at most one behind it. */
  constructor(
    engine: GraphEngine,
    vectorOf: (label: number) => Float32Array,
    [newest = new Generation(engine.make()), old]: readonly Generation[] = [],
  ) {
    this.#engine = engine
    this.#vectorOf = vectorOf
    this.#newest = newest
    this.#old = old && { generation: old, toCopy: old.labels() }
  }

  /** The newest first. */
  all(): Generation[] {
    return this.#old ? [this.#newest, this.#old.generation] : [this.#newest]
  }

  has(label: number): boolean {
    return this.all().some((generation) => generation.has(label))
  }

  set(label: number, vector: Float32Array): void {
    this.#newest.set(label, vector)
    this.#old?.generation.remove(label)
    this.#renew()
  }

  remove(label: number): void {
    for (const generation of this.all()) generation.remove(label)
    this.#renew()
  }

  /** Labels that are near, each once. */
  nearest(vector: Float32Array, count: number): number[] {
    const [found, more] = this.all().map((generation) => generation.nearest(vector, count))
    return more === undefined ? found! : [...new Set([...found!, ...more])]
  }

  #renew(): void {
    if (this.#old === undefined) {
      if (!this.#newest.isWorn) return
      this.#old = { generation: this.#newest, toCopy: this.#newest.labels() }
      this.#newest = new Generation(this.#engine.make())
    }
    for (let copied = 0; copied < COPIES_PER_CHANGE; ) {
      const { value: label, done } = this.#old.toCopy.next()
      if (done) {
        this.#old = undefined
        return
      }
      if (this.#newest.has(label)) continue
      this.#newest.set(label, this.#vectorOf(label))
      copied++
    }
  }
}
