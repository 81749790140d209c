import { assert } from '../../errors.ts'
import { FlatIndex } from '../../index/flat/flat-index.ts'
import type {
  FrozenIndex,
  LongWork,
  Metric,
  Neighbour,
  SnapshotReader,
  VectorIndex,
} from '../../index/vector-index.ts'
import type { GraphEngine } from './graph.ts'
import { readGraphs } from './graph-snapshot.ts'
import { hostFor, type MakeHost } from './hosting.ts'
import { LaggingGraphs } from './lagging-graphs.ts'
import { Scaling } from './scaling.ts'
import { warnOfRebuilding } from './warnings.ts'

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
/** Below so many vectors a graph is never asked, so a thread is not started for it. */
const LEAST_FOR_THREAD = MIN_CANDIDATES / CANDIDATES_SHARE

type Accept = (label: number) => boolean

export interface GraphIndexTuning {
  /** So many vectors the graph may lag behind before changes wait. Default: any number. */
  readonly maxLag?: number
  /** Where the graphs are. Default: in a thread, if the engine can. */
  readonly makeHost?: MakeHost
  /** From how many vectors on there are graphs. Default: as many as a graph is asked for. */
  readonly startSize?: number
  /** How many vectors are handed to the graphs at a time, at most. Default: by their size. */
  readonly batchVectors?: number
}

/**
 * An approximate index: exact vectors in memory, and a graph that finds candidates among them. What
 * is returned, `get`, distances, order and filters are the exact index's; an engine decides only
 * which vectors are looked at.
 *
 * The graph lags behind: a vector that it does not have yet is compared with every query. So what
 * is found is at any moment at least what a graph with all of them would find.
 */
export class GraphIndex implements VectorIndex {
  readonly dimensions: number
  readonly metric: Metric
  readonly acceptsNonFinite = false
  readonly #engine: GraphEngine
  readonly #scaling: Scaling
  #exact: FlatIndex
  readonly #graphs: LaggingGraphs
  /** For each frozen state that is not yet saved, the labels that were set since. */
  readonly #changed = new Set<Set<number>>()

  constructor(engine: GraphEngine, dimensions: number, metric: Metric, tuning: GraphIndexTuning = {}) {
    this.#engine = engine
    this.dimensions = dimensions
    this.metric = metric
    this.#scaling = new Scaling(metric, engine.maxNorm)
    this.#exact = new FlatIndex(dimensions, metric, false)
    this.#graphs = new LaggingGraphs(this.#exact, {
      kind: engine.kind,
      dimensions,
      scaling: this.#scaling,
      makeHost: tuning.makeHost ?? hostFor(engine),
      startSize: tuning.startSize ?? (engine.worker === undefined ? 1 : LEAST_FOR_THREAD),
      maxLag: tuning.maxLag ?? Number.POSITIVE_INFINITY,
      batchVectors: tuning.batchVectors,
    })
  }

  get kind(): string {
    return this.#engine.kind
  }

  get size(): number {
    return this.#exact.size
  }

  get lag(): number {
    return this.#graphs.lag
  }

  get workMs(): number {
    return this.#graphs.workMs
  }

  get isFull(): boolean {
    return this.#graphs.isFull
  }

  room(): Promise<void> {
    return this.#graphs.room()
  }

  caughtUp(): Promise<void> {
    return this.#graphs.caughtUp()
  }

  close(): Promise<void> {
    return this.#graphs.close()
  }

  set(label: number, vector: Float32Array): void {
    const fits = this.#scaling.fits(vector)
    this.#exact.set(label, vector)
    this.#graphs.set(label, fits)
    for (const changed of this.#changed) changed.add(label)
  }

  remove(label: number): void {
    this.#exact.remove(label)
    this.#graphs.remove(label)
  }

  get(label: number): Float32Array {
    return this.#exact.get(label)
  }

  peek(label: number): Float32Array {
    return this.#exact.peek(label)
  }

  search(query: Float32Array, k: number, accept?: Accept): Neighbour[] | Promise<Neighbour[]> {
    const wanted = Math.max(MIN_CANDIDATES, k * CANDIDATES_PER_HIT)
    if (k > 0 && this.#graphs.covered > 0 && wanted <= this.size * CANDIDATES_SHARE) {
      const scaled = this.#scaling.scaled(query)
      // The caller may use its memory again before there is an answer.
      if (scaled) return this.#searchGraphs(query.slice(), scaled, k, accept)
    }
    return this.#exact.search(query, k, accept)
  }

  freeze(): FrozenIndex {
    const exact = this.#exact.freeze()
    const changed = new Set<number>()
    this.#changed.add(changed)
    return {
      save: async (files) => {
        const graphs = await this.#graphs.capture(changed)
        this.#changed.delete(changed)
        try {
          await exact.save(files)
          await graphs.save(this.#engine, files)
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
    await exact.load(files, work)
    const owner = {
      engine: this.#engine,
      isKnown: (label: number) => exact.has(label),
      newNumber: () => this.#graphs.newNumber(),
    }
    const { graphs, unused } = await readGraphs(owner, files, work)
    if (unused !== undefined && exact.size > 0) warnOfRebuilding(this.kind, exact.size, unused)
    this.#exact = exact
    this.#graphs.reset(exact, graphs)
  }

  clear(): void {
    this.#exact = new FlatIndex(this.dimensions, this.metric, false)
    this.#graphs.reset(this.#exact)
  }

  /** Compares all where the graphs do not find enough, or do not answer. */
  async #searchGraphs(
    query: Float32Array,
    scaled: Float32Array,
    k: number,
    accept: Accept | undefined,
  ): Promise<Neighbour[]> {
    const graphs = this.#graphs
    for (
      let wanted = Math.max(MIN_CANDIDATES, k * CANDIDATES_PER_HIT);
      graphs.covered > 0 && wanted <= Math.min(this.size * CANDIDATES_SHARE, MAX_CANDIDATES);
      wanted *= CANDIDATES_GROWTH
    ) {
      const found = await graphs.nearest(scaled, wanted)
      if (found === undefined) break
      const accepted = accept ? found.filter(accept) : found
      // What no graph has counts for nothing here: it may be far.
      if (accepted.length < k && found.length < graphs.covered) continue
      const known = new Set(found)
      for (const label of graphs.uncovered())
        if (!known.has(label) && (!accept || accept(label))) accepted.push(label)
      return this.#exact.rank(query, k, accepted)
    }
    return this.#exact.search(query, k, accept)
  }
}
