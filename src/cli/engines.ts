/** The engines that the command line can write an index with. */
import { hnswlib } from '../adapters/hnswlib.ts'
import { usearch } from '../adapters/usearch.ts'
import { type DurableIndex, type FlatOptions, flat, type VectorIndex } from '../mod.ts'

export const ENGINES = ['flat', 'usearch', 'hnswlib'] as const
export type Engine = (typeof ENGINES)[number]

export const isEngine = (kind: unknown): kind is Engine => ENGINES.includes(kind as Engine)

/** @throws WALV_ENGINE if its package is not installed */
export const makeIndex = (engine: Engine, options: FlatOptions): VectorIndex =>
  ({ flat, usearch, hnswlib })[engine](options)

/**
 * Resolves when the graph of an index has all that a snapshot should have of it. One that has
 * failed is no reason to fail: the next opening builds it.
 */
export const graphBuilt = (index: DurableIndex): Promise<void> => index.caughtUp().catch(() => {})
