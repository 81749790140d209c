import { alignUp, type ByteBuffer, getUint64, highBits } from './byte-buffer.ts'
import { CRC_PIECE_BYTES, crc32, crc32Words } from './crc.ts'
import {
  FRAME_ALIGNMENT,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  FRAME_TYPES,
  type FrameHeader,
  type FrameType,
  KNOWN_FLAGS,
  MAX_PAYLOAD_BYTES,
  paddedBytes,
} from './frame.ts'
import { segmentSeed } from './segment.ts'

const MAGIC_WORD = FRAME_MAGIC.readInt32LE(0)

/**
 * Seals the frames of one segment and verifies them. Their sums start from the segment's seed: a
 * frame of another segment, wherever it turns up, does not verify. A header's sum is bound to the
 * place in the file as well.
 */
export class SegmentCodec {
  readonly #seed: number

  /** `seed`: what every sum starts from; see `segmentSeed`. */
  constructor(seed: number) {
    this.#seed = seed
  }

  static of(logId: Uint8Array, number: number): SegmentCodec {
    return new SegmentCodec(segmentSeed(logId, number))
  }

  /**
   * Completes a frame whose payload stands at `at + 40`, to be written at `offset` of the file:
   * zeroes the padding, sums the payload, writes table and header.
   */
  sealFrame(target: ByteBuffer, at: number, header: FrameHeader, offset: number): void {
    const { bytes, words } = target
    const { payloadBytes, seq, timestamp, type, flags } = header
    const start = at + FRAME_HEADER_BYTES
    const end = start + paddedBytes(payloadBytes)
    for (let padding = start + payloadBytes; padding < end; padding++) bytes[padding] = 0
    const word = at >> 2
    words[word] = MAGIC_WORD
    words[word + 1] = payloadBytes
    words[word + 2] = seq | 0
    words[word + 3] = highBits(seq)
    words[word + 6] = timestamp | 0
    words[word + 7] = highBits(timestamp) | (type << 16) | (flags << 24)
    words[word + 8] = sealPieces(words, start, end, this.#seed)
    this.sealWatermark(target, at, header.durableBefore, offset)
  }

  /** Writes the watermark of a frame, and its header's sum anew. */
  sealWatermark({ words }: ByteBuffer, at: number, durableBefore: number, offset: number): void {
    const word = at >> 2
    words[word + 4] = durableBefore | 0
    words[word + 5] = highBits(durableBefore)
    words[word + 9] = crc32Words(words, at, at + 36, this.#seed) ^ (offset / FRAME_ALIGNMENT)
  }

  /**
   * The header at `at`, if a valid one stands there, and belongs at `offset` of the file. The
   * caller makes sure that 40 bytes are there.
   */
  readHeader({ view }: ByteBuffer, at: number, offset: number): FrameHeader | undefined {
    if (view.getInt32(at, true) !== MAGIC_WORD) return undefined
    if (view.getUint32(at + 36, true) !== this.#headerSum(view, at, offset)) return undefined
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
  verifyPayload({ bytes, view }: ByteBuffer, at: number, payloadBytes: number): boolean {
    const start = at + FRAME_HEADER_BYTES
    const end = start + alignUp(payloadBytes, FRAME_ALIGNMENT)
    let expected = view.getUint32(at + 32, true)
    if (start === end) return expected === this.#seed
    let sum = this.#seed
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

  /**
   * A frame that a write put elsewhere than at `offset` of its file has another sum there, whatever
   * it is.
   */
  #headerSum(view: DataView, at: number, offset: number): number {
    return (crc32(view, at, at + 36, this.#seed) ^ (offset / FRAME_ALIGNMENT)) >>> 0
  }
}

/**
 * Sums the pieces of a payload, writes the sums after the first into the table at `end`, returns
 * the first.
 */
function sealPieces(words: Int32Array, start: number, end: number, seed: number): number {
  if (start === end) return seed
  const first = crc32Words(words, start, Math.min(end, start + CRC_PIECE_BYTES), seed)
  if (end - start <= CRC_PIECE_BYTES) return first
  let sum = first
  let table = end >> 2
  for (let piece = start + CRC_PIECE_BYTES; piece < end; piece += CRC_PIECE_BYTES) {
    sum = crc32Words(words, piece, Math.min(end, piece + CRC_PIECE_BYTES), sum)
    words[table++] = sum
  }
  if ((table & 1) !== 0) words[table] = 0
  return first
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false
  return true
}
