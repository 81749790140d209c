import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DurableIndex, flat, Wal, type WalOptions } from 'walv'
import { bytesIn } from '../files.ts'
import type { Job, Metrics } from '../job.ts'
import { Records } from '../records.ts'

export interface FillJob extends Job {
  readonly records: number
  readonly walv?: Partial<WalOptions>
}

const CALLERS = 1024
const MAX_IDS = 1_000_000

/** Fills a log with single records, as quickly as it goes. It is on the disk at the end. */
export async function fill(job: FillJob): Promise<Metrics> {
  const wal = await Wal.open({ directory: job.directory, durability: 'os', ...job.walv })
  const records = new Records(Math.min(job.records, MAX_IDS), job.dimensions)
  let next = 0
  async function caller(): Promise<void> {
    while (next < job.records) {
      const n = next++
      await wal.append({ type: 'insert', id: records.id(n), vector: records.vector(n) })
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  await wal.flush()
  const { bytesWritten, segments } = wal.stats()
  await wal.close()
  return { records: job.records, bytesWritten, segments, diskBytes: bytesIn(job.directory) }
}

export interface FillIndexJob extends Job {
  readonly records: number
  /** Logged behind the checkpoint. */
  readonly tail: number
}

const BATCH = 1000

/**
 * Two durable indexes of the same contents, in `with` and `without` a checkpoint, each with a tail
 * behind it.
 */
export async function fillIndexes(job: FillIndexJob): Promise<Metrics> {
  for (const name of ['with', 'without']) {
    const directory = join(job.directory, name)
    mkdirSync(directory)
    const index = await DurableIndex.open({
      directory,
      durability: 'os',
      index: flat({ dimensions: job.dimensions }),
      checkpointIntervalEntries: false,
    })
    await insertAll(index, job.dimensions, 0, job.records)
    if (name === 'with') await index.checkpoint()
    await insertAll(index, job.dimensions, job.records, job.records + job.tail)
    await index.close()
  }
  return { records: job.records + job.tail }
}

/** Single records, so that recovery has to go through each. */
export async function insertAll(
  index: DurableIndex,
  dimensions: number,
  from: number,
  to: number,
): Promise<void> {
  const records = new Records(to, dimensions)
  for (let first = from; first < to; first += BATCH) {
    const count = Math.min(BATCH, to - first)
    await Promise.all(
      Array.from({ length: count }, (_, i) => index.insert(records.id(first + i), records.vector(first + i))),
    )
  }
}
