/** A log as it was at a moment, and why it cannot be shown so any more. */
import type { Disk } from '../../disk/disk.ts'
import { WalError } from '../../errors.ts'
import { FRAME_TYPES } from '../../format/frame.ts'
import type { SnapshotStore } from '../checkpoint/snapshot-store.ts'
import { type CheckedMoment, momentText, type Past, timeText } from '../moment.ts'
import { type FrameVisitor, type SegmentExtent, SegmentScan } from '../segment/segment-scan.ts'
import type { Analysis } from './analysis.ts'

/** What of a log is looked at. */
export interface PastView {
  /** Of the log as it was: it ends at the moment. What is told of damage is of all of it. */
  readonly analysis: Analysis
  /** The snapshot to begin from reaches no further than this record. */
  readonly newest: number
  /** Why the moment cannot be shown, if it is not there yet. */
  readonly refusal?: WalError
}

/** The view of a log of which all is looked at. */
export const wholeView = (analysis: Analysis): PastView => ({ analysis, newest: Number.POSITIVE_INFINITY })

/** Everything that is behind the moment is left out. */
export async function viewOf(
  disk: Disk,
  directory: string,
  whole: Analysis,
  { until, from }: Past,
  signal: AbortSignal | undefined,
): Promise<PastView> {
  const last = whole.endSeq - 1
  const end = until ? await seqAt(disk, whole, until, signal) : last
  const newest = from ? Math.min(end, await seqAt(disk, whole, from, signal)) : end
  const ahead = [until, from].find((moment) => moment && 'seq' in moment && moment.seq > last)
  if (ahead) return { ...wholeView(whole), refusal: notYet(directory, ahead, last) }
  return { analysis: { ...whole, endSeq: end + 1 }, newest }
}

/** The last record that was there at a moment. One that is not there yet is answered as it is. */
export async function seqAt(
  disk: Disk,
  { segments, firstSeq, endSeq }: Extents,
  moment: CheckedMoment,
  signal: AbortSignal | undefined,
): Promise<number> {
  if ('seq' in moment) return moment.seq
  if (moment.time === Number.POSITIVE_INFINITY) return endSeq - 1
  for (const segment of segments.toReversed()) {
    const seq = await lastUntil(disk, { ...segment, scanEnd: endSeq }, moment.time, signal)
    if (seq !== undefined) return seq
  }
  return firstSeq - 1
}

interface Extents {
  readonly segments: readonly SegmentExtent[]
  readonly firstSeq: number
  readonly endSeq: number
}

/** Times never decrease within a log, but for those of gap records, which say nothing. */
async function lastUntil(
  disk: Disk,
  segment: SegmentExtent,
  time: number,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  let found: number | undefined
  let isPast = false
  const visitor: FrameVisitor = {
    record(_window, _at, { seq, timestamp, type }) {
      if (type === FRAME_TYPES.gap) return false
      isPast ||= timestamp > time
      if (!isPast) found = seq
      return isPast
    },
  }
  const scan = await SegmentScan.open(disk, segment, visitor)
  try {
    while (!scan.done && !isPast) await scan.run(signal)
  } finally {
    await scan.close()
  }
  return found
}

const notYet = (directory: string, moment: CheckedMoment, last: number): WalError =>
  new WalError(
    'WALV_NOT_FOUND',
    `There is no ${momentText(moment)} yet: the log in ${directory} ends with record ${last}.`,
    { file: directory, seq: last },
  )

/**
 * Why a moment cannot be shown any more; undefined where the log can show no moment at all, which
 * is damage. Tells the earliest that it can still show.
 */
export async function trimmed(
  directory: string,
  whole: Analysis,
  { from, until }: Past,
  snapshots: SnapshotStore,
): Promise<WalError | undefined> {
  const moment = from ?? until
  for (const { entry, timestamp } of whole.tally.checkpoints) {
    const { snapshot, replayFrom, sequenceNumber: seq } = entry
    if (snapshot === null || replayFrom < whole.firstSeq || (await snapshots.problem(snapshot))) continue
    return new WalError(
      'WALV_SEQUENCE_TRIMMED',
      `The log in ${directory} does not go back to ${moment ? momentText(moment) : 'its beginning'} any more: the earliest moment that it can still show is right after record ${seq}, of ${timeText(timestamp)}. ` +
        'To keep more from now on, open it for writing with the option history: { keepMs } or { keepBytes }.',
      { file: directory, seq, detail: { earliest: { seq, time: timestamp } } },
    )
  }
  return undefined
}
