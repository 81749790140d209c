import { availableParallelism } from 'node:os'
import { checkOneOf, checkShape, invalidOption } from '../index/index-options.ts'
import type { Metric, VectorIndex } from '../index/vector-index.ts'
import { wholeNumber } from '../log/options.ts'
import { checkOptions, type OptionNames } from '../option-names.ts'
import { GraphIndex } from './graph/graph-index.ts'
import { workerEngine } from './graph/hosting.ts'
import { graphEngine, QUANTIZATIONS, type UsearchQuantization } from './usearch/engine.ts'

export type { UsearchQuantization }

export interface UsearchOptions {
  /** Elements of every vector: an integer from 1 to 65 535. */
  readonly dimensions: number
  /** Default `cosine`. */
  readonly metric?: Metric
  /**
   * How the graph keeps its own copy of the vectors. Default `f32`. `f16` and `bf16` take half the
   * memory, `i8`, which is for `cosine` only, a quarter; distances are exact all the same.
   */
  readonly quantization?: UsearchQuantization
  /**
   * Neighbours of each vector in the graph: 2 to 256. More find more, and take more memory. Default
   * 16.
   */
  readonly connectivity?: number
  /**
   * Vectors looked at while one is added: 1 to 10 000. More find more, and adding takes longer.
   * Default 128.
   */
  readonly expansionAdd?: number
  /**
   * Vectors looked at in a search: 1 to 10 000. More find more, and a search takes longer. Default
   * 64.
   */
  readonly expansionSearch?: number
  /**
   * How many threads add vectors to the graph where several wait, 0 to 256, and at most as many as
   * there are processors for this process; none of them is the main thread. 0: the graph is in the
   * main thread, and stops it while it works. With 1 or 0 the same vectors in the same order make
   * the same graph. Default: one less than there are processors, and at least 1, so that the main
   * thread has one for itself.
   */
  readonly threads?: number
  /**
   * So many vectors the graph may lag behind before changes of a `DurableIndex` wait: 0 or more.
   * Default: any number, and what the graph does not have is compared with each query.
   */
  readonly maxLag?: number
}

const USEARCH_OPTIONS: OptionNames<UsearchOptions> = {
  dimensions: true,
  metric: true,
  quantization: true,
  connectivity: true,
  expansionAdd: true,
  expansionSearch: true,
  threads: true,
  maxLag: true,
}

/**
 * An approximate index over usearch, an HNSW graph: `npm install usearch@2.26.2`. Ids, metadata,
 * `get`, `update`, `delete` and filters are as with `flat`.
 *
 * The graph finds candidates; the distances that order them are computed from the vectors as they
 * were given, and are those of `flat`. Where it would have to look at an eighth of the vectors or
 * more, all are compared: small indexes and narrow filters are exact. So are vectors longer than
 * 1e18 (`f16`: 6e4) under `l2` and `ip`, which float32 cannot hold the squares of.
 *
 * The graph is in a thread of its own, from 256 vectors on, and takes vectors over when it can. One
 * that it does not have yet is compared with each query, so that nothing is missed meanwhile; where
 * they are many, all vectors are compared. `DurableIndex.stats().graphLag` and `caughtUp()` tell of
 * it. Where no thread can be had, as in a bundle of one file, it works in the main thread, in steps
 * of some milliseconds, and a warning with code `WALV_GRAPH_IN_MAIN_THREAD` says so. A thread that
 * dies is replaced, and the graph built again (`WALV_GRAPH_RESTARTED`); one that dies three times
 * before it has caught up is not (`WALV_GRAPH_GIVEN_UP`): then all vectors are compared.
 *
 * Memory: 4 bytes an element for the exact vectors, as many again for the graph's copy (half with
 * `f16` and `bf16`, a quarter with `i8`), and some 350 bytes a vector. Vectors that were removed or
 * replaced stay in the graph until they are more than those that are there; then it is replaced, in
 * the background.
 *
 * A snapshot of other options than `dimensions`, `metric`, `threads` and `maxLag` is loaded, and
 * the graph built again with these, which a warning with code `WALV_GRAPH_REBUILT` tells of.
 *
 * @throws WALV_INVALID_OPTION; WALV_ENGINE if usearch is not installed, is older than 2.26.2, or
 * does not load
 */
export function usearch(options: UsearchOptions): VectorIndex {
  checkOptions('usearch', options, USEARCH_OPTIONS)
  const { dimensions, metric = 'cosine', quantization = 'f32', maxLag } = options
  const { connectivity = 16, expansionAdd = 128, expansionSearch = 64 } = options
  const { threads = Math.max(1, availableParallelism() - 1) } = options
  checkShape('usearch', dimensions, metric, 1)
  checkOneOf('usearch', 'quantization', quantization, QUANTIZATIONS)
  // The engine scales each vector to the same length first, whatever the metric.
  if (quantization === 'i8' && metric !== 'cosine')
    throw invalidOption('usearch', 'quantization', quantization, `f32, bf16 or f16 with metric ${metric}`)
  wholeNumber('connectivity', connectivity, 2, 256)
  wholeNumber('expansionAdd', expansionAdd, 1, 10_000)
  wholeNumber('expansionSearch', expansionSearch, 1, 10_000)
  wholeNumber('threads', threads, 0, 256)
  if (maxLag !== undefined) wholeNumber('maxLag', maxLag, 0)
  const shape = { dimensions, metric, quantization, connectivity, expansionAdd, expansionSearch }
  const settings = { ...shape, threads: Math.min(Math.max(1, threads), availableParallelism()) }
  const worker = threads === 0 ? undefined : workerEngine('usearch', import.meta.url, settings)
  const engine = { ...graphEngine(settings), ...(worker && { worker }) }
  return new GraphIndex(engine, dimensions, metric, maxLag === undefined ? {} : { maxLag })
}
