import { MAX_RECORD_BYTES } from '../limits.ts'
import { alignUp, type ByteBuffer, getUint64, setUint64 } from './byte-buffer.ts'
import { CRC_PIECE_BYTES, crc32 } from './crc.ts'

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
const MAGIC_WORD = FRAME_MAGIC.readUInt32LE(0)

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
const KNOWN_FLAGS = FLAG_IN_TRANSACTION | FLAG_CLOSED

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

/** A record, and the id of the transaction that it belongs to. */
const MAX_PAYLOAD_BYTES: number = MAX_RECORD_BYTES + 8

/** Bytes that a frame with such a payload takes, header, padding and table included. */
export function frameBytes(payloadBytes: number): number {
  const table = alignUp((pieceCount(payloadBytes) - 1) * 4, FRAME_ALIGNMENT)
  return FRAME_HEADER_BYTES + alignUp(payloadBytes, FRAME_ALIGNMENT) + table
}

/**
 * Completes a frame whose payload stands at `at + 40`: zeroes the padding, sums the payload, writes
 * table and header. `seed` binds the sums to log and segment, `offset` the header's to the place in
 * the file.
 */
export function sealFrame(
  target: ByteBuffer,
  at: number,
  header: FrameHeader,
  seed: number,
  offset: number,
): void {
  const { view } = target
  const start = at + FRAME_HEADER_BYTES
  const end = start + alignUp(header.payloadBytes, FRAME_ALIGNMENT)
  for (let padding = start + header.payloadBytes; padding < end; padding++) view.setUint8(padding, 0)
  view.setUint32(at, MAGIC_WORD, true)
  view.setUint32(at + 4, header.payloadBytes, true)
  setUint64(view, at + 8, header.seq)
  view.setUint32(at + 24, header.timestamp >>> 0, true)
  view.setUint16(at + 28, Math.floor(header.timestamp / 0x1_0000_0000), true)
  view.setUint8(at + 30, header.type)
  view.setUint8(at + 31, header.flags)
  view.setUint32(at + 32, sealPieces(view, start, end, seed), true)
  sealWatermark(target, at, header.durableBefore, seed, offset)
}

/** Writes the watermark of a frame, and its header's sum anew. */
export function sealWatermark(
  target: ByteBuffer,
  at: number,
  durableBefore: number,
  seed: number,
  offset: number,
): void {
  setUint64(target.view, at + 16, durableBefore)
  target.view.setUint32(at + 36, headerSum(target.view, at, seed, offset), true)
}

/**
 * A frame that a write put elsewhere than at `offset` of its file has another sum there, whatever
 * it is.
 */
const headerSum = (view: DataView, at: number, seed: number, offset: number): number =>
  (crc32(view, at, at + 36, seed) ^ (offset / FRAME_ALIGNMENT)) >>> 0

/**
 * Sums the pieces of a payload, writes the sums after the first into the table at `end`, returns
 * the first.
 */
function sealPieces(view: DataView, start: number, end: number, seed: number): number {
  if (start === end) return seed
  const first = crc32(view, start, Math.min(end, start + CRC_PIECE_BYTES), seed)
  let sum = first
  let table = end
  for (let piece = start + CRC_PIECE_BYTES; piece < end; piece += CRC_PIECE_BYTES) {
    sum = crc32(view, piece, Math.min(end, piece + CRC_PIECE_BYTES), sum)
    view.setUint32(table, sum, true)
    table += 4
  }
  if ((table - end) % FRAME_ALIGNMENT !== 0) view.setUint32(table, 0, true)
  return first
}

/**
 * The header at `at`, if a valid one stands there, and belongs at `offset` of its file. The caller
 * makes sure that 40 bytes are there.
 */
export function readFrameHeader(
  source: ByteBuffer,
  at: number,
  seed: number,
  offset: number,
): FrameHeader | undefined {
  const { view } = source
  if (view.getUint32(at, true) !== MAGIC_WORD) return undefined
  if (view.getUint32(at + 36, true) !== headerSum(view, at, seed, offset)) return undefined
  const header: FrameHeader = {
    payloadBytes: view.getUint32(at + 4, true),
    seq: getUint64(view, at + 8),
    durableBefore: getUint64(view, at + 16),
    timestamp: view.getUint32(at + 24, true) + view.getUint16(at + 28, true) * 0x1_0000_0000,
    type: view.getUint8(at + 30) as FrameType,
    flags: view.getUint8(at + 31),
  }
  const sane =
    header.payloadBytes <= MAX_PAYLOAD_BYTES &&
    !Number.isNaN(header.seq) &&
    header.durableBefore <= header.seq &&
    header.type >= FRAME_TYPES.insert &&
    header.type <= FRAME_TYPES.watermark &&
    (header.flags & ~KNOWN_FLAGS) === 0
  return sane ? header : undefined
}

/**
 * Whether payload and padding of a frame, all of it in memory at `at`, are what its header and
 * table say.
 */
export function verifyPayload(source: ByteBuffer, at: number, payloadBytes: number, seed: number): boolean {
  const { bytes, view } = source
  const start = at + FRAME_HEADER_BYTES
  const end = start + alignUp(payloadBytes, FRAME_ALIGNMENT)
  let expected = view.getUint32(at + 32, true)
  if (start === end) return expected === seed
  let sum = seed
  let table = end
  for (let piece = start; piece < end; piece += CRC_PIECE_BYTES) {
    if (piece !== start) {
      expected = view.getUint32(table, true)
      table += 4
    }
    sum = crc32(view, piece, Math.min(end, piece + CRC_PIECE_BYTES), sum)
    if (sum !== expected) return false
  }
  const tablePadding = (table - end) % FRAME_ALIGNMENT === 0 ? 0 : view.getUint32(table, true)
  return tablePadding === 0 && isZero(bytes, start + payloadBytes, end)
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false
  return true
}
