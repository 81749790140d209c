import type {
  CheckpointEntry,
  EntryInput,
  GapEntry,
  Origin,
  TransactionMarker,
  WalRecord,
} from '../../src/entry.ts'
import { type ByteBuffer, byteBuffer } from '../../src/format/byte-buffer.ts'
import { decodeRecord } from '../../src/format/decode.ts'
import { type Encodable, encodable } from '../../src/format/encode.ts'
import { enveloped, flagsOf } from '../../src/format/envelope.ts'
import { FRAME_HEADER_BYTES, FRAME_TYPES, type FrameHeader, frameBytes } from '../../src/format/frame.ts'
import { SegmentCodec } from '../../src/format/segment-codec.ts'

export type Loggable = EntryInput | CheckpointEntry | TransactionMarker | GapEntry

export const SEED = 0x1234_5678
export const CODEC: SegmentCodec = new SegmentCodec(SEED)
/** Where a frame stands in its memory: not at the beginning. */
export const AT = 16
/** Where it stands in its file: the first of its segment. */
export const OFFSET = 1024
/** What stands around a frame, and has to stay. */
export const OTHER = 0xaa
const AROUND: Buffer = Buffer.alloc(AT, OTHER)

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

/** A frame of any payload, with right sums. */
export function frameOf(
  payload: Uint8Array,
  fields: Partial<FrameHeader> = {},
  seed: number = SEED,
): ByteBuffer {
  const memory = byteBuffer(AT + frameBytes(payload.length) + AT)
  memory.bytes.fill(OTHER)
  memory.bytes.set(payload, AT + FRAME_HEADER_BYTES)
  const header = { type: FRAME_TYPES.custom, seq: 0, durableBefore: 0, timestamp: 0, flags: 0, ...fields }
  new SegmentCodec(seed).sealFrame(memory, AT, { ...header, payloadBytes: payload.length }, OFFSET)
  return memory
}

export const encodableIn = (entry: Loggable, transactionId?: number, origin?: Origin): Encodable =>
  enveloped(encodable(entry), transactionId, origin)

/** The payload of an entry. */
export function payloadOf(entry: Loggable, transactionId?: number, origin?: Origin): Buffer {
  const payload = encodableIn(entry, transactionId, origin)
  const memory = byteBuffer(AT + payload.bytes + AT)
  memory.bytes.fill(OTHER)
  payload.write(memory, AT)
  assertUntouched(memory, payload.bytes)
  return memory.bytes.subarray(AT, AT + payload.bytes)
}

/** The frame of an entry as a writer makes it. */
export function frameOfEntry(
  entry: Loggable,
  fields: Partial<FrameHeader> = {},
  transactionId?: number,
  seed: number = SEED,
  origin?: Origin,
): ByteBuffer {
  const { type } = encodableIn(entry, transactionId, origin)
  const memory = frameOf(
    payloadOf(entry, transactionId, origin),
    { type, flags: flagsOf(transactionId, origin), ...fields },
    seed,
  )
  assertUntouched(memory, memory.bytes.length - 2 * AT)
  return memory
}

/** Makes sure that nothing was written before or behind `bytes` bytes. */
export function assertUntouched(memory: ByteBuffer, bytes: number): void {
  const behind = memory.bytes.subarray(AT + bytes, AT + bytes + AT)
  if (!memory.bytes.subarray(0, AT).equals(AROUND)) throw new Error('written before the beginning')
  if (!behind.equals(AROUND)) throw new Error('written behind the end')
}

/** The record in a frame, or what is wrong with it. */
export function read(memory: ByteBuffer, seed: number = SEED): WalRecord | string {
  const header = new SegmentCodec(seed).readHeader(memory, AT, OFFSET)
  if (!header) return 'no header'
  if (!new SegmentCodec(seed).verifyPayload(memory, AT, header.payloadBytes)) return 'no payload'
  const decoding = decodeRecord(memory, AT, header)
  return 'record' in decoding ? decoding.record : decoding.problem
}
