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
  readonly query: Float32Array
  readonly k: number
  readonly pieces: readonly ScanPiece[]
}

/** Chunks of one memory: where each begins, and how many of its rows are in use. */
export interface ScanPiece {
  readonly region: number
  readonly addresses: Int32Array
  readonly rows: Int32Array
}

/** What is nearest, nearest first. */
export interface ScanAnswer {
  readonly id: number
  readonly labels: Float64Array
  readonly distances: Float64Array
}
