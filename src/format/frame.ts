import { MAX_RECORD_BYTES } from '../limits.ts'
import { alignUp } from './byte-buffer.ts'
import { CRC_PIECE_BYTES } from './crc.ts'

/**
 * A frame is what one record is on disk: a header of 40 bytes, the payload, and, for payloads
 * beyond one piece, a table of sums. `docs/format.md` has the diagram. Every frame starts at a
 * multiple of 8.
 */
export const FRAME_HEADER_BYTES = 40
export const FRAME_ALIGNMENT = 8
/**
 * F5 is no byte of UTF-8, and the four read as a float are −7 × 10^37: rare in what a log holds,
 * and quick to search for.
 */
export const FRAME_MAGIC: Buffer = Buffer.from([0xf5, 0x57, 0x56, 0xfe])

export const FRAME_TYPES = {
  insert: 1,
  update: 2,
  delete: 3,
  batch: 4,
  checkpoint: 5,
  beginTransaction: 6,
  prepareTransaction: 7,
  commitTransaction: 8,
  abortTransaction: 9,
  custom: 10,
  gap: 11,
  /** Carries only its header: what was durable when it was written. Takes no sequence number. */
  watermark: 12,
} as const

export type FrameType = (typeof FRAME_TYPES)[keyof typeof FRAME_TYPES]

/** The payload starts with the u64 id of the transaction that the record belongs to. */
export const FLAG_IN_TRANSACTION = 1
/** On a watermark: the log was closed in order, and nothing follows in this process. */
export const FLAG_CLOSED = 2
/** The payload says who handed the record over, behind the transaction's id if there is one. */
export const FLAG_HAS_ORIGIN = 4
export const KNOWN_FLAGS: number = FLAG_IN_TRANSACTION | FLAG_CLOSED | FLAG_HAS_ORIGIN

export interface FrameHeader {
  readonly payloadBytes: number
  /** Sequence number of the record; of a watermark, that of the next record. */
  readonly seq: number
  /** Every record with a smaller sequence number was durable when this frame was written. */
  readonly durableBefore: number
  readonly timestamp: number
  readonly type: FrameType
  readonly flags: number
}

/** Whether a frame of this type is a record and takes a sequence number. */
export const takesSequence = (type: FrameType): boolean => type < FRAME_TYPES.watermark

const pieceCount = (payloadBytes: number): number =>
  Math.max(1, Math.ceil(alignUp(payloadBytes, FRAME_ALIGNMENT) / CRC_PIECE_BYTES))

/** A record, the id of the transaction that it belongs to, and its origin. */
export const MAX_PAYLOAD_BYTES: number = MAX_RECORD_BYTES + 8 + 24

/** A payload with its padding. */
export const paddedBytes = (payloadBytes: number): number =>
  payloadBytes <= MAX_PAYLOAD_BYTES
    ? (payloadBytes + FRAME_ALIGNMENT - 1) & -FRAME_ALIGNMENT
    : alignUp(payloadBytes, FRAME_ALIGNMENT)

/** Bytes that a frame with such a payload takes, header, padding and table included. */
export function frameBytes(payloadBytes: number): number {
  const bytes = FRAME_HEADER_BYTES + paddedBytes(payloadBytes)
  if (payloadBytes <= CRC_PIECE_BYTES) return bytes
  return bytes + alignUp((pieceCount(payloadBytes) - 1) * 4, FRAME_ALIGNMENT)
}
