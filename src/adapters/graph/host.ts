/** Vectors on their way to a graph, side by side, under the keys from `firstKey` on. */
export interface GraphBatch {
  /** The number of the graph, which is made when it is first named. */
  readonly graph: number
  readonly firstKey: number
  readonly count: number
  readonly dimensions: number
  /** At least `count` of them. Whoever sends them has no use of this memory until the answer. */
  readonly vectors: Float32Array<ArrayBuffer>
  /** Each by itself, so that one that is refused is known. */
  readonly oneByOne: boolean
}

export interface AddOutcome {
  /** The places in the batch of vectors that were not taken, or of which it is unknown. */
  readonly failed: readonly number[]
  /** Why the last of them was not. */
  readonly problem?: string
  /** What it took, in milliseconds. Default: 0. */
  readonly tookMs?: number
  /** The memory of the batch, to be used again. */
  readonly vectors: Float32Array<ArrayBuffer>
}

/** How many of its nearest a graph is asked for. It gives fewer where it has fewer. */
export interface GraphQuestion {
  readonly graph: number
  readonly count: number
}

/** A graph as it was written. */
export interface WrittenGraph {
  readonly entries: number
  /** All keys below it were added to it, or refused; none from it on. */
  readonly nextKey: number
}

/**
 * Where the graphs of an index are: in a thread, or in this one. What is asked is answered in the
 * order in which it was done, so that whoever hears of a search knows of every vector that was
 * added before it. Everything is rejected once the host is dead or closed.
 */
export interface GraphHost {
  /** How long a few changes should wait for more, so that they are added together. */
  readonly gatherMs: number
  add(batch: GraphBatch): Promise<AddOutcome>
  /** The keys that each graph finds. */
  nearest(query: Float32Array, questions: readonly GraphQuestion[]): Promise<ArrayLike<number>[]>
  /** Writes a graph to a file; undefined if it has no vector, or its engine cannot. */
  save(graph: number, path: string): Promise<WrittenGraph | undefined>
  /** Fills a new graph from a file. Resolves to how many vectors it holds. */
  load(graph: number, path: string, nextKey: number): Promise<number>
  /** Forgets a graph, and what is on its way to it. */
  drop(graph: number): void
  /** Whether somebody waits for it: otherwise it does not keep the process running. */
  keepAlive(isAwaited: boolean): void
  close(): Promise<void>
}

/** Why a host answers no more. */
export interface HostEnd {
  readonly error: Error
  /** It never began: there is no thread to be had. */
  readonly neverStarted: boolean
}

/** How long a step with an engine should take, so that what comes meanwhile need not wait long. */
export const STEP_MS = 5
