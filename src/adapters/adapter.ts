/** walv/adapter: for those who write an adapter for another engine. */

import { checkShape } from '../index/index-options.ts'
import type { Metric, VectorIndex } from '../index/vector-index.ts'
import { wholeNumber } from '../log/options.ts'
import { checkOptions, type OptionNames } from '../option-names.ts'
import type { GraphEngine } from './graph/graph.ts'
import { GraphIndex } from './graph/graph-index.ts'

export type { Graph, GraphEngine, WorkerEngine } from './graph/graph.ts'

export interface GraphIndexOptions {
  /** Elements of every vector: an integer from 1 to 65 535. */
  readonly dimensions: number
  /** Default `cosine`. The graph's vectors have length 1 then, and the inner product will do. */
  readonly metric?: Metric
  /**
   * So many vectors the graph may lag behind before changes of a `DurableIndex` wait: 0 or more.
   * Default: any number, and what the graph does not have is compared with each query.
   */
  readonly maxLag?: number
}

const GRAPH_INDEX_OPTIONS: OptionNames<GraphIndexOptions> = { dimensions: true, metric: true, maxLag: true }

/**
 * An approximate index over an engine, which has to find what is near and nothing else: `get`,
 * exact distances, removal, replacement, filters and snapshots are walv's, and are as with
 * `usearch`.
 *
 * @throws WALV_INVALID_OPTION
 */
export function graphIndex(engine: GraphEngine, options: GraphIndexOptions): VectorIndex {
  checkOptions('graphIndex', options, GRAPH_INDEX_OPTIONS)
  const { dimensions, metric = 'cosine', maxLag } = options
  checkShape(engine.kind, dimensions, metric, 1)
  if (maxLag !== undefined) wholeNumber('maxLag', maxLag, 0)
  return new GraphIndex(engine, dimensions, metric, maxLag === undefined ? {} : { maxLag })
}
