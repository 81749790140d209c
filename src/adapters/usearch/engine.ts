/** usearch as an engine of graphs, in whatever thread it is made. */

import type { Metric } from '../../index/vector-index.ts'
import type { Graph, GraphEngine } from '../graph/graph.ts'
import { loadPeer, type Peer } from '../peer.ts'

export type UsearchQuantization = 'f32' | 'f16' | 'bf16' | 'i8'

export const QUANTIZATIONS: readonly UsearchQuantization[] = ['f32', 'f16', 'bf16', 'i8']

/** All that an engine depends on. */
export interface UsearchSettings {
  readonly dimensions: number
  readonly metric: Metric
  readonly quantization: UsearchQuantization
  readonly connectivity: number
  readonly expansionAdd: number
  readonly expansionSearch: number
  /** How many threads add the vectors of one call. */
  readonly threads: number
}

/** Versions before 2.26.2 end the process on a file that is not whole. */
const PACKAGE: Peer = { adapter: 'usearch', name: 'usearch', version: '2.26.2' }

/** For `cosine` the vectors have length 1, and then it is the inner product. */
const METRICS: Readonly<Record<Metric, string>> = { cosine: 'ip', l2: 'l2sq', ip: 'ip' }

/**
 * The longest vectors whose squared differences are within float32, and whose elements are within
 * the type. `i8` is for cosine alone, whose vectors have length 1.
 */
const MAX_NORMS: Readonly<Record<UsearchQuantization, number>> = { f32: 1e18, bf16: 1e18, f16: 6e4, i8: 1 }

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
 * @throws WALV_ENGINE if usearch is not installed, is older than 2.26.2, or does not load
 */
export function graphEngine(settings: UsearchSettings): GraphEngine {
  const { dimensions, metric, quantization, connectivity, expansionAdd, expansionSearch, threads } = settings
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
  return {
    kind: 'usearch',
    description: { quantization, connectivity, expansionAdd },
    maxNorm: MAX_NORMS[quantization],
    make: () => new UsearchGraph(new Index(config), dimensions, threads),
  }
}

class UsearchGraph implements Graph {
  readonly #index: UsearchIndex
  readonly #dimensions: number
  /** Always the same: the engine makes room for so many when it grows, and for no more. */
  readonly #threads: number

  constructor(index: UsearchIndex, dimensions: number, threads: number) {
    this.#index = index
    this.#dimensions = dimensions
    this.#threads = threads
  }

  get entries(): number {
    return this.#index.size()
  }

  add(key: number, vector: Float32Array): void {
    this.#index.add(BigUint64Array.of(BigInt(key)), vector, this.#threads)
  }

  /** Of a batch that fails, usearch keeps a part. */
  addMany(firstKey: number, vectors: Float32Array): void {
    const first = BigInt(firstKey)
    const count = vectors.length / this.#dimensions
    const keys = BigUint64Array.from({ length: count }, (_, at) => first + BigInt(at))
    this.#index.add(keys, vectors, this.#threads)
  }

  nearest(vector: Float32Array, count: number): number[] {
    return Array.from(this.#index.search(vector, count, 1).keys, Number)
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
