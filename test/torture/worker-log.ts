/**
 * A worker thread that appends until it is terminated. How far it is stands in memory that it
 * shares: messages of a terminated worker may be lost.
 */
import { workerData } from 'node:worker_threads'
import { Wal } from '../../src/mod.ts'

export interface WorkerTask {
  readonly directory: string
  readonly prefix: string
  /** How many appends are submitted, and acknowledged. */
  readonly counts: Int32Array
}

const { directory, prefix, counts } = workerData as WorkerTask
const wal = await Wal.open({ directory, segmentMaxBytes: 64 * 1024 })

async function appendOnAndOn(): Promise<never> {
  for (;;) {
    const id = `${prefix}-${counts[0]!++}`
    await wal.append({ type: 'insert', id, vector: [1], metadata: 'm'.repeat(500) })
    Atomics.add(counts, 1, 1)
  }
}

await Promise.all(Array.from({ length: 64 }, appendOnAndOn))
