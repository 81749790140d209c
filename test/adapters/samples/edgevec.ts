import { readFileSync } from 'node:fs'
import { EdgeVec, EdgeVecConfig, initSync, MetricType } from 'edgevec'
import { type Graph, type GraphIndexOptions, graphIndex } from '../../../src/adapters/adapter.ts'
import type { VectorIndex } from '../../../src/mod.ts'

initSync({ module: readFileSync(new URL(import.meta.resolve('edgevec/edgevec_bg.wasm'))) })

class EdgeVecGraph implements Graph {
  readonly #engine: EdgeVec
  /** The engine gives out numbers itself, from 1 on. */
  readonly #keys: number[] = []

  constructor(dimensions: number) {
    const config = new EdgeVecConfig(dimensions)
    // For cosine too: walv gives vectors of length 1 then, of which the nearest are the same.
    config.setMetricType(MetricType.L2)
    this.#engine = new EdgeVec(config)
  }

  get entries(): number {
    return this.#keys.length
  }

  add(key: number, vector: Float32Array): void {
    this.#keys[this.#engine.insert(vector) - 1] = key
  }

  nearest(vector: Float32Array, count: number): number[] {
    const hits: { id: number }[] = this.#engine.search(vector, count)
    return hits.map(({ id }) => this.#keys[id - 1]!)
  }
}

/** Its inner product finds the farthest, as the conformance suite tells: `ip` is left out. */
export function edgevec(options: GraphIndexOptions & { metric?: 'cosine' | 'l2' }): VectorIndex {
  return graphIndex(
    {
      kind: 'edgevec',
      description: { version: '0.9' },
      maxNorm: 1e18,
      make: () => new EdgeVecGraph(options.dimensions),
    },
    options,
  )
}
