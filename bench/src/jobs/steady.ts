import { Wal } from 'walv'
import { bytesIn, openFiles } from '../files.ts'
import type { Job, Metrics } from '../job.ts'
import { Records } from '../records.ts'
import { spreadOf } from '../statistics.ts'

export interface SteadyJob extends Job {
  readonly records: number
}

const CALLERS = 1024
const SAMPLES = 100
const MAX_IDS = 1_000_000

/** Appends for long, and looks a hundred times at cost, memory and open files. */
export async function steady(job: SteadyJob): Promise<Metrics> {
  const wal = await Wal.open({ directory: job.directory })
  const records = new Records(Math.min(job.records, MAX_IDS), job.dimensions)
  const each = Math.ceil(job.records / SAMPLES)
  const appended: number[] = []
  const usPerRecord: number[] = []
  const rssMb: number[] = []
  const files: number[] = []
  let next = 0
  let last = performance.now()
  const start = last
  function sample(): void {
    const now = performance.now()
    appended.push(next)
    usPerRecord.push((1000 * (now - last)) / each)
    rssMb.push(process.memoryUsage.rss() / 1024 ** 2)
    files.push(openFiles())
    last = now
  }
  async function caller(): Promise<void> {
    while (next < job.records) {
      const n = next++
      await wal.append({ type: 'insert', id: records.id(n), vector: records.vector(n) })
      if ((n + 1) % each === 0) sample()
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  const elapsedMs = performance.now() - start
  await wal.close()
  const tenth = SAMPLES / 10
  const early = spreadOf(usPerRecord.slice(tenth, 2 * tenth)).median
  const late = spreadOf(usPerRecord.slice(-tenth)).median
  return {
    records: job.records,
    elapsedMs,
    rate: (1000 * job.records) / elapsedMs,
    diskBytesPerRecord: bytesIn(job.directory) / job.records,
    lateToEarly: late / early,
    maxOpenFiles: Math.max(...files),
    appended,
    usPerRecordAt: usPerRecord,
    rssMbAt: rssMb,
    openFilesAt: files,
  }
}
