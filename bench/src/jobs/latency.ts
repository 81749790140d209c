import type { Job, Metrics } from '../job.ts'
import { openPeer } from '../peers/registry.ts'
import { Records } from '../records.ts'
import { quantile } from '../statistics.ts'
import { writtenBetween } from './append.ts'

export interface LatencyJob extends Job {
  readonly warmUpMs: number
  readonly durationMs: number
}

const MAX_APPENDS = 200_000

/** One append at a time: how long each waits. */
export async function latency(job: LatencyJob): Promise<Metrics> {
  const records = new Records(MAX_APPENDS, job.dimensions)
  const latencies = new Float64Array(MAX_APPENDS)
  const store = await openPeer(job)
  let next = 0
  const warmUntil = performance.now() + job.warmUpMs
  while (performance.now() < warmUntil) {
    await store.append(records.ids[next]!, records.vector(next))
    next++
  }
  const written = writtenBetween(store)
  const cpuBefore = process.cpuUsage()
  const first = next
  const start = performance.now()
  let last = start
  while (last < start + job.durationMs && next < MAX_APPENDS) {
    await store.append(records.ids[next]!, records.vector(next))
    const now = performance.now()
    latencies[next - first] = now - last
    last = now
    next++
  }
  const cpu = process.cpuUsage(cpuBefore)
  const figures = written()
  await store.close()
  const appends = next - first
  const sorted = latencies.subarray(0, appends).sort()
  return {
    records: appends,
    elapsedMs: last - start,
    cpuUsPerRecord: (cpu.user + cpu.system) / appends,
    ...figures,
    p50Us: 1000 * quantile(sorted, 0.5),
    p99Us: 1000 * quantile(sorted, 0.99),
  }
}
