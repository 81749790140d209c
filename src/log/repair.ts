import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { writeFully } from '../disk/disk.ts'
import { readAround } from '../disk/read-around.ts'
import { assert } from '../errors.ts'
import { alignUp } from '../format/byte-buffer.ts'
import { encodeSegmentHeader, type SegmentHeader, segmentSeed } from '../format/segment.ts'
import type { LiveSegment } from './chain.ts'
import { copyRecords, FrameSink } from './copy.ts'
import { QUARANTINE_FOLDER } from './directory.ts'
import { ensureFolder } from './make-directory.ts'
import { createSegment, HEADER_ROOM } from './segments.ts'
import { freeName } from './snapshot-store.ts'
import type { Survey } from './survey.ts'

const PIECE_BYTES = 1024 * 1024
/** What gap records and alignment may add to a segment. */
const SLACK_BYTES = 64 * 1024

/**
 * Writes every damaged segment anew: all its records that verify, and a gap record in the place of each loss, so that the log keeps saying what is gone. A copy of
 * the damaged file goes to `quarantine/` first. Each segment is replaced at once; a crash in between leaves the rest for the next repair.
 * @returns the paths of the copies
 */
export async function repairSegments(disk: Disk, directory: string, found: Survey): Promise<string[]> {
  const { logId } = found
  assert(logId !== undefined, 'a log without a valid header is refused before it is repaired')
  const damaged = new Set(found.damage.filter(({ kind }) => kind !== 'torn-tail').map(({ file }) => file))
  const copies: string[] = []
  for (const segment of found.segments.filter(({ name }) => damaged.has(name))) {
    copies.push(await quarantineCopy(disk, directory, segment.name))
    await rewrite(disk, directory, logId, segment, found)
  }
  return copies
}

async function quarantineCopy(disk: Disk, directory: string, name: string): Promise<string> {
  const folder = join(directory, QUARANTINE_FOLDER)
  await ensureFolder(disk, folder)
  const taken = new Set((await disk.list(folder)).map((entry) => entry.name))
  const target = join(folder, freeName(name, taken))
  const source = await disk.open(join(directory, name), 'read')
  const copy = await disk.open(target, 'create')
  try {
    const buffer = Buffer.allocUnsafe(PIECE_BYTES)
    for (let at = 0; ; at += buffer.length) {
      const { count } = await readAround(source, buffer, at)
      await writeFully(copy, buffer.subarray(0, count), at)
      if (count < buffer.length) break
    }
    await copy.sync()
  } finally {
    await source.close()
    await copy.close()
  }
  await disk.syncDirectory(folder)
  return target
}

async function rewrite(
  disk: Disk,
  directory: string,
  logId: Buffer,
  segment: LiveSegment,
  found: Survey,
): Promise<void> {
  const missing = found.spots.find((spot) => spot.segment === segment.number && spot.kind === 'missing-segment')
  const firstSeq = missing?.lostFrom ?? segment.firstSeq
  const capacity = alignUp(Math.max(segment.bytes, segment.capacity) + SLACK_BYTES, 4096)
  const durableBefore = Math.min(found.durableBefore, found.endSeq)
  const previous = found.segments.findLast(({ number }) => number < segment.number)?.number ?? 0
  const { number } = segment
  const header: SegmentHeader = { logId, number, firstSeq, capacity, durableBefore, createdAt: 0, previous }
  const source = { ...segment, stopSeq: found.endSeq }
  const { file } = await createSegment(disk, directory, number, capacity, async (target) => {
    const sink = new FrameSink(target, segmentSeed(logId, number), HEADER_ROOM)
    if (missing?.lostThrough != null) sink.addGap(missing.lostFrom, missing.lostThrough, 0)
    await copyRecords(disk, source, segment.firstSeq, sink, found.spots)
    await writeFully(target, encodeSegmentHeader(header), 0)
  })
  await file.close()
}
