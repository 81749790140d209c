import type { Job, Metrics } from '../job.ts'
import { openPeer } from '../peers/registry.ts'
import { Records } from '../records.ts'
import { quantile } from '../statistics.ts'

export interface PacedJob extends Job {
  readonly ratePerSecond: number
  readonly warmUpMs: number
  readonly durationMs: number
}

/** A peer that is so far behind has shown that it cannot keep the rate. */
const MAX_BEHIND_MS = 2000

/**
 * Appends at a fixed rate, whatever the store does meanwhile. Latency counts from when an append
 * was due, not from when there was time for it.
 */
export async function paced(job: PacedJob): Promise<Metrics> {
  const perMs = job.ratePerSecond / 1000
  const total = Math.ceil(perMs * (job.warmUpMs + job.durationMs))
  const records = new Records(total, job.dimensions)
  const latencies = new Float64Array(total)
  const store = await openPeer(job)
  const start = performance.now()
  const dueAt = (n: number): number => start + n / perMs
  let acknowledged = 0
  async function one(n: number): Promise<void> {
    await store.append(records.ids[n]!, records.vector(n))
    latencies[n] = performance.now() - dueAt(n)
    acknowledged++
  }
  const pending: Promise<void>[] = []
  for (let next = 0; next < total; ) {
    for (let now = performance.now(); next < total && dueAt(next) <= now; now = performance.now()) {
      if (now - dueAt(acknowledged) > MAX_BEHIND_MS)
        throw new Error(`cannot keep ${job.ratePerSecond} appends a second`)
      pending.push(one(next++))
    }
    // Not a timer: those are late by up to a millisecond.
    await new Promise(setImmediate)
  }
  await Promise.all(pending)
  await store.close()
  const behindMs = latencies.reduce((a, b) => Math.max(a, b))
  if (behindMs > MAX_BEHIND_MS) throw new Error(`cannot keep ${job.ratePerSecond} appends a second`)
  const sorted = latencies.subarray(Math.ceil(perMs * job.warmUpMs)).sort()
  return {
    records: sorted.length,
    p50Us: 1000 * quantile(sorted, 0.5),
    p90Us: 1000 * quantile(sorted, 0.9),
    p99Us: 1000 * quantile(sorted, 0.99),
    p999Us: 1000 * quantile(sorted, 0.999),
    maxUs: 1000 * sorted.at(-1)!,
  }
}
