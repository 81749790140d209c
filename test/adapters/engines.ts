import { type HnswlibOptions, hnswlib } from '../../src/adapters/hnswlib.ts'
import { type UsearchOptions, usearch } from '../../src/adapters/usearch.ts'
import type { Metric, VectorIndex } from '../../src/mod.ts'

type Make = (options: { dimensions: number; metric?: Metric } & Partial<UsearchOptions & HnswlibOptions>) => VectorIndex

/** Every adapter, by the name of its engine's snapshots. */
export const ENGINES: Readonly<Record<'usearch' | 'hnswlib', Make>> = { usearch, hnswlib }
