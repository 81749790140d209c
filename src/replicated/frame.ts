/**
 * What is one message of an engine: a frame, with the changes of one writer. `docs/format.md` has
 * the diagram. All numbers are little-endian.
 */
import type { JsonValue } from '../entry.ts'
import { alignUp, type ByteBuffer, byteBuffer, getUint64, setUint64 } from '../format/byte-buffer.ts'
import { crc32 } from '../format/crc.ts'

export const FRAME_HEADER_BYTES = 96
/** No byte of UTF-8 begins it, so that no text is taken for a frame. */
const MAGIC = 0xfe52_57f5
/** Of the frames, and of the rule by which they are accepted. */
export const FRAME_VERSION = 1
const VERSION_AT = 4
const SUM_AT = 8
const ID_BYTES = 16

export const KINDS = {
  /** Submissions, one after the other; none where their numbers were given up. */
  changes: 1,
  /** Something that is said to all nodes; JSON. */
  control: 2,
} as const

export type FrameKind = (typeof KINDS)[keyof typeof KINDS]

export interface FrameHeader {
  readonly kind: FrameKind
  /** The log that it is of: 16 bytes in hexadecimal. */
  readonly logId: string
  /** Who wrote it: 16 random bytes in hexadecimal, new at every opening. */
  readonly writer: string
  /** Nothing of this writer was accepted before it. */
  readonly isFirst: boolean
  /** Of its first change among those of its writer, and of the first one behind it. */
  readonly number: number
  readonly next: number
  /** By its writer's clock, in milliseconds since the epoch. */
  readonly time: number
  /** The last message that its writer had taken when it was made. */
  readonly basis: number
}

export interface Frame extends FrameHeader {
  /** Its bytes, copied to where vectors can be seen in them. */
  readonly memory: ByteBuffer
  readonly bytes: number
}

/** What a message is, where it is no frame that can be understood. */
export type NoFrame =
  /** Somebody else's. */
  | { readonly problem: 'foreign' }
  /** One whose sum is wrong. */
  | { readonly problem: 'damaged' }
  /** Of a walv that knows more. */
  | { readonly problem: 'newer'; readonly version: number }

export function encodeFrame(header: FrameHeader, body: readonly Uint8Array[]): Uint8Array {
  const bytes = body.reduce((sum, part) => sum + alignUp(part.length, 8), FRAME_HEADER_BYTES)
  const memory = byteBuffer(bytes)
  const { view } = memory
  view.setUint32(0, MAGIC, true)
  view.setUint16(VERSION_AT, FRAME_VERSION, true)
  view.setUint16(6, header.kind, true)
  view.setUint32(12, bytes, true)
  memory.bytes.write(header.logId, 16, ID_BYTES, 'hex')
  memory.bytes.write(header.writer, 32, ID_BYTES, 'hex')
  setUint64(view, 48, header.number)
  setUint64(view, 56, header.next)
  setUint64(view, 64, header.time)
  setUint64(view, 72, header.basis)
  view.setUint32(80, header.isFirst ? 1 : 0, true)
  let at = FRAME_HEADER_BYTES
  for (const part of body) {
    memory.bytes.set(part, at)
    at += alignUp(part.length, 8)
  }
  view.setUint32(SUM_AT, sumOf(view, bytes), true)
  return memory.bytes.subarray(0, bytes)
}

/** Over all but the magic number, which alone says whose it is, and the sum itself. */
function sumOf(view: DataView, bytes: number): number {
  const before = crc32(view, VERSION_AT, SUM_AT, 0)
  return crc32(view, SUM_AT + 4, bytes, before)
}

/** A message as a frame, its sum proved. */
export function decodeFrame(message: Uint8Array): Frame | NoFrame {
  const bytes = message.length
  const given = new DataView(message.buffer, message.byteOffset, bytes)
  if (bytes < FRAME_HEADER_BYTES) return { problem: 'foreign' }
  const hasMagic = given.getUint32(0, true) === MAGIC
  const hasSum = given.getUint32(SUM_AT, true) === sumOf(given, bytes)
  // One of the two alone is no accident of somebody else's bytes.
  if (!hasMagic || !hasSum) return { problem: hasMagic || hasSum ? 'damaged' : 'foreign' }
  const version = given.getUint16(VERSION_AT, true)
  if (version !== FRAME_VERSION) return { problem: 'newer', version }
  const memory = byteBuffer(bytes)
  memory.bytes.set(message)
  const { view } = memory
  const frame = {
    kind: view.getUint16(6, true) as FrameKind,
    logId: memory.bytes.toString('hex', 16, 32),
    writer: memory.bytes.toString('hex', 32, 48),
    number: getUint64(view, 48),
    next: getUint64(view, 56),
    time: getUint64(view, 64),
    basis: getUint64(view, 72),
    isFirst: view.getUint32(80, true) === 1,
    memory,
    bytes,
  }
  return isSound(frame) ? frame : { problem: 'foreign' }
}

function isSound({ memory, bytes, kind, number, next, time, basis }: Frame): boolean {
  const isKnown = kind === KINDS.changes || kind === KINDS.control
  const numbers = [number, next, time, basis].every((value) => !Number.isNaN(value))
  return isKnown && numbers && next >= number && memory.view.getUint32(12, true) === bytes
}

/** What is said to all nodes. */
export type Control =
  /** Nothing: its writer waits for it to come back. */
  | { readonly say: 'barrier' }
  /** From here on nothing of that writer is accepted. */
  | { readonly say: 'retire'; readonly writer: string }
  /** There is a snapshot of that name in the engine. */
  | { readonly say: 'checkpoint'; readonly snapshot: string }
  /** What its writer had where that message stands. */
  | { readonly say: 'fingerprint'; readonly place: number; readonly fingerprint: string }

export const controlBody = (control: Control): Uint8Array => {
  const text = Buffer.from(JSON.stringify(control as JsonValue))
  const prefix = Buffer.alloc(8)
  prefix.writeUInt32LE(text.length)
  return Buffer.concat([prefix, text])
}

/** Undefined for what no version of this walv says. */
export function controlIn({ memory: { bytes: all, view }, bytes }: Frame): Control | undefined {
  const start = FRAME_HEADER_BYTES + 8
  if (bytes < start) return undefined
  const end = start + view.getUint32(FRAME_HEADER_BYTES, true)
  try {
    return end <= bytes ? JSON.parse(all.toString('utf8', start, end)) : undefined
  } catch {
    return undefined
  }
}
