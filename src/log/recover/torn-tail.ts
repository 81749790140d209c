/**
 * Where a log ends, and a segment whose end no other tells. What stands behind that, and no
 * watermark covers, is a torn tail: `damageOf` says so of it.
 */
import type { Anomaly } from '../segment/segment-scan.ts'
import type { LogScan } from './log-scan.ts'
import type { LiveSegment } from './segment-chain.ts'

/**
 * The log ends at the first record that is lost and was never promised, or behind its last one; and
 * never before a watermark.
 */
export function endOfLog({ anomalies, durableBefore, nextSeq }: LogScan): number {
  for (const anomaly of anomalies) {
    const through = anomaly.lostThrough ?? Number.POSITIVE_INFINITY
    if (through >= anomaly.lostFrom && through >= durableBefore)
      return Math.max(anomaly.lostFrom, durableBefore)
  }
  return Math.max(nextSeq, durableBefore)
}

/**
 * Where the next file is missing or has no header, a segment ends as the last one of a log would:
 * at the first place that does not verify and that nothing up to there promised. What verifies
 * behind it may be left over from before the next file was begun.
 * @returns `segments` itself if nothing changes
 */
export function endOpenEnds(
  segments: readonly LiveSegment[],
  { live, anomalies, watermarkAt }: LogScan,
): readonly LiveSegment[] {
  const limits = new Map<number, number>()
  const openEnded = new Set(
    live.slice(0, -1).flatMap((segment) => (segment.openEnded ? [segment.number] : [])),
  )
  for (const anomaly of anomalies) {
    const { segment: number, lostFrom } = anomaly
    if (!openEnded.has(number) || limits.has(number)) continue
    if (breaksOff(anomaly) && lostFrom >= watermarkAt.get(number)!) limits.set(number, lostFrom)
  }
  if (limits.size === 0) return segments
  return segments.map((segment) => ({
    ...segment,
    supersededFrom: limits.get(segment.number) ?? segment.supersededFrom,
  }))
}

/** Whether a segment may end at a place in it: what is missing before it is no such place. */
const breaksOff = ({ kind, lostFrom, lostThrough }: Anomaly): boolean =>
  kind !== 'missing-segment' && (lostThrough === null || lostThrough >= lostFrom)
