/** usearch in a thread that ends in the middle of its work, for tests of what comes then. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Graph, GraphEngine } from '../../src/adapters/graph/graph.ts'
import { type UsearchSettings, graphEngine as usearchEngine } from '../../src/adapters/usearch/engine.ts'

export interface MortalSettings extends UsearchSettings {
  /** How a thread ends, when it has added so many vectors. */
  readonly ending: 'exit' | 'throw'
  readonly afterAdds: number
  /** A file with the number of threads that are yet to end so. */
  readonly livesFile: string
}

export function graphEngine(settings: MortalSettings): GraphEngine {
  const engine = usearchEngine(settings)
  const lives = Number(readFileSync(settings.livesFile, 'utf8'))
  let left = lives > 0 ? settings.afterAdds : Number.POSITIVE_INFINITY
  const count = (vectors: number): void => {
    left -= vectors
    if (left > 0) return
    writeFileSync(settings.livesFile, String(lives - 1))
    if (settings.ending === 'exit') process.exit(3)
    // Not within the step, where what is thrown is of the vectors.
    queueMicrotask(() => {
      throw new Error('the engine broke')
    })
    left = Number.POSITIVE_INFINITY
  }
  return {
    ...engine,
    make: () => {
      const graph: Required<Graph> = engine.make() as Required<Graph>
      return {
        get entries() {
          return graph.entries
        },
        add: (key, vector) => {
          graph.add(key, vector)
          count(1)
        },
        addMany: (firstKey, vectors) => {
          graph.addMany(firstKey, vectors)
          count(vectors.length / settings.dimensions)
        },
        nearest: (vector, wanted) => graph.nearest(vector, wanted),
        save: (path) => graph.save(path),
        load: (path) => graph.load(path),
      }
    },
  }
}
