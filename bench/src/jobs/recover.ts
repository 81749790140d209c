import { join } from 'node:path'
import { DurableIndex, flat, type VectorIndex, Wal } from 'walv'
import { usearch } from 'walv/usearch'
import type { Job, Metrics } from '../job.ts'
import { Records } from '../records.ts'

export interface RecoverJob extends Job {
  readonly prepared: { readonly records: number }
  readonly subdirectory?: string
}

/** Opens a log and reads all of it into nothing, as an index that is restored reads it. */
export async function recoverNothing(job: RecoverJob): Promise<Metrics> {
  const { records } = job.prepared
  const start = performance.now()
  const wal = await Wal.open({ directory: job.directory })
  const openMs = performance.now() - start
  let found = 0
  for await (const _ of wal.read({ borrow: true })) found++
  const ms = performance.now() - start
  await wal.close()
  if (found !== records) throw new Error(`${found} records of ${records} were read`)
  return { ms, openMs, recordsPerSecond: (1000 * records) / ms }
}

export interface IndexJob extends RecoverJob {
  readonly engine: keyof typeof ENGINES
}

const ENGINES = {
  flat: (dimensions: number): VectorIndex => flat({ dimensions }),
  usearch: (dimensions: number): VectorIndex => usearch({ dimensions }),
}

/** Opens a durable index with this engine. */
export async function recoverIndex(job: IndexJob): Promise<Metrics> {
  const { records } = job.prepared
  const directory = join(job.directory, job.subdirectory ?? '')
  const start = performance.now()
  const index = await DurableIndex.open({
    directory,
    index: ENGINES[job.engine](job.dimensions),
    checkpointIntervalEntries: false,
  })
  const ms = performance.now() - start
  if (index.size !== records) throw new Error(`${index.size} vectors of ${records} came back`)
  // Not of the time, but of the memory.
  await index.caughtUp()
  await index.close()
  return { ms, recordsPerSecond: (1000 * records) / ms }
}

/** What a process needs that recovers nothing: its peak of memory is taken off. */
export async function emptyProcess(job: RecoverJob): Promise<Metrics> {
  const wal = await Wal.open({ directory: `${job.directory}-empty` })
  for await (const _ of wal.read());
  await wal.close()
  return {}
}

export interface BareIndexJob extends Job {
  readonly prepared?: { readonly records: number }
  /** Where nothing was prepared. */
  readonly records?: number
  readonly engine: keyof typeof ENGINES
}

/** What a process needs that has the same ids and vectors in memory, and no log. */
export async function bareIndex(job: BareIndexJob): Promise<Metrics> {
  const records = job.prepared?.records ?? job.records ?? 0
  const source = new Records(1, job.dimensions)
  const index = ENGINES[job.engine](job.dimensions)
  const byId = new Map<string, { id: string; label: number; metadata: null }>()
  const byLabel = new Map<number, { id: string; label: number; metadata: null }>()
  for (let label = 0; label < records; label++) {
    const entry = { id: `doc-${label}`, label, metadata: null }
    byId.set(entry.id, entry)
    byLabel.set(label, entry)
    index.set(label, source.vector(label))
  }
  await index.caughtUp?.()
  const keep = byId.size + byLabel.size + index.size
  return { records: keep / 3 }
}
