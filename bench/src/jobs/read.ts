import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { Wal } from 'walv'
import type { Job, Metrics } from '../job.ts'
import { spreadOf } from '../statistics.ts'

export interface ReadJob extends Job {
  readonly prepared: { readonly bytesWritten: number; readonly records: number }
}

const PASSES = 3
const CHUNK_BYTES = 1024 * 1024

export const readLog = (job: ReadJob): Promise<Metrics> => readRecords(job, false)

/** Vectors are views of the reader's memory. */
export const readBorrowed = (job: ReadJob): Promise<Metrics> => readRecords(job, true)

/**
 * Reads, verifies and decodes every record of a log that is in the system's memory. Opening it has
 * read it once.
 */
async function readRecords(job: ReadJob, borrow: boolean): Promise<Metrics> {
  const wal = await Wal.open({ directory: job.directory })
  const { bytesWritten, records } = job.prepared
  const ms = await medianMs(async () => {
    let found = 0
    let elements = 0
    for await (const { entry } of wal.read({ borrow })) {
      found++
      if (entry.type === 'insert') elements += entry.vector.length
    }
    if (found !== records || elements !== records * job.dimensions)
      throw new Error(`${found} records of ${records} were read`)
  })
  await wal.close()
  return { mbPerSecond: bytesWritten / ms / 1000, ms, recordsPerSecond: (1000 * records) / ms }
}

/**
 * Reads the same files from beginning to end into one piece of memory, over and over, and looks at
 * nothing.
 */
export function readPlain(job: ReadJob): Promise<Metrics> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  return readFiles(job, (path) => {
    const file = openSync(path, 'r')
    let bytes = 0
    for (let read = -1; read !== 0; bytes += read) read = readSync(file, buffer, 0, CHUNK_BYTES, null)
    closeSync(file)
    return bytes
  })
}

/** Reads each of the same files whole into memory of its own. */
export const readIntoMemory = (job: ReadJob): Promise<Metrics> =>
  readFiles(job, (path) => readFileSync(path).length)

async function readFiles({ directory, prepared }: ReadJob, read: (path: string) => number): Promise<Metrics> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  let bytes = 0
  const ms = await medianMs(async () => {
    bytes = files.reduce((sum, { parentPath, name }) => sum + read(join(parentPath, name)), 0)
  })
  return { mbPerSecond: bytes / ms / 1000, ms, recordsPerSecond: (1000 * prepared.records) / ms }
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
