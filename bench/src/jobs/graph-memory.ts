import { DurableIndex } from 'walv'
import { caughtUp } from '../graph.ts'
import type { Job, Metrics } from '../job.ts'
import { LatentVectors } from '../latent-vectors.ts'
import { emptyIndex } from '../peers/durable-index.ts'
import { settledMb } from './first-answer.ts'

export interface GraphMemoryJob extends Job {
  readonly records: number
  readonly engineOptions: object
  readonly limitMs: number
}

const FIRST = 1000

/** What each further vector of an index with a graph takes, against its own numbers. */
export async function graphMemory(job: GraphMemoryJob): Promise<Metrics> {
  const index = await DurableIndex.open({
    directory: job.directory,
    durability: 'os',
    index: await emptyIndex('usearch', job.dimensions, job.engineOptions),
    checkpointIntervalEntries: false,
  })
  const vectors = new LatentVectors(job.dimensions)
  const start = performance.now()
  const more = function* (from: number, to: number): Generator<{ id: string; vector: Float32Array }> {
    for (let n = from; n < to && performance.now() - start < job.limitMs; n++)
      yield { id: `doc-${n}`, vector: vectors.vector(n) }
  }
  const few = await index.insertMany(more(0, FIRST)).then(() => index.size)
  await caughtUp(index, job.limitMs)
  const before = await settledMb()
  await index.insertMany(more(FIRST, job.records))
  const isCaughtUp = await caughtUp(index, job.limitMs)
  const grownMb = (await settledMb()) - before
  const added = index.size - few
  const bytesPerVector = (grownMb * 1024 ** 2) / added
  return {
    records: index.size,
    isCaughtUp: Number(isCaughtUp),
    bytesPerVector,
    memoryRatio: bytesPerVector / (4 * job.dimensions),
  }
}
