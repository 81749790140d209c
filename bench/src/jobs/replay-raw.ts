import { randomBytes } from 'node:crypto'
import { closeSync, ftruncateSync } from 'node:fs'
import { join } from 'node:path'
import type { Job, Metrics, Paired } from '../job.ts'
import { preallocate, syncAsync, writeAndSync, writeAndSyncAsync, writeAsync } from '../peers/raw-file.ts'
import { quantile } from '../statistics.ts'

export interface ReplayRawJob extends Job {
  readonly paired: Paired
  /**
   * Into a file that has its size and no blocks yet, as walv's have where groups are large; the
   * next group is written while one is synced, as walv does it.
   */
  readonly isSparse?: boolean
}

const WARM_UP_GROUPS = 20

/** The same bytes in as many groups as walv wrote just before, one write and one sync each. */
export async function replayRaw(job: ReplayRawJob): Promise<Metrics> {
  const { groups, bytesWritten, records } = job.paired
  if (!(groups > 0)) throw new Error('walv was not measured')
  const file = preallocate(join(job.directory, 'raw'), job.isSparse ? 0 : bytesWritten)
  if (job.isSparse) ftruncateSync(file, 2 * bytesWritten)
  const write = job.peer === 'raw' ? writeAndSync : writeAndSyncAsync
  const data = randomBytes(Math.ceil(bytesWritten / groups))
  // Rounded so that the pieces add up to exactly the bytes.
  const startOf = (group: number): number => Math.floor((group * bytesWritten) / groups)
  const pieceOf = (group: number): Uint8Array => data.subarray(0, startOf(group + 1) - startOf(group))

  for (let i = 0; i < Math.min(WARM_UP_GROUPS, groups); i++) {
    // What has no blocks gets them once: the warm-up goes behind.
    await write(file, pieceOf(i), startOf(i) + (job.isSparse ? bytesWritten : 0))
  }
  const latencies = new Float64Array(groups)
  const cpuBefore = process.cpuUsage()
  const start = performance.now()
  let last = start
  let written = job.isSparse ? writeAsync(file, pieceOf(0), 0) : undefined
  for (let group = 0; group < groups; group++) {
    if (written === undefined) await write(file, pieceOf(group), startOf(group))
    else {
      await written
      const synced = syncAsync(file)
      if (group + 1 < groups) written = writeAsync(file, pieceOf(group + 1), startOf(group + 1))
      await synced
    }
    const now = performance.now()
    latencies[group] = now - last
    last = now
  }
  const elapsedMs = last - start
  const cpu = process.cpuUsage(cpuBefore)
  closeSync(file)
  latencies.sort()
  return {
    records,
    elapsedMs,
    rate: (1000 * records) / elapsedMs,
    usPerRecord: (1000 * elapsedMs) / records,
    cpuUsPerRecord: (cpu.user + cpu.system) / records,
    systemUsPerRecord: cpu.system / records,
    groups,
    syncs: groups,
    bytesWritten,
    p50Us: 1000 * quantile(latencies, 0.5),
    p99Us: 1000 * quantile(latencies, 0.99),
  }
}
