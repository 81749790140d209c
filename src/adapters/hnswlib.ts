import { checkShape } from '../index/index-options.ts'
import type { Metric, VectorIndex } from '../index/vector-index.ts'
import { wholeNumber } from '../log/options.ts'
import { checkOptions, type OptionNames } from '../option-names.ts'
import type { Graph } from './graph/graph.ts'
import { GraphIndex } from './graph/graph-index.ts'
import { dimensionsIn, isWhole } from './graph/hnswlib-file.ts'
import { loadPeer, type Peer } from './peer.ts'

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
}

const HNSWLIB_OPTIONS: OptionNames<HnswlibOptions> = {
  dimensions: true,
  metric: true,
  m: true,
  efConstruction: true,
  efSearch: true,
}

const PACKAGE: Peer = { adapter: 'hnswlib', name: 'hnswlib-node', version: '3.0.0' }

/** For `cosine` the vectors have length 1, and then it is the inner product. */
const SPACES: Readonly<Record<Metric, string>> = { cosine: 'ip', l2: 'l2', ip: 'ip' }

/** Longer vectors have squared differences beyond float32. */
const MAX_NORM = 1e18

const FIRST_CAPACITY = 1_024

/** As much as is used of the package: its own types are not needed to compile against walv. */
interface HnswlibPackage {
  readonly HierarchicalNSW: new (space: string, dimensions: number) => HierarchicalNSW
}

interface HierarchicalNSW {
  initIndex(options: Readonly<Record<string, number | boolean>>): void
  resizeIndex(capacity: number): void
  addPoint(point: number[], label: number): void
  searchKnn(query: number[], k: number): { readonly neighbors: number[] }
  getCurrentCount(): number
  getMaxElements(): number
  setEf(ef: number): void
  writeIndexSync(path: string): void
  readIndexSync(path: string, allowReplaceDeleted: boolean): void
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
  checkShape('hnswlib', dimensions, metric, 1)
  wholeNumber('m', m, 2, 256)
  wholeNumber('efConstruction', efConstruction, 1, 10_000)
  wholeNumber('efSearch', efSearch, 1, 10_000)
  const { HierarchicalNSW } = loadPeer(PACKAGE) as HnswlibPackage
  const makeNative = (): HierarchicalNSW => new HierarchicalNSW(SPACES[metric], dimensions)
  const engine = {
    kind: 'hnswlib',
    description: { m, efConstruction },
    maxNorm: MAX_NORM,
    make: () => new HnswlibGraph(makeNative, dimensions, { m, efConstruction, efSearch }),
  }
  return new GraphIndex(engine, dimensions, metric)
}

interface Tuning {
  readonly m: number
  readonly efConstruction: number
  readonly efSearch: number
}

class HnswlibGraph implements Graph {
  readonly #native: HierarchicalNSW
  readonly #dimensions: number
  readonly #efSearch: number

  constructor(
    makeNative: () => HierarchicalNSW,
    dimensions: number,
    { m, efConstruction, efSearch }: Tuning,
  ) {
    this.#native = makeNative()
    this.#dimensions = dimensions
    this.#efSearch = efSearch
    // Replacing deleted vectors exchanges the labels of others.
    const settings = {
      maxElements: FIRST_CAPACITY,
      m,
      efConstruction,
      randomSeed: 100,
      allowReplaceDeleted: false,
    }
    this.#native.initIndex(settings)
    this.#native.setEf(efSearch)
  }

  get entries(): number {
    return this.#native.getCurrentCount()
  }

  add(key: number, vector: Float32Array): void {
    const capacity = this.#native.getMaxElements()
    if (this.entries === capacity) this.#native.resizeIndex(2 * capacity)
    this.#native.addPoint(Array.from(vector), key)
  }

  nearest(vector: Float32Array, count: number): number[] {
    return this.#native.searchKnn(Array.from(vector), count).neighbors
  }

  /** hnswlib does not notice what could not be written, until it loads it. */
  save(path: string): void {
    this.#native.writeIndexSync(path)
    if (!isWhole(path))
      throw new Error('the file is shorter than it should be, which is so when there is no room')
  }

  /** hnswlib does not notice that a file has other dimensions, and reads beyond its vectors. */
  load(path: string): void {
    const found = dimensionsIn(path)
    if (found !== this.#dimensions) throw new Error(`it has ${found} dimensions, not ${this.#dimensions}`)
    this.#native.readIndexSync(path, false)
    this.#native.setEf(this.#efSearch)
  }
}
