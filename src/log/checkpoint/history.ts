/**
 * How much of the past is kept. To show a moment takes the newest snapshot that is not behind it,
 * and the log from there on. So the past that is kept begins at a checkpoint, or with the log.
 */
import type { HistoryStats } from '../log.ts'
import type { HistorySettings } from '../options.ts'
import { bytesBetween } from '../segment/segment-bytes.ts'
import type { SegmentExtent } from '../segment/segment-scan.ts'
import type { FoundCheckpoint } from './found-checkpoint.ts'

export interface Plan {
  /** Oldest first. */
  readonly kept: readonly FoundCheckpoint[]
  /** Records before this one are not needed. */
  readonly floorSeq: number
  /** Bytes of what is kept for the past alone. */
  readonly bytes: number
}

/**
 * What is to be kept of these checkpoints, oldest first: the newest `atMost`, and those before that
 * the past needs. Before the first record of the log nothing is needed.
 */
export function planOf(
  found: readonly FoundCheckpoint[],
  extents: readonly SegmentExtent[],
  atMost: number,
  { keepMs, keepBytes }: HistorySettings,
  now: number,
): Plan {
  if (found.length < atMost) return { kept: found, floorSeq: 0, bytes: 0 }
  const newest = found.length - atMost
  // The begin of the past: a place among the checkpoints, or -1 for the beginning of the log.
  let begin = found.findLastIndex(({ timestamp }) => timestamp <= now - keepMs)
  for (; ; begin++) {
    const plan = planFrom(found, extents, Math.min(begin, newest), newest)
    if (begin >= newest || plan.bytes <= keepBytes) return plan
  }
}

function planFrom(
  found: readonly FoundCheckpoint[],
  extents: readonly SegmentExtent[],
  begin: number,
  newest: number,
): Plan {
  const past = thinned(found.slice(Math.max(0, begin), newest), extents, begin < 0)
  const kept = [...past, ...found.slice(newest)]
  const floorSeq = begin < 0 ? 0 : floorOf(kept)
  const segments = bytesBetween(extents, floorSeq, floorOf(found.slice(newest)))
  return { kept, floorSeq, bytes: past.reduce((sum, each) => sum + snapshotBytes(each), segments) }
}

/**
 * Between two snapshots that are kept for the past there is at least as much of the log as the
 * second has bytes: replaying that is no worse than loading another, and all of them together take
 * no more than the log does.
 */
function thinned(
  past: readonly FoundCheckpoint[],
  extents: readonly SegmentExtent[],
  fromBeginning: boolean,
): FoundCheckpoint[] {
  const kept: FoundCheckpoint[] = []
  let last = fromBeginning ? 0 : undefined
  for (const each of past) {
    const seq = each.entry.sequenceNumber + 1
    if (last !== undefined && bytesBetween(extents, last, seq) < snapshotBytes(each)) continue
    kept.push(each)
    last = seq
  }
  return kept
}

const floorOf = (kept: readonly FoundCheckpoint[]): number =>
  Math.min(Number.MAX_SAFE_INTEGER, ...kept.map(({ entry }) => entry.replayFrom))

const snapshotBytes = ({ entry }: FoundCheckpoint): number =>
  entry.snapshot?.files.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0

/** What `stats()` tells of a plan. */
export function historyStats({ kept, bytes }: Pick<Plan, 'kept' | 'bytes'>, firstSeq: number): HistoryStats {
  const first = firstSeq > 0 ? kept[0] : undefined
  return { bytes, fromSeq: first?.entry.sequenceNumber ?? -1, fromTime: first?.timestamp }
}
