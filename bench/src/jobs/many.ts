import type { Job, Metrics } from '../job.ts'
import type { Item } from '../peers/peer.ts'
import { openPeer } from '../peers/registry.ts'
import { Records } from '../records.ts'
import { writtenBetween } from './append.ts'

export interface ManyJob extends Job {
  readonly records: number
  readonly shape: 'stream' | 'batches'
}

const BATCH = 256

/** Loads so many vectors, whose ids are made as they are needed: they are no part of the memory. */
export async function many(job: ManyJob): Promise<Metrics> {
  const source = new Records(1, job.dimensions)
  const store = await openPeer(job)
  const written = writtenBetween(store)
  const cpuBefore = process.cpuUsage()
  const start = performance.now()
  if (job.shape === 'stream') await store.appendAll!(itemsOf(source, job.records))
  else {
    for (let first = 0; first < job.records; first += BATCH) {
      const count = Math.min(BATCH, job.records - first)
      const ids = Array.from({ length: count }, (_, i) => `doc-${first + i}`)
      await store.appendBatch!(ids, source.vectors(first, count))
    }
  }
  const elapsedMs = performance.now() - start
  const cpu = process.cpuUsage(cpuBefore)
  const figures = written()
  await store.close()
  return {
    records: job.records,
    elapsedMs,
    rate: (1000 * job.records) / elapsedMs,
    cpuUsPerRecord: (cpu.user + cpu.system) / job.records,
    ...figures,
  }
}

function* itemsOf(source: Records, records: number): Generator<Item, void, void> {
  for (let n = 0; n < records; n++) yield { id: `doc-${n}`, vector: source.vector(n) }
}
