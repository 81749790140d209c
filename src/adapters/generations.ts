import { Generation } from './generation.ts'
import type { GraphEngine } from './graph.ts'

/** How many vectors move to the new graph with each change. With two, the old one is empty long before the new one is worn. */
const MOVES_PER_CHANGE = 2

/**
 * One graph, or two: when the first is worn, a new one takes its place, and what the old one holds moves over bit by bit, so that no call has to wait for all
 * of it. A label is in one of them.
 */
export class Generations {
  readonly #engine: GraphEngine
  /** What the engine is given for a label. */
  readonly #vectorOf: (label: number) => Float32Array
  #newest: Generation
  #old: Generation | undefined

  constructor(engine: GraphEngine, vectorOf: (label: number) => Float32Array, loaded: readonly Generation[] = []) {
    this.#engine = engine
    this.#vectorOf = vectorOf
    const [newest = new Generation(engine.make()), old] = loaded
    this.#newest = newest
    this.#old = old
  }

  get size(): number {
    return this.#newest.size + (this.#old?.size ?? 0)
  }

  /** The newest first. */
  all(): Generation[] {
    return this.#old ? [this.#newest, this.#old] : [this.#newest]
  }

  has(label: number): boolean {
    return this.all().some((generation) => generation.has(label))
  }

  set(label: number, vector: Float32Array): void {
    this.#newest.set(label, vector)
    this.#old?.remove(label)
    this.#renew()
  }

  remove(label: number): void {
    for (const generation of this.all()) generation.remove(label)
    this.#renew()
  }

  nearest(vector: Float32Array, count: number): number[] {
    return this.all().flatMap((generation) => generation.nearest(vector, count))
  }

  #renew(): void {
    if (this.#old === undefined) {
      if (!this.#newest.isWorn) return
      this.#old = this.#newest
      this.#newest = new Generation(this.#engine.make())
    }
    const moving = this.#old.labels()
    for (let moves = 0; moves < MOVES_PER_CHANGE; moves++) {
      const { value: label, done } = moving.next()
      if (done) break
      this.#newest.set(label, this.#vectorOf(label))
      this.#old.remove(label)
    }
    if (this.#old.size === 0) this.#old = undefined
  }
}
