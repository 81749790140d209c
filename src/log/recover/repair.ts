import { type Disk, type DiskFile, writeFully } from '../../disk/disk.ts'
import { alignUp } from '../../format/byte-buffer.ts'
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from '../../format/segment.ts'
import { SegmentCodec } from '../../format/segment-codec.ts'
import { copyToQuarantine } from '../quarantine.ts'
import { copyRecords, FrameSink } from '../segment/frame-copy.ts'
import { createSegment } from '../segment/segments.ts'
import type { Analysis } from './analysis.ts'
import type { LiveSegment } from './segment-chain.ts'

/** What gap records and alignment may add to a segment. */
const SLACK_BYTES = 64 * 1024

/**
 * Writes every damaged segment anew: all its records that verify, and a gap record in the place of
 * each loss, so that the log keeps saying what is gone. A copy of the damaged file goes to
 * `quarantine/` first. Each segment is replaced at once; a crash in between leaves the rest for the
 * next repair.
 * @returns the paths of the copies
 */
export async function repairSegments(disk: Disk, directory: string, found: Analysis): Promise<string[]> {
  const damaged = new Set(found.damage.filter(({ kind }) => kind !== 'torn-tail').map(({ file }) => file))
  const copies: string[] = []
  for (const segment of found.segments.filter(({ name }) => damaged.has(name))) {
    copies.push(await copyToQuarantine(disk, directory, segment.name))
    // Without an identity the log was refused, or has no segment.
    await rewrite(disk, directory, found.logId!, segment, found)
  }
  return copies
}

async function rewrite(
  disk: Disk,
  directory: string,
  logId: Buffer,
  segment: LiveSegment,
  found: Analysis,
): Promise<void> {
  const missing = found.anomalies.find(
    (anomaly) => anomaly.segment === segment.number && anomaly.kind === 'missing-segment',
  )
  const firstSeq = missing?.lostFrom ?? segment.firstSeq
  const capacity = alignUp(segment.bytes + SLACK_BYTES, 4096)
  const { durableBefore } = found
  const previous = found.segments.findLast(({ number }) => number < segment.number)?.number ?? 0
  const { number, createdAt } = segment
  const header: SegmentHeader = { logId, number, firstSeq, capacity, durableBefore, createdAt, previous }
  const source = { ...segment, scanEnd: found.endSeq }
  const write = async (target: DiskFile): Promise<void> => {
    const sink = new FrameSink(target, SegmentCodec.of(logId, number), SEGMENT_HEADER_BYTES)
    if (missing?.lostThrough != null) sink.addGap(missing.lostFrom, missing.lostThrough, createdAt)
    await copyRecords(disk, source, segment.firstSeq, createdAt, sink, found.anomalies)
    await writeFully(target, encodeSegmentHeader(header), 0)
  }
  const { file } = await createSegment(disk, directory, number, capacity, { write, replaces: true })
  await file.close()
}
