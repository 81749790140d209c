import type { Metric } from '../entry.ts'
import type { SnapshotWriter } from '../log/log.ts'
import type { LongWork } from './opening-work.ts'

/**
 * What an index must do to be made durable. Vectors are known by labels: safe integers that
 * `DurableIndex` gives out, never reused for another id. Ids and metadata are kept beside the
 * index, not in it.
 *
 * Everything here is called in log order with input already validated (dimensions, finiteness
 * unless `acceptsNonFinite`, known labels), and what it holds must be a deterministic function of
 * the calls so far: no clock, no randomness. Only which of the nearest an approximate index misses
 * may depend on how far it has come with what it does in the background.
 */
export interface VectorIndex {
  /**
   * Names the engine in snapshots. `load` is called only for a snapshot that an index of the same
   * kind wrote; of another, the vectors are set one by one, where walv's own `vectors.walvflat`
   * holds them.
   */
  readonly kind: string
  readonly dimensions: number
  readonly metric: Metric
  /** Whether vectors may hold NaN or infinities. */
  readonly acceptsNonFinite: boolean
  readonly size: number
  /** Sets the vector of a label, new or known. Copies what it keeps. */
  set(label: number, vector: Float32Array): void
  /** Removes a known label. */
  remove(label: number): void
  /** A copy of the vector of a known label, bit for bit. */
  get(label: number): Float32Array
  /**
   * The same for who only looks at it: it may be the index's own memory, and is valid until the
   * index is called again. Without it, `get` is asked.
   */
  peek?(label: number): Float32Array
  /**
   * The `k` nearest labels, nearest first, ties by smaller label; fewer if there are fewer.
   * `accept` leaves labels out before they count. `query` has `dimensions` finite elements.
   */
  search(
    query: Float32Array,
    k: number,
    accept?: (label: number) => boolean,
  ): Neighbour[] | Promise<Neighbour[]>
  /**
   * What `search` answers to each of one or more queries, which it may search together. Other work
   * has its turn meanwhile. Without it, `search` is asked for one after the other.
   */
  searchMany?(
    queries: readonly Float32Array[],
    k: number,
    accept?: (label: number) => boolean,
  ): Promise<Neighbour[][]>
  /**
   * The state at this moment, as something that can be written while the index goes on changing.
   * Synchronous and quick.
   */
  freeze(): FrozenIndex
  /**
   * Fills an empty index from what `FrozenIndex.save` wrote. The files have been verified. Throws
   * `WALV_INDEX_MISMATCH` if its own options are not those of the snapshot; whatever else it throws
   * says that the snapshot cannot be loaded, and the one before is used. What takes long calls
   * `work.step` in between, so that the event loop gets its turn and whoever waits is told how far
   * it is.
   */
  load(files: SnapshotReader, work?: LongWork): Promise<void>
  /**
   * Removes all vectors, also after a `load` that failed. Without it, the labels that a snapshot
   * names are removed one by one, which may not be all that a faulty one brought in: then opening
   * fails.
   */
  clear?(): void
  /**
   * Vectors that are set and found, and that some quicker way of finding them is yet to be built
   * for, in the background. Default: there is no such work.
   */
  readonly lag?: number
  /**
   * How many milliseconds the work of which `lag` tells has taken since the index was made. Closing
   * takes a checkpoint where that saves the next process more of it than the checkpoint takes.
   * Default: 0.
   */
  readonly workMs?: number
  /**
   * Resolves when `lag` is 0. Rejects with `WALV_CLOSED` where the index is closed before, and with
   * `WALV_ENGINE` where what does the work has failed for good.
   */
  caughtUp?(): Promise<void>
  /** Whether changes should wait, since `lag` is more than somebody wants. */
  readonly isFull?: boolean
  /** Resolves when it is not full, or never will be again. Never rejects. */
  room?(): Promise<void>
  /** Ends what goes on in the background: there are no changes any more. May be called again. */
  close?(): void | Promise<void>
}

export type { LongWork, Metric }

export interface Neighbour {
  readonly label: number
  readonly distance: number
}

export interface FrozenIndex {
  save(files: SnapshotWriter): Promise<void>
  /** Lets go of what was frozen; always called, also after a failed save. */
  release(): void
}

/** A verified snapshot folder. */
export interface SnapshotReader {
  /** The file in pieces of at most 1 MiB; a piece is valid until the next is asked for. */
  read(name: string): AsyncIterable<Uint8Array>
  path(name: string): string
}
