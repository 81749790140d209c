import { monotonicMs } from '../../clock.ts'
import type { Graph, GraphEngine } from './graph.ts'
import { type AddOutcome, type GraphBatch, type GraphQuestion, STEP_MS, type WrittenGraph } from './host.ts'

/** How long an engine takes is not known at first. */
const FIRST_STEP_VECTORS = 4
const MAX_STEP_VECTORS = 1_024
/** A step has at most so many times as many vectors as the one before. */
const STEP_GROWTH = 2

interface Entry {
  readonly graph: Graph
  nextKey: number
}

/** The graphs of an engine by number, in whatever thread this is. */
export class GraphTable {
  readonly #engine: GraphEngine
  readonly #graphs = new Map<number, Entry>()
  /** As many as take about `STEP_MS`. */
  #stepVectors = FIRST_STEP_VECTORS

  constructor(engine: GraphEngine) {
    this.#engine = engine
  }

  /** Adds a batch in steps of about `STEP_MS`. */
  *add(batch: GraphBatch): Generator<void, AddOutcome, void> {
    const { graph, firstKey, count, vectors } = batch
    const failed: number[] = []
    let problem: string | undefined
    let tookMs = 0
    for (let from = 0; from < count; ) {
      if (from > 0) yield
      const end = Math.min(count, from + this.#stepVectors)
      const began = monotonicMs()
      const entry = this.#entry(graph)
      entry.nextKey = firstKey + end
      problem = addStep(entry.graph, batch, from, end, failed) ?? problem
      const stepMs = monotonicMs() - began
      this.#adapt(end - from, stepMs)
      tookMs += stepMs
      from = end
    }
    return { failed, vectors, tookMs, ...(problem !== undefined && { problem }) }
  }

  nearest(query: Float32Array, questions: readonly GraphQuestion[]): ArrayLike<number>[] {
    return questions.map(({ graph, count }) => {
      const entry = this.#graphs.get(graph)
      const possible = Math.min(count, entry?.graph.entries ?? 0)
      return possible < 1 ? [] : entry!.graph.nearest(query, possible)
    })
  }

  save(number: number, path: string): WrittenGraph | undefined {
    const entry = this.#graphs.get(number)
    // Of an empty graph there is nothing to save, and not every engine can.
    if (entry === undefined || entry.graph.save === undefined || entry.graph.entries === 0) return undefined
    entry.graph.save(path)
    return { entries: entry.graph.entries, nextKey: entry.nextKey }
  }

  load(number: number, path: string, nextKey: number): number {
    const graph = this.#engine.make()
    graph.load?.(path)
    this.#graphs.set(number, { graph, nextKey })
    return graph.entries
  }

  drop(number: number): void {
    this.#graphs.delete(number)
  }

  #entry(number: number): Entry {
    let entry = this.#graphs.get(number)
    if (entry === undefined) {
      entry = { graph: this.#engine.make(), nextKey: 0 }
      this.#graphs.set(number, entry)
    }
    return entry
  }

  #adapt(vectors: number, tookMs: number): void {
    const fitting = tookMs > 0 ? Math.floor((vectors * STEP_MS) / tookMs) : MAX_STEP_VECTORS
    this.#stepVectors = Math.max(1, Math.min(fitting, STEP_GROWTH * this.#stepVectors, MAX_STEP_VECTORS))
  }
}

/** Adds the vectors at these places. Returns why one was not taken, if one was not. */
function addStep(
  graph: Graph,
  { firstKey, dimensions, vectors, oneByOne }: GraphBatch,
  from: number,
  end: number,
  failed: number[],
): string | undefined {
  const at = (first: number, last: number): Float32Array =>
    vectors.subarray(first * dimensions, last * dimensions)
  const step = graph.addMany === undefined || oneByOne ? 1 : end - from
  let problem: string | undefined
  for (let place = from; place < end; place += step) {
    try {
      if (step === 1) graph.add(firstKey + place, at(place, place + 1))
      else graph.addMany!(firstKey + place, at(place, place + step))
    } catch (error) {
      problem = (error as Error).message
      for (let each = place; each < place + step; each++) failed.push(each)
    }
  }
  return problem
}
