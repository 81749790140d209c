import type { Job, Metrics } from '../job.ts'
import { pause } from '../loop-delay.ts'
import { underInserts } from './under-inserts.ts'

export interface CheckpointLongestJob extends Job {
  readonly records: number
  readonly checkpoints: number
}

const MAX_MORE = 1_000_000
const WARM_UP_MS = 500

/**
 * The longest wait of an insert while checkpoints are taken, against the longest while none is:
 * checkpoints and pauses of the same length in turn, under the same load.
 */
export async function checkpointLongest(job: CheckpointLongestJob): Promise<Metrics> {
  const during: number[] = []
  const without: number[] = []
  let longest = 0
  let checkpointMs = 0
  async function longestIn(work: () => Promise<unknown>): Promise<{ longest: number; ms: number }> {
    longest = 0
    const start = performance.now()
    await work()
    return { longest, ms: performance.now() - start }
  }
  const note = (ms: number): void => {
    longest = Math.max(longest, ms)
  }
  await underInserts(job, MAX_MORE, note, async (index) => {
    await pause(WARM_UP_MS)
    await index.checkpoint()
    for (let i = 0; i < job.checkpoints; i++) {
      const taken = await longestIn(() => index.checkpoint())
      const quiet = await longestIn(() => pause(taken.ms))
      during.push(taken.longest)
      without.push(quiet.longest)
      checkpointMs += taken.ms / job.checkpoints
    }
  })
  const duringMs = Math.max(...during)
  const withoutMs = Math.max(...without)
  return { longestRatio: duringMs / withoutMs, duringMs, withoutMs, checkpointMs }
}
