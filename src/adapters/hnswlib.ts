import { checkShape } from '../index/index-options.ts'
import type { Metric, VectorIndex } from '../index/vector-index.ts'
import { wholeNumber } from '../log/options.ts'
import { checkOptions, type OptionNames } from '../option-names.ts'
import { GraphIndex } from './graph/graph-index.ts'
import { workerEngine } from './graph/hosting.ts'
import { graphEngine } from './hnswlib/engine.ts'

export interface HnswlibOptions {
  /** Elements of every vector: an integer from 1 to 65 535. */
  readonly dimensions: number
  /** Default `cosine`. */
  readonly metric?: Metric
  /**
   * Neighbours of each vector in the graph: 2 to 256. More find more, and take more memory. Default
   * 16.
   */
  readonly m?: number
  /**
   * Vectors looked at while one is added: 1 to 10 000. More find more, and adding takes longer.
   * Default 200.
   */
  readonly efConstruction?: number
  /**
   * Vectors looked at in a search: 1 to 10 000. More find more, and a search takes longer. Default
   * 64.
   */
  readonly efSearch?: number
  /**
   * 1: the graph is in a thread of its own. 0: it is in the main thread, and stops it while it
   * works. Default 1.
   */
  readonly threads?: number
  /**
   * So many vectors the graph may lag behind before changes of a `DurableIndex` wait: 0 or more.
   * Default: any number, and what the graph does not have is compared with each query.
   */
  readonly maxLag?: number
}

const HNSWLIB_OPTIONS: OptionNames<HnswlibOptions> = {
  dimensions: true,
  metric: true,
  m: true,
  efConstruction: true,
  efSearch: true,
  threads: true,
  maxLag: true,
}

/**
 * An approximate index over hnswlib-node, an HNSW graph that is compiled when it is installed:
 * `npm install hnswlib-node@3.0.0`. All that is said of `usearch`, which is the one to choose,
 * holds of it too, but for the options.
 *
 * @throws WALV_INVALID_OPTION; WALV_ENGINE if hnswlib-node is not installed, is no version 3, or
 * does not load
 */
export function hnswlib(options: HnswlibOptions): VectorIndex {
  checkOptions('hnswlib', options, HNSWLIB_OPTIONS)
  const { dimensions, metric = 'cosine', m = 16, efConstruction = 200, efSearch = 64 } = options
  const { threads = 1, maxLag } = options
  checkShape('hnswlib', dimensions, metric, 1)
  wholeNumber('m', m, 2, 256)
  wholeNumber('efConstruction', efConstruction, 1, 10_000)
  wholeNumber('efSearch', efSearch, 1, 10_000)
  wholeNumber('threads', threads, 0, 1)
  if (maxLag !== undefined) wholeNumber('maxLag', maxLag, 0)
  const settings = { dimensions, metric, m, efConstruction, efSearch }
  const worker = threads === 0 ? undefined : workerEngine('hnswlib', import.meta.url, settings)
  const engine = { ...graphEngine(settings), ...(worker && { worker }) }
  return new GraphIndex(engine, dimensions, metric, maxLag === undefined ? {} : { maxLag })
}
