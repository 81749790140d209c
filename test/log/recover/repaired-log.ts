/** A log of three segments to be damaged and repaired. */
import type { Wal } from '../../../src/mod.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { frameOfEntry, segmentOf, watermarkOf } from '../../support/frames.ts'
import { collect } from '../../support/logs.ts'
import {
  alterOn,
  DIRECTORY,
  framesOn,
  openOn,
  putFile,
  START,
  segmentAt,
} from '../../support/simulated-log.ts'

const KIB = 1024
export const QUARANTINE = `${DIRECTORY}/quarantine`

/** A record of so many bytes of data. */
export const custom = (seq: number, seed: number, bytes = 100): Buffer =>
  frameOfEntry(
    { type: 'custom', kind: 'k', data: Buffer.alloc(bytes, seq + 1) },
    { seq, durableBefore: seq, timestamp: START + seq },
    seed,
  )

/** Three segments of three records each, the last one closed in order. */
export async function threeSegments(bytes = 100): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  for (const number of [1, 2, 3]) {
    const firstSeq = 3 * number - 3
    const content = segmentOf(
      { number, firstSeq, durableBefore: firstSeq, createdAt: START, capacity: 16 * KIB },
      (seed) => [
        ...[0, 1, 2].map((index) => custom(firstSeq + index, seed, bytes)),
        ...(number === 3 ? [watermarkOf(9, seed, 2), watermarkOf(9, seed, 2)] : []),
      ],
    )
    await putFile(disk, segmentAt(number), content)
  }
  return disk
}

/** Spoils the content of a record. */
export async function spoil(disk: SimulatedDisk, seq: number): Promise<void> {
  const number = Math.floor(seq / 3) + 1
  const { at } = (await framesOn(disk, number)).find((frame) => frame.seq === seq)!
  await alterOn(disk, segmentAt(number), (content) => {
    content[at + 80]! ^= 1
  })
}

export const repair = (disk: SimulatedDisk): Promise<Wal> => openOn(disk, { recovery: 'repair' })

/** Numbers of the records, gaps as ranges. */
export async function recordsIn(wal: Wal): Promise<string[]> {
  const found = await collect(wal.read())
  return found.map(({ seq, entry }) => (entry.type === 'gap' ? `${seq}-${entry.throughSeq}` : String(seq)))
}
