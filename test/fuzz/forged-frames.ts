import { byteBuffer } from '../../src/format/byte-buffer.ts'
import { FRAME_HEADER_BYTES, FRAME_TYPES } from '../../src/format/frame.ts'
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentSeed } from '../../src/format/segment.ts'
import { SegmentCodec } from '../../src/format/segment-codec.ts'
import { CRAFTED_LOG_ID } from '../support/frames.ts'

const PIECE_BYTES = 8192

/**
 * A segment in whose first half stand `count` headers that verify, `strideBytes` apart. Each claims
 * the half of the segment behind it as its content, in which every piece verifies but the last:
 * whoever looks into each of them sums the square of what is there.
 */
export function forgedSegment(count: number, strideBytes = 24 * 1024): Buffer {
  const half = count * strideBytes
  const payloadBytes = half - FRAME_HEADER_BYTES
  const memory = byteBuffer(SEGMENT_HEADER_BYTES + 2 * half + strideBytes)
  const { bytes } = memory
  bytes.fill(0x5a, SEGMENT_HEADER_BYTES)
  const capacity = bytes.length
  const fields = {
    number: 1,
    firstSeq: 0,
    durableBefore: 0,
    createdAt: 0,
    previous: 0,
    capacity,
    logId: CRAFTED_LOG_ID,
  }
  encodeSegmentHeader(fields).copy(bytes)
  const seed = segmentSeed(CRAFTED_LOG_ID, 1)
  const places = Array.from({ length: count }, (_, index) => SEGMENT_HEADER_BYTES + index * strideBytes)
  const seal = (at: number, index: number): void => {
    const header = {
      type: FRAME_TYPES.custom,
      payloadBytes,
      seq: index,
      durableBefore: 0,
      timestamp: 0,
      flags: 0,
    }
    new SegmentCodec(seed).sealFrame(memory, at, header, at)
  }
  // A header's sum is of the first piece alone, in which no other header stands.
  places.forEach(seal)
  places.forEach((at, index) => {
    seal(at, index)
    const pieces = Math.ceil(payloadBytes / PIECE_BYTES)
    bytes[at + FRAME_HEADER_BYTES + payloadBytes + 4 * (pieces - 2)]! ^= 1
  })
  return bytes
}
