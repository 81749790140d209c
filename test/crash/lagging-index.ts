/** An index whose graph answers late and dies now and then, the same each time. */
import { GraphIndex } from '../../src/adapters/graph/graph-index.ts'
import type { VectorIndex } from '../../src/mod.ts'
import { bruteEngine } from '../adapters/brute-graph.ts'
import { lagging } from '../adapters/lagging-host.ts'

const QUIET = ['WALV_GRAPH_RESTARTED', 'WALV_GRAPH_GIVEN_UP']

const emitWarning = process.emitWarning.bind(process) as (warning: string | Error, options?: object) => void
process.emitWarning = ((warning: string | Error, options?: { readonly code?: string }) => {
  if (!QUIET.includes(options?.code ?? '')) emitWarning(warning, options)
}) as typeof process.emitWarning

export const laggingIndex = ({ dimensions }: { readonly dimensions: number }): VectorIndex =>
  new GraphIndex(bruteEngine, dimensions, 'l2', {
    makeHost: lagging(bruteEngine, { maxTurns: 3, maxCommands: 12 }),
    batchVectors: 2,
  })
