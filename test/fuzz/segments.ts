/** Segments of format v2: their sums made right, whatever they hold. */
import { crc32 } from 'node:zlib'
import type { ByteBuffer } from '../../src/format/byte-buffer.ts'
import { FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FRAME_MAGIC, frameBytes } from '../../src/format/frame.ts'
import { SECTOR_BYTES, SEGMENT_HEADER_BYTES, segmentSeed } from '../../src/format/segment.ts'
import { SegmentCodec } from '../../src/format/segment-codec.ts'

/** Of a frame: what stands before its sums. */
export const FIELDS_BYTES = 32
/**
 * In a segment's header: bytes that no reader looks at. Two bits for each frame say which of its
 * sums are left as they are.
 */
export const LEAVE_AT = 256
export const LEAVE_PAYLOAD = 1
export const LEAVE_HEADER = 2
const FRAMES_PER_BYTE = 4
/** Frames in one input; a bound for the work of sealing those that claim each other. */
export const MOST_FRAMES = 512
const SUM_BYTES = 4
const LOG_ID_AT = 24
const NUMBER_AT = 40

/**
 * Makes the sums of both headers and of every frame right, but for those that the header says to
 * leave. Changes `bytes`.
 */
export function sealSegment(bytes: Buffer): Buffer {
  for (const at of [0, SECTOR_BYTES]) {
    if (at + SECTOR_BYTES <= bytes.length) sum(bytes, at, at + SECTOR_BYTES - SUM_BYTES, 0)
  }
  if (bytes.length < SEGMENT_HEADER_BYTES) return bytes
  const seed = seedOf(bytes)
  // From the back: a frame may stand within the payload of another.
  for (const [index, at] of [...frameOffsets(bytes).entries()].reverse()) {
    const leave = bytes[LEAVE_AT + Math.floor(index / FRAMES_PER_BYTE)]! >> ((index % FRAMES_PER_BYTE) * 2)
    sealAt(bytes, at, seed, leave & 3)
  }
  return bytes
}

export function seedOf(segment: Buffer): number {
  const number = segment.readBigUInt64LE(NUMBER_AT) % 2n ** 53n
  return segmentSeed(segment.subarray(LOG_ID_AT, NUMBER_AT), Number(number))
}

/** Where frames may begin: wherever their magic stands. */
function frameOffsets(bytes: Buffer): number[] {
  const offsets: number[] = []
  let at = bytes.indexOf(FRAME_MAGIC, SEGMENT_HEADER_BYTES)
  for (; at >= 0 && offsets.length < MOST_FRAMES; at = bytes.indexOf(FRAME_MAGIC, at + 1)) {
    if (at % FRAME_ALIGNMENT === 0 && at + FRAME_HEADER_BYTES <= bytes.length) offsets.push(at)
  }
  return offsets
}

/** A frame that reaches beyond the end gets the header's sum alone. */
export function sealAt(bytes: Buffer, at: number, seed: number, leave = 0): void {
  const payloadBytes = bytes.readUInt32LE(at + 4)
  if ((leave & LEAVE_PAYLOAD) === 0 && at + frameBytes(payloadBytes) <= bytes.length) {
    const fields = Buffer.from(bytes.subarray(at, at + FIELDS_BYTES))
    const header = { type: 1, payloadBytes, seq: 0, durableBefore: 0, timestamp: 0, flags: 0 } as const
    new SegmentCodec(seed).sealFrame(byteBufferOf(bytes), at, header, at)
    fields.copy(bytes, at)
  }
  if ((leave & LEAVE_HEADER) === 0)
    sum(bytes, at, at + FRAME_HEADER_BYTES - SUM_BYTES, seed, at / FRAME_ALIGNMENT)
}

export const byteBufferOf = (bytes: Buffer): ByteBuffer => ({
  bytes,
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
  floats: new Float32Array(),
  words: new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2),
})

/** Writes the sum of a range behind it. */
function sum(bytes: Buffer, from: number, to: number, seed: number, place = 0): void {
  bytes.writeUInt32LE((crc32(bytes.subarray(from, to), seed) ^ place) >>> 0, to)
}
