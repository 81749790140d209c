import { byteBuffer } from '../../src/format/byte-buffer.ts'
import { encodable } from '../../src/format/encode.ts'
import { enveloped, flagsOf } from '../../src/format/envelope.ts'
import {
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  FRAME_TYPES,
  type FrameHeader,
  frameBytes,
} from '../../src/format/frame.ts'
import {
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentSeed,
} from '../../src/format/segment.ts'
import { SegmentCodec } from '../../src/format/segment-codec.ts'

const HEADER_SUM_AT = 36

export interface FrameFields extends Partial<Omit<FrameHeader, 'payloadBytes'>> {
  readonly seq: number
  readonly transactionId?: number
}

/** The bytes of a frame, as a segment with this seed holds them at its place 0. */
export function frameOfEntry(entry: Parameters<typeof encodable>[0], fields: FrameFields, seed = 0): Buffer {
  const { transactionId, ...header } = fields
  const inner = encodable(entry)
  const payload = enveloped(inner, transactionId)
  const memory = byteBuffer(frameBytes(payload.bytes))
  payload.write(memory, FRAME_HEADER_BYTES)
  const flags = flagsOf(transactionId)
  new SegmentCodec(seed).sealFrame(
    memory,
    0,
    { type: payload.type, payloadBytes: payload.bytes, durableBefore: 0, timestamp: 0, flags, ...header },
    0,
  )
  return memory.bytes
}

/** The same with any payload, also one that makes no sense. */
export function frameOfPayload(
  payload: Uint8Array,
  fields: FrameFields & Pick<FrameHeader, 'type'>,
  seed = 0,
): Buffer {
  const memory = byteBuffer(frameBytes(payload.length))
  memory.bytes.set(payload, FRAME_HEADER_BYTES)
  new SegmentCodec(seed).sealFrame(
    memory,
    0,
    { payloadBytes: payload.length, durableBefore: 0, timestamp: 0, flags: 0, ...fields },
    0,
  )
  return memory.bytes
}

/** A watermark: every record before `seq` is durable. */
export const watermarkOf = (seq: number, seed = 0, flags = 0): Buffer =>
  frameOfPayload(new Uint8Array(), { type: FRAME_TYPES.watermark, seq, durableBefore: seq, flags }, seed)

/**
 * Frames, and whatever stands between them, back to back from an offset on: each frame sealed for
 * its place.
 */
export function placed(pieces: readonly Buffer[], from: number): Buffer {
  const bytes = Buffer.concat(pieces)
  let at = 0
  for (const piece of pieces) {
    if (piece.subarray(0, 4).equals(FRAME_MAGIC)) move(bytes.subarray(at), from + at)
    at += piece.length
  }
  return bytes
}

/** Seals a frame for another place than 0. */
export function move(frame: Buffer, offset: number): Buffer {
  frame.writeUInt32LE((frame.readUInt32LE(HEADER_SUM_AT) ^ (offset / 8)) >>> 0, HEADER_SUM_AT)
  return frame
}

export const CRAFTED_LOG_ID: Buffer = Buffer.from('crafted by tests')

/**
 * The bytes of a segment with anything in it: its header, what `content` makes of its seed, and
 * zeros.
 */
export function segmentOf(
  fields: Partial<SegmentHeader>,
  content: (seed: number) => readonly Buffer[] = () => [],
): Buffer {
  const { number = 1, logId = CRAFTED_LOG_ID, capacity = 16 * 1024 } = fields
  const rest = { firstSeq: 0, durableBefore: 0, createdAt: 0, previous: number - 1, ...fields }
  const frames = placed(content(segmentSeed(logId, number)), SEGMENT_HEADER_BYTES)
  const bytes = Buffer.alloc(Math.max(capacity, SEGMENT_HEADER_BYTES + frames.length))
  encodeSegmentHeader({ ...rest, number, logId, capacity: bytes.length }).copy(bytes)
  frames.copy(bytes, SEGMENT_HEADER_BYTES)
  return bytes
}
