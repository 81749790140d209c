import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { Wal } from 'walv'
import type { Job, Metrics } from '../job.ts'
import { spreadOf } from '../statistics.ts'

export interface ReadJob extends Job {
  readonly prepared: { readonly bytesWritten: number; readonly records: number }
}

const PASSES = 3
const CHUNK_BYTES = 1024 * 1024

/** Reads, verifies and decodes every record of a log that is in the system's memory. Opening it has read it once. */
export async function readLog(job: ReadJob): Promise<Metrics> {
  const wal = await Wal.open({ directory: job.directory })
  const { bytesWritten, records } = job.prepared
  const ms = await medianMs(async () => {
    let found = 0
    let elements = 0
    for await (const { entry } of wal.read()) {
      found++
      if (entry.type === 'insert') elements += entry.vector.length
    }
    if (found !== records || elements !== records * job.dimensions)
      throw new Error(`${found} records of ${records} were read`)
  })
  await wal.close()
  return { mbPerSecond: bytesWritten / ms / 1000, ms, recordsPerSecond: (1000 * records) / ms }
}

/** Reads the same files from beginning to end into one piece of memory, and looks at nothing. */
export async function readPlain(job: ReadJob): Promise<Metrics> {
  const files = readdirSync(job.directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  let bytes = 0
  const ms = await medianMs(async () => {
    bytes = 0
    for (const { parentPath, name } of files) {
      const file = openSync(join(parentPath, name), 'r')
      for (let read = -1; read !== 0; bytes += read) read = readSync(file, buffer, 0, CHUNK_BYTES, null)
      closeSync(file)
    }
  })
  return { mbPerSecond: bytes / ms / 1000, ms, recordsPerSecond: (1000 * job.prepared.records) / ms }
}

/** One pass to warm up, then the middle of some. */
async function medianMs(pass: () => Promise<void>): Promise<number> {
  const times: number[] = []
  for (let i = 0; i <= PASSES; i++) {
    const start = performance.now()
    await pass()
    if (i > 0) times.push(performance.now() - start)
  }
  return spreadOf(times).median
}
