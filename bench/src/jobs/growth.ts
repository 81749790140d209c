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
/** So few that neither log goes on in a new segment in most windows. */
const WINDOW_RECORDS = 1024
/** Then the young log would not be young any more. */
const WINDOWS_PER_YOUNG = 10
const MAX_IDS = 100_000

/**
 * Appends to a log that is filled and to one that has little more than a thousand records, in turn,
 * window by window: what disturbs one disturbs the other. With a filled log of a thousand records
 * the ratio says how exact this is.
 */
export async function growth(job: GrowthJob): Promise<Metrics> {
  const records = new Records(MAX_IDS, job.dimensions)
  const old = await Wal.open({ directory: job.directory, ...job.walv })
  const { segments } = old.stats()
  const pairs: { old: number; young: number }[] = []
  for (let block = 0; block * WINDOWS_PER_YOUNG < job.windows; block++) {
    const young = await Wal.open({ directory: `${job.directory}-young-${block}`, ...job.walv })
    await appendMany(young, records, YOUNG_RECORDS)
    // The first is not counted: it pays for what the opening left to do, and once for the compiler.
    pairs.push(...(await alternate(old, young, records, WINDOWS_PER_YOUNG + 1)).slice(1))
    await young.close()
  }
  await old.close()
  return {
    segments,
    oldUs: spreadOf(pairs.map((pair) => pair.old)).median,
    youngUs: spreadOf(pairs.map((pair) => pair.young)).median,
    costRatio: spreadOf(pairs.map((pair) => pair.old / pair.young)).median,
  }
}

async function alternate(
  old: Wal,
  young: Wal,
  records: Records,
  windows: number,
): Promise<{ old: number; young: number }[]> {
  const pairs: { old: number; young: number }[] = []
  for (let window = 0; window < windows; window++) {
    const us = new Map<Wal, number>()
    for (const wal of window % 2 === 0 ? [old, young] : [young, old]) {
      const start = performance.now()
      await appendMany(wal, records, WINDOW_RECORDS)
      us.set(wal, (1000 * (performance.now() - start)) / WINDOW_RECORDS)
    }
    pairs.push({ old: us.get(old)!, young: us.get(young)! })
  }
  return pairs
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
