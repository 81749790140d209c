import { type DiskFile, writeFully } from '../../disk/disk.ts'
import type { Damage } from '../../entry.ts'
import { alignUp, byteBuffer } from '../../format/byte-buffer.ts'
import { encodable } from '../../format/encode.ts'
import { FRAME_HEADER_BYTES, frameBytes } from '../../format/frame.ts'
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from '../../format/segment.ts'
import { SegmentCodec } from '../../format/segment-codec.ts'
import type { SnapshotManifest } from '../checkpoint/snapshot-manifest.ts'
import type { SnapshotStore } from '../checkpoint/snapshot-store.ts'
import { snapshotThrough } from '../layout.ts'
import type { WalSettings } from '../options.ts'
import { moveToQuarantine } from '../quarantine.ts'
import { createSegment, FIRST_SEGMENT_BYTES } from '../segment/segments.ts'
import type { Analysis } from './analysis.ts'
import type { Reach } from './directory.ts'

/**
 * The snapshot that holds all that is left of a log whose end is lost, or which has no segment any
 * more: one that verifies by what it says of itself, and that reaches into what is lost at the end,
 * so that nothing readable lies behind it.
 */
export async function findRescue(
  damage: readonly Damage[],
  reach: Reach | undefined,
  { logId, endSeq }: Analysis,
  snapshots: SnapshotStore,
): Promise<SnapshotManifest | undefined> {
  // What can still be read behind the snapshot is worth more than what is lost before it.
  if (reach === undefined || endSeq > reach.through + 1) return undefined
  const ranges = damage.filter(({ acknowledged }) => acknowledged).flatMap(({ seqs }) => seqs)
  const lost = ranges.find(({ through }) => through === reach.through)
  if (lost === undefined) return undefined
  const names = (await snapshots.names()).filter((name) => (snapshotThrough(name) ?? -1) >= lost.from)
  for (const name of names.toSorted().toReversed()) {
    const manifest = await snapshots.manifest(name)
    const snapshot = manifest?.checkpoint.snapshot
    if (!manifest || snapshot?.name !== name || manifest.checkpoint.sequenceNumber !== snapshotThrough(name))
      continue
    if (logId && !manifest.logId.equals(logId)) continue
    if ((await snapshots.problem(snapshot)) === undefined) return manifest
  }
  return undefined
}

/**
 * Begins a log anew from a snapshot: with its checkpoint record, which takes the number behind the
 * last that the snapshot holds. Then what is left of the segments goes to `quarantine/`. A crash in
 * between leaves a log whose beginning the snapshot covers.
 * @returns the new paths of the segments
 */
export async function beginAnew(
  { disk, directory, clock }: WalSettings,
  found: Analysis,
  { logId, checkpoint }: SnapshotManifest,
): Promise<string[]> {
  const number = found.lastSegmentNumber + 1
  const seq = checkpoint.sequenceNumber + 1
  // What transactions that were open then had logged before is lost.
  const entry = encodable({ ...checkpoint, replayFrom: seq })
  const bytes = frameBytes(entry.bytes)
  const capacity = alignUp(FIRST_SEGMENT_BYTES + bytes, 4096)
  const timestamp = clock()
  const header: SegmentHeader = {
    logId,
    number,
    firstSeq: seq,
    capacity,
    durableBefore: seq + 1,
    createdAt: timestamp,
    previous: 0,
  }
  const write = async (file: DiskFile): Promise<void> => {
    const memory = byteBuffer(bytes)
    entry.write(memory, FRAME_HEADER_BYTES)
    const frame = {
      type: entry.type,
      payloadBytes: entry.bytes,
      seq,
      durableBefore: seq,
      timestamp,
      flags: 0,
    }
    SegmentCodec.of(logId, number).sealFrame(memory, 0, frame, SEGMENT_HEADER_BYTES)
    await writeFully(file, memory.bytes.subarray(0, bytes), SEGMENT_HEADER_BYTES)
    await writeFully(file, encodeSegmentHeader(header), 0)
  }
  const { file } = await createSegment(disk, directory, number, capacity, { write })
  await file.close()
  const paths: string[] = []
  for (const name of [...found.segments.map((segment) => segment.name), ...found.unusedSegments]) {
    const path = await moveToQuarantine(disk, directory, name)
    if (path !== undefined) paths.push(path)
  }
  return paths
}
