import type { Job, Metrics } from '../job.ts'
import { pause } from '../loop-delay.ts'
import { quantile } from '../statistics.ts'
import { underInserts } from './under-inserts.ts'

export interface CheckpointStallJob extends Job {
  readonly records: number
  readonly checkpoints: number
  readonly quietMs: number
}

const MAX_MORE = 500_000

/** The longest wait of an insert while checkpoints are taken, against the waits without. */
export async function checkpointStall(job: CheckpointStallJob): Promise<Metrics> {
  const quietWaits: number[][] = []
  const duringWaits: number[][] = []
  let waits: number[] = []
  let checkpointMs = 0
  /** Nothing is computed before the end: the callers would wait for it. */
  function taken(): number[] {
    const those = waits
    waits = []
    return those
  }
  const note = (ms: number): void => void waits.push(ms)
  await underInserts(job, MAX_MORE, note, async (index) => {
    await pause(job.quietMs)
    taken()
    for (let i = 0; i < job.checkpoints; i++) {
      await pause(job.quietMs)
      quietWaits.push(taken())
      const start = performance.now()
      await index.checkpoint()
      checkpointMs += performance.now() - start
      duringWaits.push(taken())
    }
  })
  const quiet = quietWaits.flat().sort((a, b) => a - b)
  const during = duringWaits.flat().sort((a, b) => a - b)
  const p99 = quantile(quiet, 0.99)
  return {
    stallRatio: during.at(-1)! / p99,
    quietP99Ms: p99,
    quietMaxMs: quiet.at(-1)!,
    duringP99Ms: quantile(during, 0.99),
    duringMaxMs: during.at(-1)!,
    checkpointMs: checkpointMs / job.checkpoints,
  }
}
