import type { Graph } from './graph.ts'

/** Below this a graph is not worth replacing. */
const MIN_REMOVED = 1_000

/** A graph whose vectors are known by labels, of which one can come again and again. */
export class Generation {
  readonly graph: Graph
  readonly #keys = new Map<number, number>()
  readonly #labels = new Map<number, number>()
  #nextKey: number

  /** A graph that was loaded has used all keys below `nextKey`. */
  constructor(graph: Graph, nextKey: number = 0) {
    this.graph = graph
    this.#nextKey = nextKey
  }

  get nextKey(): number {
    return this.#nextKey
  }

  get size(): number {
    return this.#keys.size
  }

  /**
   * Whether more vectors were removed than are there. Engines keep removed vectors, or fill their places with ones that are elsewhere, and find less
   * and take longer with each.
   */
  get isWorn(): boolean {
    return this.#nextKey - this.size > Math.max(this.size, MIN_REMOVED)
  }

  has(label: number): boolean {
    return this.#keys.has(label)
  }

  labels(): IterableIterator<number> {
    return this.#keys.keys()
  }

  /** Label and key of every vector. */
  entries(): IterableIterator<[label: number, key: number]> {
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

  /** Names a vector that the graph was loaded with. */
  adopt(label: number, key: number): void {
    this.#keys.set(label, key)
    this.#labels.set(key, label)
  }

  /** Removes a label that may be there. */
  remove(label: number): void {
    const key = this.#keys.get(label)
    if (key === undefined) return
    this.#keys.delete(label)
    this.#labels.delete(key)
    this.graph.remove(key)
  }

  /** Labels of vectors that are near: about `count`, fewer if there are fewer or the engine misses some. */
  nearest(vector: Float32Array, count: number): number[] {
    const most = Math.min(count, this.size)
    if (most === 0) return []
    const labels = this.graph.nearest(vector, most).map((key) => this.#labels.get(key))
    return labels.filter((label) => label !== undefined)
  }
}
