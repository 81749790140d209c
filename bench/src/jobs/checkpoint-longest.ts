import { DurableIndex, flat } from 'walv'
import type { Job, Metrics } from '../job.ts'
import { pause } from '../loop-delay.ts'
import { Records } from '../records.ts'
import { insertAll } from './fill.ts'

export interface CheckpointLongestJob extends Job {
  readonly records: number
  readonly checkpoints: number
}

const CALLERS = 16
const MAX_MORE = 1_000_000
const WARM_UP_MS = 500

/**
 * The longest wait of an insert while checkpoints are taken, against the longest while none is:
 * checkpoints and pauses of the same length in turn, under the same load.
 */
export async function checkpointLongest(job: CheckpointLongestJob): Promise<Metrics> {
  const index = await DurableIndex.open({
    directory: job.directory,
    index: flat({ dimensions: job.dimensions }),
    checkpointIntervalEntries: false,
  })
  await insertAll(index, job.dimensions, 0, job.records)
  const records = new Records(job.records + MAX_MORE, job.dimensions)
  let next = job.records
  let isOver = false
  let longest = 0
  async function caller(): Promise<void> {
    while (!isOver && next < records.ids.length) {
      const n = next++
      const start = performance.now()
      await index.insert(records.ids[n]!, records.vector(n))
      longest = Math.max(longest, performance.now() - start)
    }
  }
  async function longestIn(work: () => Promise<unknown>): Promise<{ longest: number; ms: number }> {
    longest = 0
    const start = performance.now()
    await work()
    return { longest, ms: performance.now() - start }
  }
  const callers = Array.from({ length: CALLERS }, caller)
  await pause(WARM_UP_MS)
  await index.checkpoint()
  const during: number[] = []
  const without: number[] = []
  let checkpointMs = 0
  for (let i = 0; i < job.checkpoints; i++) {
    const taken = await longestIn(() => index.checkpoint())
    const quiet = await longestIn(() => pause(taken.ms))
    during.push(taken.longest)
    without.push(quiet.longest)
    checkpointMs += taken.ms / job.checkpoints
  }
  isOver = true
  await Promise.all(callers)
  if (next >= records.ids.length) throw new Error('there were too few records')
  await index.close()
  const duringMs = Math.max(...during)
  const withoutMs = Math.max(...without)
  return { longestRatio: duringMs / withoutMs, duringMs, withoutMs, checkpointMs }
}
