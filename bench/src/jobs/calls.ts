import type { Job, Metrics } from '../job.ts'
import { type Load, runLoad } from '../loops.ts'
import { openPeer } from '../peers/registry.ts'
import { Records } from '../records.ts'

export interface CallsJob extends Job {
  readonly calls: number
  readonly load: Load
}

const WARM_UP = 20 * 256

/** What so many calls cost each: handed over all at once, or so many at a time. */
export async function calls(job: CallsJob): Promise<Metrics> {
  const records = new Records(WARM_UP + job.calls, job.dimensions, { haveMetadata: true })
  const store = await openPeer(job)
  const cursor = { next: 0 }
  const forever = Number.POSITIVE_INFINITY
  while (cursor.next < WARM_UP) {
    const ids = records.ids.slice(cursor.next, cursor.next + 256)
    await Promise.all(ids.map((id, i) => store.append(id, records.vector(i), records.metadata(i))))
    cursor.next += 256
  }
  const cpuBefore = process.cpuUsage()
  const { elapsedMs, records: done } = await runLoad(store, records, cursor, job.load, forever)
  const cpu = process.cpuUsage(cpuBefore)
  if (done !== job.calls) throw new Error(`${done} calls of ${job.calls} were made`)
  await store.close()
  return {
    records: done,
    elapsedMs,
    rate: (1000 * done) / elapsedMs,
    cpuUsPerRecord: (cpu.user + cpu.system) / done,
  }
}
