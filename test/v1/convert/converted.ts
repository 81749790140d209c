/** A log of v1 converted to v2 and back, on a simulated disk. */
import type { WalRecord } from '../../../src/mod.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import type { ConvertOptions } from '../../../src/v1/convert/options.ts'
import { convertToV1 } from '../../../src/v1/convert/to-v1.ts'
import { convertToV2 } from '../../../src/v1/convert/to-v2.ts'
import type { V1Entry } from '../../../src/v1/format/entry.ts'
import { readV1Directory } from '../../../src/v1/read/reader.ts'
import { collect } from '../../support/logs.ts'
import { openOn, putFile } from '../../support/simulated-log.ts'
import { nth } from '../helpers.ts'

export const [V1, V2, BACK] = ['/data/v1', '/data/v2', '/data/back']
const SECONDS = 1_700_000_000n

/** A disk with a v1 directory of one file for each list of parts. */
export async function v1Log(...contents: readonly Buffer[]): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  for (const [index, content] of contents.entries()) await putFile(disk, `${V1}/${nth(index + 1)}`, content)
  return disk
}

export const toV2 = (disk: SimulatedDisk, options: Partial<ConvertOptions> = {}) =>
  convertToV2({ from: V1, to: V2, disk, ...options })

export const toV1 = (disk: SimulatedDisk, options: Partial<ConvertOptions> = {}) =>
  convertToV1({ from: V2, to: BACK, disk, ...options })

/** Numbers and payloads of a v1 directory, in order. */
export async function payloadsOf(disk: SimulatedDisk, directory: string): Promise<string[]> {
  const found: string[] = []
  for await (const { record } of readV1Directory(disk, directory))
    if (record) found.push(`${record.seq} ${Buffer.from(record.payload).toString('hex')}`)
  return found
}

export async function recordsIn(disk: SimulatedDisk, directory = V2): Promise<WalRecord[]> {
  const wal = await openOn(disk, { directory, readOnly: true })
  return collect(wal.read())
}

export const marker = (
  type: 'beginTransaction' | 'commitTransaction' | 'abortTransaction',
  transactionId: bigint,
  timestamp = SECONDS,
): V1Entry => ({ type, transactionId, timestamp })
