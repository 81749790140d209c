import { rmSync } from 'node:fs'
import { DurableIndex, flat } from 'walv'
import type { Job, Metrics } from '../job.ts'
import { Records } from '../records.ts'

export interface PastJob extends Job {
  readonly records: number
  /** Logged behind the checkpoint. */
  readonly tail: number
}

/** An index with a checkpoint, and changes one by one behind it. */
export async function fillPast({ directory, dimensions, records: count, tail }: PastJob): Promise<Metrics> {
  const index = await open(directory, dimensions)
  const records = new Records(count, dimensions)
  await index.insertMany(records.ids.map((id, n) => ({ id, vector: records.vector(n) })))
  await index.checkpoint()
  await Promise.all(
    Array.from({ length: tail }, (_, n) => index.upsert(records.id(n), records.vector(n + 1))),
  )
  const { lastSeq } = index.stats()
  await index.close()
  return { records: count, lastSeq }
}

const open = (directory: string, dimensions: number): Promise<DurableIndex> =>
  DurableIndex.open({ directory, index: flat({ dimensions }), checkpointIntervalEntries: false })

interface PreparedJob extends PastJob {
  readonly prepared: Metrics
}

/** In the middle of what was changed since the checkpoint. */
const momentOf = ({ prepared, tail }: PreparedJob): number => Number(prepared.lastSeq) - (tail >> 1)

export async function openPastMoment(job: PreparedJob): Promise<Metrics> {
  const { directory, dimensions, records } = job
  const start = performance.now()
  const index = await DurableIndex.openAt({ directory, index: flat({ dimensions }), seq: momentOf(job) })
  const ms = performance.now() - start
  if (index.size !== records) throw new Error(`${index.size} vectors of ${records} were there then`)
  return { ms }
}

/** The same directory, as it is. */
export async function openPresent({ directory, dimensions }: PreparedJob): Promise<Metrics> {
  const start = performance.now()
  const index = await DurableIndex.open({ directory, index: flat({ dimensions }), readOnly: true })
  const ms = performance.now() - start
  await index.close()
  return { ms }
}

/** Of an index that is open. */
export async function forkPast(job: PreparedJob): Promise<Metrics> {
  const index = await DurableIndex.open({
    directory: job.directory,
    index: flat({ dimensions: job.dimensions }),
    readOnly: true,
  })
  const target = `${job.directory}-fork-${process.pid}`
  const start = performance.now()
  const { replayed } = await index.fork(target, { seq: momentOf(job) })
  const ms = performance.now() - start
  await index.close()
  rmSync(target, { recursive: true })
  return { ms, replayed }
}
