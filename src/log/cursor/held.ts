/** What retention keeps for cursors, and until when. */
import { DEFAULT_MAX_HELD_BYTES } from '../../limits.ts'
import { bytesBetween } from '../segment/segment-bytes.ts'
import type { SegmentExtent } from '../segment/segment-scan.ts'
import type { FoundCursor } from './cursor-store.ts'

/** What is kept for a cursor alone. */
export interface Held {
  /** The first record that it needs. */
  readonly fromSeq: number
  /** Of whole segments that hold a record that it needs and none that anything else does. */
  readonly bytes: number
  readonly maxBytes: number
  /** What it needs is not there any more. */
  readonly isTrimmed: boolean
}

/**
 * One whose file cannot be used may stand anywhere: it is held for as if it had read nothing, since
 * the file may be put back. Records before `floorSeq` are needed by cursors alone.
 */
export function heldFor(
  { content }: Pick<FoundCursor, 'content'>,
  extents: readonly SegmentExtent[],
  floorSeq: number,
): Held {
  const firstSeq = extents[0]?.firstSeq ?? 0
  const fromSeq = content?.replayFrom ?? firstSeq
  return {
    fromSeq,
    bytes: bytesBetween(extents, fromSeq, floorSeq),
    maxBytes: content?.maxHeldBytes ?? DEFAULT_MAX_HELD_BYTES,
    isTrimmed: fromSeq < firstSeq,
  }
}

/** Records before this one are needed by nothing, nor by a cursor that may hold that much. */
export function floorBeside(
  cursors: readonly Pick<FoundCursor, 'content'>[],
  extents: readonly SegmentExtent[],
  floorSeq: number,
): number {
  const held = cursors.map((cursor) => heldFor(cursor, extents, floorSeq))
  const kept = held.filter(({ bytes, maxBytes, isTrimmed }) => !isTrimmed && bytes <= maxBytes)
  return Math.min(floorSeq, ...kept.map(({ fromSeq }) => fromSeq))
}
