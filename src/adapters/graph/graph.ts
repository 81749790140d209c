/**
 * What an adapter needs of an engine: approximate nearest neighbours among vectors that are known
 * by keys. Keys are whole numbers that rise from 0; none comes again, and nothing is ever removed
 * or changed, so that what engines do then does not matter.
 *
 * It finds; it does not decide. Which vectors there are, what they are exactly and how far, is
 * walv's, and a graph can be built again from that at any time.
 */
export interface Graph {
  /** How many vectors were added. */
  readonly entries: number
  /** Throws where the engine cannot take it. */
  add(key: number, vector: Float32Array): void
  /**
   * Adds several vectors, side by side in one array, under the keys from `firstKey` on: for an
   * engine that is quicker so, or uses several threads. Where it throws, what it did with each is
   * taken to be unknown: they are added again one by one, under other keys. Default: one `add` for
   * each.
   */
  addMany?(firstKey: number, vectors: Float32Array): void
  /** Keys of vectors that are near: at most `count`, which is from 1 to `entries`, in any order. */
  nearest(vector: Float32Array, count: number): number[]
  /**
   * Writes it to a file that is there. Blocks. Without it, the graph is built again at each
   * opening.
   */
  save?(path: string): void
  /**
   * Fills an empty graph from a file. Throws, and is not used any more, where that does not have
   * the dimensions of this one.
   */
  load?(path: string): void
}

/** How an adapter makes graphs. */
export interface GraphEngine {
  /** Names the adapter in snapshots. */
  readonly kind: string
  /**
   * What a saved graph depends on: it is loaded only where this is the same, and built again
   * elsewhere.
   */
  readonly description: Readonly<Record<string, string | number>>
  /** Longer vectors, whose squares its arithmetic cannot hold, are not given to it. */
  readonly maxNorm: number
  make(): Graph
  /** Where it can be made again, in a thread of its own. Default: it works in the main thread. */
  readonly worker?: WorkerEngine
}

/** How a worker thread makes the same engine. */
export interface WorkerEngine {
  /** The file of a module that exports `graphEngine(options)`, which gives a `GraphEngine`. */
  readonly module: URL
  /** What it is called with there: values that can be sent to a thread. */
  readonly options: unknown
}
