import { Wal, type WalOptions } from 'walv'
import type { Job, Metrics } from '../job.ts'
import { Records } from '../records.ts'
import { spreadOf } from '../statistics.ts'

export interface GrowthJob extends Job {
  readonly windows: number
  readonly walv?: Partial<WalOptions>
}

const CALLERS = 256
const YOUNG_RECORDS = 1000
/** So few that a young log does not go on in a new segment meanwhile. */
const WINDOW_RECORDS = 1024
const MAX_IDS = 100_000

/**
 * Appends to a log that is filled and to one that has just a thousand records, in turn, window by window: what disturbs one disturbs the other. Each window's young log
 * is a new one.
 */
export async function growth(job: GrowthJob): Promise<Metrics> {
  const records = new Records(MAX_IDS, job.dimensions)
  const old = await Wal.open({ directory: job.directory, ...job.walv })
  const oldUs: number[] = []
  const youngUs: number[] = []
  for (let window = -1; window < job.windows; window++) {
    const young = await Wal.open({ directory: `${job.directory}-young-${window}`, ...job.walv })
    await appendMany(young, records, YOUNG_RECORDS)
    const pair = window % 2 === 0 ? [old, young] : [young, old]
    for (const wal of pair) {
      const start = performance.now()
      await appendMany(wal, records, WINDOW_RECORDS)
      // The first window is for the compiler.
      const us = (1000 * (performance.now() - start)) / WINDOW_RECORDS
      if (window >= 0) (wal === old ? oldUs : youngUs).push(us)
    }
    await young.close()
  }
  const { segments } = old.stats()
  await old.close()
  const ratios = oldUs.map((us, i) => us / youngUs[i]!)
  return {
    segments,
    oldUs: spreadOf(oldUs).median,
    youngUs: spreadOf(youngUs).median,
    costRatio: spreadOf(ratios).median,
  }
}

async function appendMany(wal: Wal, records: Records, count: number): Promise<void> {
  let next = 0
  async function caller(): Promise<void> {
    while (next < count) {
      const n = next++
      await wal.append({ type: 'insert', id: records.id(n), vector: records.vector(n) })
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
}
