import { DurableIndex, flat } from 'walv'
import type { Job, Metrics } from '../job.ts'
import { Records } from '../records.ts'
import { quantile } from '../statistics.ts'
import { insertAll } from './fill.ts'

export interface CheckpointStallJob extends Job {
  readonly records: number
  readonly checkpoints: number
  readonly quietMs: number
}

const CALLERS = 16
const MAX_MORE = 500_000

/** The longest wait of an insert while checkpoints are taken, against the waits without. */
export async function checkpointStall(job: CheckpointStallJob): Promise<Metrics> {
  const index = await DurableIndex.open({
    directory: job.directory,
    index: flat({ dimensions: job.dimensions }),
    checkpointIntervalEntries: false,
  })
  await insertAll(index, job.dimensions, 0, job.records)
  const records = new Records(job.records + MAX_MORE, job.dimensions)
  let next = job.records
  let isOver = false
  let waits: number[] = []
  async function caller(): Promise<void> {
    while (!isOver && next < records.ids.length) {
      const n = next++
      const start = performance.now()
      await index.insert(records.ids[n]!, records.vector(n))
      waits.push(performance.now() - start)
    }
  }
  /** Nothing is computed before the end: the callers would wait for it. */
  function taken(): number[] {
    const those = waits
    waits = []
    return those
  }
  const callers = Array.from({ length: CALLERS }, caller)
  await pause(job.quietMs)
  taken()
  const quietWaits: number[][] = []
  const duringWaits: number[][] = []
  let checkpointMs = 0
  for (let i = 0; i < job.checkpoints; i++) {
    await pause(job.quietMs)
    quietWaits.push(taken())
    const start = performance.now()
    await index.checkpoint()
    checkpointMs += performance.now() - start
    duringWaits.push(taken())
  }
  isOver = true
  await Promise.all(callers)
  await index.close()
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

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
