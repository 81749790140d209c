import { checkOneOf, checkShape } from '../index/index-options.ts'
import type { Metric, VectorIndex } from '../index/vector-index.ts'
import { wholeNumber } from '../log/options.ts'
import { checkOptions, type OptionNames } from '../option-names.ts'
import type { Graph } from './graph/graph.ts'
import { GraphIndex } from './graph/graph-index.ts'
import { loadPeer, type Peer } from './peer.ts'

export interface UsearchOptions {
  /** Elements of every vector: an integer from 1 to 65 535. */
  readonly dimensions: number
  /** Default `cosine`. */
  readonly metric?: Metric
  /**
   * How the graph keeps its own copy of the vectors. Default `f32`. `f16` and `bf16` take half the
   * memory; distances are exact all the same.
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
}

const USEARCH_OPTIONS: OptionNames<UsearchOptions> = {
  dimensions: true,
  metric: true,
  quantization: true,
  connectivity: true,
  expansionAdd: true,
  expansionSearch: true,
}

export type UsearchQuantization = 'f32' | 'f16' | 'bf16'

/** Versions before 2.26.2 end the process on a file that is not whole. */
const PACKAGE: Peer = { adapter: 'usearch', name: 'usearch', version: '2.26.2' }

/** For `cosine` the vectors have length 1, and then it is the inner product. */
const METRICS: Readonly<Record<Metric, string>> = { cosine: 'ip', l2: 'l2sq', ip: 'ip' }

/**
 * The longest vectors whose squared differences are within float32, and whose elements are within
 * the type.
 */
const MAX_NORMS: Readonly<Record<UsearchQuantization, number>> = { f32: 1e18, bf16: 1e18, f16: 6e4 }

/** As much as is used of the package: its own types are not needed to compile against walv. */
interface UsearchPackage {
  readonly Index: new (config: Readonly<Record<string, unknown>>) => UsearchIndex
}

interface UsearchIndex {
  add(keys: BigUint64Array, vectors: Float32Array, threads: number): void
  search(query: Float32Array, k: number, threads: number): { readonly keys: BigUint64Array }
  size(): number
  dimensions(): number
  save(path: string): void
  load(path: string): void
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
 * Memory: 4 bytes an element for the exact vectors, as many again for the graph's copy (half with
 * `f16` and `bf16`), and some 350 bytes a vector. Vectors that were removed or replaced stay in the
 * graph until they are more than those that are there; then it is replaced, little by little.
 * Adding and searching block the event loop for as long as they take; so does a checkpoint, while
 * the engine writes the graph.
 *
 * A snapshot of other options than `dimensions` and `metric` is loaded, and the graph built again
 * with these. That takes as long as inserting did, and a warning with code `WALV_GRAPH_REBUILT`
 * tells of it.
 *
 * @throws WALV_INVALID_OPTION; WALV_ENGINE if usearch is not installed, is older than 2.26.2, or
 * does not load
 */
export function usearch(options: UsearchOptions): VectorIndex {
  checkOptions('usearch', options, USEARCH_OPTIONS)
  const { dimensions, metric = 'cosine', quantization = 'f32' } = options
  const { connectivity = 16, expansionAdd = 128, expansionSearch = 64 } = options
  checkShape('usearch', dimensions, metric, 1)
  checkOneOf('usearch', 'quantization', quantization, Object.keys(MAX_NORMS))
  wholeNumber('connectivity', connectivity, 2, 256)
  wholeNumber('expansionAdd', expansionAdd, 1, 10_000)
  wholeNumber('expansionSearch', expansionSearch, 1, 10_000)
  const { Index } = loadPeer(PACKAGE) as UsearchPackage
  const config = {
    dimensions,
    metric: METRICS[metric],
    quantization,
    connectivity,
    expansion_add: expansionAdd,
    expansion_search: expansionSearch,
    multi: false,
  }
  const engine = {
    kind: 'usearch',
    description: { quantization, connectivity, expansionAdd },
    maxNorm: MAX_NORMS[quantization],
    make: () => new UsearchGraph(new Index(config), dimensions),
  }
  return new GraphIndex(engine, dimensions, metric)
}

/**
 * One thread always: the same calls make the same graph, and starting threads for one vector takes
 * longer than adding it.
 */
const THREADS = 1

class UsearchGraph implements Graph {
  readonly #index: UsearchIndex
  readonly #dimensions: number

  constructor(index: UsearchIndex, dimensions: number) {
    this.#index = index
    this.#dimensions = dimensions
  }

  get entries(): number {
    return this.#index.size()
  }

  /** One at a time: of a batch that fails, usearch keeps a part. */
  add(key: number, vector: Float32Array): void {
    this.#index.add(BigUint64Array.of(BigInt(key)), vector, THREADS)
  }

  nearest(vector: Float32Array, count: number): number[] {
    return Array.from(this.#index.search(vector, count, THREADS).keys, Number)
  }

  save(path: string): void {
    this.#index.save(path)
  }

  /** usearch takes over whatever dimensions the file has. */
  load(path: string): void {
    this.#index.load(path)
    const found = this.#index.dimensions()
    if (found !== this.#dimensions) throw new Error(`it has ${found} dimensions, not ${this.#dimensions}`)
  }
}
