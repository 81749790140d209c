/**
 * What an adapter needs of an engine: approximate nearest neighbours among vectors that are known by keys. A key is a whole number below 2^32 and is
 * used for one vector only, ever, so that what engines do with keys that come again does not matter.
 *
 * It finds; it does not decide. Ids, exact vectors and distances are walv's, and a graph can be built again from them at any time.
 */
export interface Graph {
  /** How many vectors it holds, with removed ones where it keeps them. */
  readonly entries: number
  /** Throws where the engine cannot take it. */
  add(key: number, vector: Float32Array): void
  remove(key: number): void
  /** The keys of about `count` vectors that are near, nearest first or not; `count` is not more than there are. */
  nearest(vector: Float32Array, count: number): number[]
  /** Writes it to a file that is there. Blocks. */
  save(path: string): void
  /** Fills an empty graph from a file. Throws, and may not be used any more, where that does not have the dimensions of this one. */
  load(path: string): void
}

/** How an adapter makes graphs. */
export interface GraphEngine {
  /** Names the adapter in snapshots. */
  readonly kind: string
  /** What a saved graph depends on: it is loaded only where this is the same, and built again elsewhere. */
  readonly description: Readonly<Record<string, string | number>>
  /** Longer vectors, whose squares its arithmetic cannot hold, are not given to it. */
  readonly maxNorm: number
  make(): Graph
}
