/** Logs with checkpoints and their snapshots. */
import { createHash } from 'node:crypto'
import type { CheckpointEntry, Damage } from '../../../src/mod.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { frameOfEntry, segmentOf, watermarkOf } from '../../support/frames.ts'
import { alterOn, DIRECTORY, openOn, putFile, segmentAt } from '../../support/simulated-log.ts'

export const deletion = (seq: number, seed: number, durableBefore = seq): Buffer =>
  frameOfEntry({ type: 'delete', id: `id-${seq}` }, { seq, durableBefore }, seed)

export const nameOf = (through: number): string => `snapshot-${String(through).padStart(16, '0')}`

/** The checkpoint through a record, with a snapshot of one file. */
export const checkpointOf = (through: number, replayFrom = through + 1): CheckpointEntry => {
  const content = `state ${through}`
  const sha256 = createHash('sha256').update(content).digest('hex')
  const files = [{ name: 'state', bytes: content.length, sha256 }]
  return {
    type: 'checkpoint',
    sequenceNumber: through,
    replayFrom,
    snapshot: { name: nameOf(through), files, info: null },
  }
}

export const checkpoint = (seq: number, entry: CheckpointEntry, seed: number): Buffer =>
  frameOfEntry(entry, { seq, durableBefore: seq }, seed)

export const fileOf = (through: number): string => `${DIRECTORY}/snapshots/${nameOf(through)}/state`

export const putSnapshot = (disk: SimulatedDisk, through: number): Promise<void> =>
  putFile(disk, fileOf(through), Buffer.from(`state ${through}`))

/**
 * Two records, a checkpoint through each of them, and one more record: 0, 1, 2 (of 0), 3 (of 1), 4.
 */
export async function logOfTwoCheckpoints(firstSeq = 0): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const at = (offset: number): number => firstSeq + offset
  await putFile(
    disk,
    segmentAt(1),
    segmentOf({ firstSeq, durableBefore: firstSeq }, (seed) => [
      deletion(at(0), seed),
      deletion(at(1), seed),
      checkpoint(at(2), checkpointOf(at(0)), seed),
      checkpoint(at(3), checkpointOf(at(1)), seed),
      deletion(at(4), seed),
      watermarkOf(at(5), seed),
    ]),
  )
  await putSnapshot(disk, at(0))
  await putSnapshot(disk, at(1))
  return disk
}

export const reader = (disk: SimulatedDisk, recovery: 'strict' | 'salvage' = 'strict') =>
  openOn(disk, { readOnly: true, recovery })

export const damageOf = async (disk: SimulatedDisk): Promise<readonly Damage[]> =>
  (await reader(disk, 'salvage')).recovery.damage

export const spoilSnapshot = (disk: SimulatedDisk, through: number): Promise<void> =>
  alterOn(disk, fileOf(through), (content) => content.fill(0, 0, 1))

/** Three segments: records 0 and 1; 2 and 3; and 4, a checkpoint through record 3, record 6. */
export async function threeSegments(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  await putFile(
    disk,
    segmentAt(1),
    segmentOf({}, (seed) => [deletion(0, seed), deletion(1, seed)]),
  )
  await putFile(
    disk,
    segmentAt(2),
    segmentOf({ number: 2, firstSeq: 2, durableBefore: 2 }, (seed) => [deletion(2, seed), deletion(3, seed)]),
  )
  await putFile(
    disk,
    segmentAt(3),
    segmentOf({ number: 3, firstSeq: 4, durableBefore: 4 }, (seed) => [
      deletion(4, seed),
      checkpoint(5, checkpointOf(3), seed),
      deletion(6, seed),
      watermarkOf(7, seed),
    ]),
  )
  await putSnapshot(disk, 3)
  return disk
}
