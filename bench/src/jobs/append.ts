import { bytesIn } from '../files.ts'
import type { Job, Metrics } from '../job.ts'
import { type Cursor, type Load, runLoad } from '../loops.ts'
import type { Store, WriteFigures } from '../peers/peer.ts'
import { openPeer } from '../peers/registry.ts'
import { type RecordOptions, Records } from '../records.ts'

export interface AppendJob extends Job {
  readonly load: Load
  readonly warmUpMs: number
  readonly durationMs: number
  /** Faster than any peer could be; the run ends when so many are used up. */
  readonly maxRecords: number
  readonly walv?: object
  readonly records?: RecordOptions
}

/** Durable appends for a while: how many a second, what they wrote and what they cost. */
export async function append(job: AppendJob): Promise<Metrics> {
  const records = new Records(job.maxRecords, job.dimensions, job.records)
  const store = await openPeer(job)
  const cursor: Cursor = { next: 0 }
  await runLoad(store, records, cursor, job.load, job.warmUpMs)
  const written = writtenBetween(store)
  const cpuBefore = process.cpuUsage()
  const outcome = await runLoad(store, records, cursor, job.load, job.durationMs)
  const cpu = process.cpuUsage(cpuBefore)
  const figures = written()
  await store.close()
  return {
    records: outcome.records,
    elapsedMs: outcome.elapsedMs,
    rate: (1000 * outcome.records) / outcome.elapsedMs,
    usPerRecord: (1000 * outcome.elapsedMs) / outcome.records,
    cpuUsPerRecord: (cpu.user + cpu.system) / outcome.records,
    systemUsPerRecord: cpu.system / outcome.records,
    ...figures,
    diskBytesPerRecord: bytesIn(job.directory) / cursor.next,
  }
}

const NOTHING: WriteFigures = { groups: 0, syncs: 0, bytesWritten: 0 }

/** Gives a function that says what the store has written since this call. */
export function writtenBetween(store: Store): () => WriteFigures {
  const before = store.figures?.() ?? NOTHING
  return () => {
    const after = store.figures?.() ?? NOTHING
    return {
      groups: after.groups - before.groups,
      syncs: after.syncs - before.syncs,
      bytesWritten: after.bytesWritten - before.bytesWritten,
    }
  }
}
