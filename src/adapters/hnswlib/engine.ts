/** hnswlib as an engine of graphs, in whatever thread it is made. */

import type { Metric } from '../../index/vector-index.ts'
import type { Graph, GraphEngine } from '../graph/graph.ts'
import { dimensionsIn, isWhole } from '../graph/hnswlib-file.ts'
import { loadPeer, type Peer } from '../peer.ts'

/** All that an engine depends on. */
export interface HnswlibSettings extends Tuning {
  readonly dimensions: number
  readonly metric: Metric
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
 * @throws WALV_ENGINE if hnswlib-node is not installed, is no version 3, or does not load
 */
export function graphEngine({ dimensions, metric, ...tuning }: HnswlibSettings): GraphEngine {
  const { HierarchicalNSW } = loadPeer(PACKAGE) as HnswlibPackage
  const { m, efConstruction } = tuning
  return {
    kind: 'hnswlib',
    description: { m, efConstruction },
    maxNorm: MAX_NORM,
    make: () => new HnswlibGraph(() => new HierarchicalNSW(SPACES[metric], dimensions), dimensions, tuning),
  }
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
