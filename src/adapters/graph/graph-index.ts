import { assert } from '../../errors.ts'
import { squaredNorm } from '../../index/flat/distance.ts'
import { FlatIndex } from '../../index/flat/flat-index.ts'
import type {
  FrozenIndex,
  LongWork,
  Metric,
  Neighbour,
  SnapshotReader,
  VectorIndex,
} from '../../index/vector-index.ts'
import { Generations } from './generations.ts'
import type { GraphEngine } from './graph.ts'
import { CapturedGraphs, loadGraphs } from './graph-snapshot.ts'

/**
 * A graph is asked for this many times `k`, and at least for `MIN_CANDIDATES`: the exact distances
 * choose among them.
 */
const CANDIDATES_PER_HIT = 2
const MIN_CANDIDATES = 32
/** How many more are asked for where too few were left, of a filter or of dead vectors. */
const CANDIDATES_GROWTH = 4
/**
 * No more than this share of all vectors, nor, when asking again, than this number: to compare all
 * costs no more then, and misses nothing.
 */
const CANDIDATES_SHARE = 1 / 8
const MAX_CANDIDATES = 8_192

/**
 * An approximate index: exact vectors in memory, and a graph that finds candidates among them. What
 * is returned, `get`, distances, order and filters are the exact index's; an engine decides only
 * which vectors are looked at.
 */
export class GraphIndex implements VectorIndex {
  readonly dimensions: number
  readonly metric: Metric
  readonly acceptsNonFinite = false
  readonly #engine: GraphEngine
  #exact: FlatIndex
  #graphs: Generations
  /**
   * Labels in no graph, because the engine could not compute with their vectors. They are always
   * candidates.
   */
  #aside = new Set<number>()
  /** For each frozen state that is not yet saved, the labels that were set since. */
  readonly #changed = new Set<Set<number>>()

  constructor(engine: GraphEngine, dimensions: number, metric: Metric) {
    this.#engine = engine
    this.dimensions = dimensions
    this.metric = metric
    this.#exact = new FlatIndex(dimensions, metric, false)
    this.#graphs = this.#graphsOver(this.#exact)
  }

  get kind(): string {
    return this.#engine.kind
  }

  get size(): number {
    return this.#exact.size
  }

  set(label: number, vector: Float32Array): void {
    const scaled = this.#scaled(vector)
    // The engine first: where it refuses the vector, the one before stays.
    if (scaled) this.#graphs.set(label, scaled)
    else if (!this.#aside.has(label)) this.#graphs.remove(label)
    this.#exact.set(label, vector)
    if (scaled) this.#aside.delete(label)
    else this.#aside.add(label)
    for (const changed of this.#changed) changed.add(label)
  }

  remove(label: number): void {
    this.#exact.remove(label)
    if (!this.#aside.delete(label)) this.#graphs.remove(label)
  }

  get(label: number): Float32Array {
    return this.#exact.get(label)
  }

  search(
    query: Float32Array,
    k: number,
    accept?: (label: number) => boolean,
  ): Neighbour[] | Promise<Neighbour[]> {
    const scaled = k === 0 ? undefined : this.#scaled(query)
    return (scaled && this.#searchGraphs(query, scaled, k, accept)) ?? this.#exact.search(query, k, accept)
  }

  freeze(): FrozenIndex {
    const exact = this.#exact.freeze()
    const changed = new Set<number>()
    this.#changed.add(changed)
    return {
      save: async (files) => {
        const graphs = new CapturedGraphs(this.#engine, this.#graphs.all(), changed)
        this.#changed.delete(changed)
        try {
          await exact.save(files)
          await graphs.save(files)
        } finally {
          graphs.close()
        }
      },
      release: () => {
        this.#changed.delete(changed)
        exact.release()
      },
    }
  }

  async load(files: SnapshotReader, work?: LongWork): Promise<void> {
    assert(this.size === 0, 'a snapshot is loaded into an index that is not empty')
    const exact = new FlatIndex(this.dimensions, this.metric, false)
    await exact.load(files)
    const { generations, unused } = await loadGraphs(this.#engine, files, (label) => exact.has(label))
    if (unused !== undefined && exact.size > 0) warnOfRebuilding(this.kind, exact.size, unused)
    const graphs = this.#graphsOver(exact, generations)
    const aside = new Set<number>()
    let done = 0
    for (const label of exact.labels()) {
      done++
      if (graphs.has(label)) continue
      const scaled = this.#scaled(exact.get(label))
      if (scaled) graphs.set(label, scaled)
      else aside.add(label)
      const waiting = work?.step(done, exact.size)
      if (waiting) await waiting
    }
    this.#exact = exact
    this.#graphs = graphs
    this.#aside = aside
  }

  clear(): void {
    this.#exact = new FlatIndex(this.dimensions, this.metric, false)
    this.#graphs = this.#graphsOver(this.#exact)
    this.#aside = new Set<number>()
  }

  /** Undefined where the graphs do not find enough, or need not be asked. */
  #searchGraphs(
    query: Float32Array,
    scaled: Float32Array,
    k: number,
    accept: ((label: number) => boolean) | undefined,
  ): Neighbour[] | undefined {
    const most = this.size * CANDIDATES_SHARE
    let wanted = Math.max(MIN_CANDIDATES, k * CANDIDATES_PER_HIT)
    do {
      if (wanted > most) return undefined
      const labels = [...this.#graphs.nearest(scaled, wanted), ...this.#aside]
      const accepted = accept ? labels.filter(accept) : labels
      if (accepted.length >= k) return this.#exact.rank(query, k, accepted)
      wanted *= CANDIDATES_GROWTH
    } while (wanted <= MAX_CANDIDATES)
    return undefined
  }

  /**
   * What the engine is given for a vector: for `cosine` one of length 1. Undefined where its
   * arithmetic would not do.
   */
  #scaled(vector: Float32Array): Float32Array | undefined {
    const norm = Math.sqrt(squaredNorm(vector))
    // In double precision nothing finite is too long.
    assert(Number.isFinite(norm), 'a vector is not finite')
    if (this.metric !== 'cosine') return norm > this.#engine.maxNorm ? undefined : vector
    return norm === 0 ? undefined : vector.map((element) => element / norm)
  }

  #graphsOver(exact: FlatIndex, loaded: ConstructorParameters<typeof Generations>[2] = []): Generations {
    return new Generations(this.#engine, (label) => this.#scaled(exact.get(label))!, loaded)
  }
}

/** Nothing is lost by it but time, which whoever waits for the opening should know of. */
function warnOfRebuilding(kind: string, count: number, why: string): void {
  process.emitWarning(
    `The graph in the snapshot is not used: ${why}. ${kind} builds it again from ${count} vectors.`,
    {
      type: 'WalvWarning',
      code: 'WALV_GRAPH_REBUILT',
    },
  )
}
