/** An index with a graph in a thread, which ends now and then in the midst of its work. */
import { GraphIndex } from '../../src/adapters/graph/graph-index.ts'
import { hostFor } from '../../src/adapters/graph/hosting.ts'
import { WorkerHost } from '../../src/adapters/graph/worker-host.ts'
import { graphEngine } from '../../src/adapters/usearch/engine.ts'
import type { VectorIndex } from '../../src/mod.ts'

/** About how long a thread lives: with several, some end while they start, some have caught up. */
const MAX_LIFE_MS = 300

export function graphIndex(dimensions: number): VectorIndex {
  const settings = {
    dimensions,
    metric: 'l2',
    quantization: 'f32',
    connectivity: 8,
    expansionAdd: 32,
    expansionSearch: 32,
    threads: 1,
  } as const
  const module = new URL('../../src/adapters/usearch/engine.js', import.meta.url)
  const engine = { ...graphEngine(settings), worker: { module, options: settings } }
  // That threads end is what is meant.
  process.emitWarning = () => {}
  return new GraphIndex(engine, dimensions, 'l2', {
    startSize: 1,
    batchVectors: 4,
    makeHost: (onEnd) => {
      const host = hostFor(engine)(onEnd)
      const kill = (): void => void (host instanceof WorkerHost && host.kill())
      setTimeout(kill, Math.random() * MAX_LIFE_MS).unref()
      return host
    },
  })
}
