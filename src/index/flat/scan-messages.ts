import type { Memory } from '../kernel/kernel.ts'
import type { Metric } from '../vector-index.ts'

/** What a thread that searches is told: of a memory before the first search in it. */
export type ScanRequest = MemoryNotice | ScanTask

export interface MemoryNotice {
  readonly type: 'memory'
  readonly region: number
  readonly memory: Memory
}

export interface ScanTask {
  readonly type: 'scan'
  readonly id: number
  readonly metric: Metric
  readonly queries: readonly Float32Array[]
  readonly k: number
  readonly pieces: readonly ScanPiece[]
  /**
   * Shared by all who take part: the number of the first chunk that nobody has taken yet, the
   * chunks of all pieces counted in their order.
   */
  readonly next: Int32Array
}

/** Chunks of one memory: where each begins, and how many of its rows are in use. */
export interface ScanPiece {
  readonly region: number
  readonly addresses: Int32Array
  readonly rows: Int32Array
}

export interface ScanAnswer {
  readonly id: number
  /** Of each query. */
  readonly found: readonly NearestFound[]
}

/** What is nearest to a query in the chunks that a thread took, nearest first. */
export interface NearestFound {
  readonly labels: Float64Array
  readonly distances: Float64Array
}
