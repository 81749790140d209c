/** Logs to be read, whole and damaged. */
import assert from 'node:assert/strict'
import { FRAME_TYPES } from '../../../src/format/frame.ts'
import type { BatchMember, Wal, WalRecord } from '../../../src/mod.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { frameOfEntry, frameOfPayload, segmentOf, watermarkOf } from '../../support/frames.ts'
import { collect, customOf } from '../../support/logs.ts'
import { alterOn, framesOn, openOn, putFile, segmentAt } from '../../support/simulated-log.ts'

const KIB = 1024

/** Ten records of 100 KiB, two to each of five segments; closed. */
export async function fiveSegments(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { segmentMaxBytes: 256 * KIB })
  for (let number = 0; number < 10; number++) await wal.append(customOf(100 * KIB))
  assert.equal(wal.stats().segments, 5)
  await wal.close()
  return disk
}

export const seqsOf = (records: readonly WalRecord[]): number[] => records.map(({ seq }) => seq)

export const opened = (disk: SimulatedDisk, from: number): string[] =>
  disk.ops.slice(from).flatMap(({ kind, path }) => (kind === 'open' ? [path] : []))

/** A byte in the middle of a record is changed. */
export const spoil = async (disk: SimulatedDisk, segment: number, seq: number): Promise<void> => {
  const frame = (await framesOn(disk, segment)).find((each) => each.seq === seq)!
  await alterOn(disk, segmentAt(segment), (content) => {
    content[frame.at + 1000]! ^= 1
  })
}

/** A log of one segment, with a record that makes no sense between two others, all promised. */
export async function senselessLog(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  await putFile(
    disk,
    segmentAt(1),
    segmentOf({}, (seed) => [
      frameOfEntry({ type: 'delete', id: 'a' }, { seq: 0 }, seed),
      frameOfPayload(Buffer.alloc(4), { type: FRAME_TYPES.insert, seq: 1 }, seed),
      frameOfEntry({ type: 'delete', id: 'b' }, { seq: 2 }, seed),
      watermarkOf(3, seed),
    ]),
  )
  return disk
}

export const units = async (
  wal: Wal,
  options: Parameters<Wal['replay']>[0] = {},
): Promise<[number, string[]][]> =>
  (await collect(wal.replay(options))).map(({ seq, entries }) => [
    seq,
    entries.map((entry: BatchMember) => ('id' in entry ? entry.id : entry.type)),
  ])
