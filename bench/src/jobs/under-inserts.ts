import { DurableIndex, flat } from 'walv'
import type { Job } from '../job.ts'
import { Records } from '../records.ts'
import { insertAll } from './fill.ts'

const CALLERS = 16

/** Does something with an index of so many records while callers insert more, up to so many. */
export async function underInserts(
  job: Job & { readonly records: number },
  maxMore: number,
  onWait: (ms: number) => void,
  work: (index: DurableIndex) => Promise<void>,
): Promise<void> {
  const index = await DurableIndex.open({
    directory: job.directory,
    index: flat({ dimensions: job.dimensions }),
    checkpointIntervalEntries: false,
  })
  await insertAll(index, job.dimensions, 0, job.records)
  const records = new Records(job.records + maxMore, job.dimensions)
  let next = job.records
  let isOver = false
  async function caller(): Promise<void> {
    while (!isOver && next < records.ids.length) {
      const n = next++
      const start = performance.now()
      await index.insert(records.ids[n]!, records.vector(n))
      onWait(performance.now() - start)
    }
  }
  const callers = Array.from({ length: CALLERS }, caller)
  await work(index)
  isOver = true
  await Promise.all(callers)
  if (next >= records.ids.length) throw new Error('there were too few records')
  await index.close()
}
