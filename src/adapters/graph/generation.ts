import { LabelMap } from '../../index/label-map.ts'
import type { Graph } from './graph.ts'

/** Below this a graph is not worth replacing. */
const MIN_DEAD = 1_000

/**
 * A graph, and which label each of its vectors belongs to. Vectors that were removed or replaced
 * stay in it, and belong to none.
 */
export class Generation {
  readonly graph: Graph
  readonly #keys = new LabelMap<number>()
  readonly #labels = new LabelMap<number>()
  #nextKey: number

  /** A graph that was loaded has used all keys below `nextKey`. */
  constructor(graph: Graph, nextKey: number = 0) {
    this.graph = graph
    this.#nextKey = nextKey
  }

  get size(): number {
    return this.#keys.size
  }

  get nextKey(): number {
    return this.#nextKey
  }

  /** Whether more of its vectors are dead than alive, which costs memory, time and hits. */
  get isWorn(): boolean {
    return this.#nextKey - this.size > Math.max(this.size, MIN_DEAD)
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

  /** A label that is there keeps its vector until the engine has taken the new one. */
  set(label: number, vector: Float32Array): void {
    // Counted first: what an engine did with a key before it failed is unknown.
    const key = this.#nextKey++
    this.graph.add(key, vector)
    this.remove(label)
    this.adopt(label, key)
  }

  /** Says whose a vector is that is in the graph already. */
  adopt(label: number, key: number): void {
    this.#keys.set(label, key)
    this.#labels.set(key, label)
  }

  /** Removes a label, if it is there. */
  remove(label: number): void {
    const key = this.#keys.get(label)
    if (key === undefined) return
    this.#keys.delete(label)
    this.#labels.delete(key)
  }

  /**
   * Labels of vectors that are near: `count`, or fewer where many are dead, or the engine misses
   * some.
   */
  nearest(vector: Float32Array, count: number): number[] {
    if (this.size === 0) return []
    const { entries } = this.graph
    const withDead = Math.min(Math.ceil((count * entries) / this.size), entries)
    const labels = this.graph.nearest(vector, withDead).map((key) => this.#labels.get(key))
    return labels.filter((label) => label !== undefined)
  }
}
