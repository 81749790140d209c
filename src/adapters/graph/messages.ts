import type { GraphBatch, GraphQuestion } from './host.ts'

/** What a thread of graphs is started with. */
export interface WorkerData {
  /** The URL of the module that makes its engine. */
  readonly module: string
  readonly options: unknown
  /** Of the `NativeGate`. */
  readonly gate: SharedArrayBuffer
}

/** What it is asked, by numbers that rise from 1. Dropping and closing are not answered. */
export type Asked =
  | { readonly close: true }
  | { readonly drop: number }
  | { readonly id: number; readonly add: GraphBatch }
  | { readonly id: number; readonly nearest: Float32Array; readonly questions: readonly GraphQuestion[] }
  | { readonly id: number; readonly save: number; readonly path: string }
  | { readonly id: number; readonly load: number; readonly path: string; readonly nextKey: number }

/** Number 0 says that it has begun. */
export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly problem: string }
