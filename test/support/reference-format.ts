/** Headers and frames as docs/format.md has them, for the reference reader. */
import { crc32 } from 'node:zlib'

export const HEADER_BYTES = 1024
export const FRAME_BYTES = 40
export const PROMISE = 12
export const GAP = 11
const MAGIC = Buffer.from([0xf5, 0x57, 0x56, 0xfe])
const PIECE_BYTES = 8192

export interface Header {
  readonly logId: Buffer
  readonly number: number
  readonly firstSeq: number
  readonly durableBefore: number
  readonly capacity: number
  readonly previous: number
}

const pad8 = (bytes: number): number => Math.ceil(bytes / 8) * 8

/** A u64; NaN from 2^53 on. */
function u64(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at)
  return value < 2n ** 53n ? Number(value) : Number.NaN
}

/** The good copy of a segment's header, and which copies are bad. */
export function headerIn(
  content: Buffer,
  number: number,
): { header: Header | undefined; badCopies: number[] } {
  const copies = [0, 512].map((at) => headerCopy(content.subarray(at, at + 512)))
  const isGood = (copy: Header | undefined): boolean => copy?.number === number
  return { header: copies.find(isGood), badCopies: [0, 1].filter((copy) => !isGood(copies[copy])) }
}

function headerCopy(copy: Buffer): Header | undefined {
  if (copy.length < 512 || copy.toString('latin1', 0, 4) !== 'WALV') return undefined
  if (crc32(copy.subarray(0, 508)) !== copy.readUInt32LE(508)) return undefined
  const field = (at: number): number => u64(copy, at)
  return {
    logId: copy.subarray(24, 40),
    number: field(40),
    firstSeq: field(48),
    durableBefore: field(56),
    capacity: field(72),
    previous: field(80),
  }
}

export interface Frame {
  readonly at: number
  readonly end: number
  readonly seq: number
  readonly durableBefore: number
  readonly type: number
  readonly flags: number
  /** Of a gap: its last number. */
  readonly through: number
}

/** The frame at a place, if it passes all checks. */
export function frameAt(content: Buffer, at: number, seed: number): Frame | undefined {
  const frame = lookAt(content, at, seed)
  return frame?.isGood ? frame : undefined
}

/** The frame at a place, if it passes all checks but perhaps that of its content. */
export function lookAt(
  content: Buffer,
  at: number,
  seed: number,
): (Frame & { readonly isGood: boolean }) | undefined {
  if (at + FRAME_BYTES > content.length || !content.subarray(at, at + 4).equals(MAGIC)) return undefined
  const headerSum = (crc32(content.subarray(at, at + 36), seed) ^ (at / 8)) >>> 0
  if (headerSum !== content.readUInt32LE(at + 36)) return undefined
  const payloadBytes = content.readUInt32LE(at + 4)
  const [seq, durableBefore] = [u64(content, at + 8), u64(content, at + 16)]
  const [type, flags] = [content[at + 30]!, content[at + 31]!]
  if (Number.isNaN(seq) || !(durableBefore <= seq) || type < 1 || type > 12 || flags > 3) return undefined
  const padded = pad8(payloadBytes)
  const pieces = Math.max(1, Math.ceil(padded / PIECE_BYTES))
  const table = at + FRAME_BYTES + padded
  const end = table + pad8(4 * (pieces - 1))
  if (end > content.length) return undefined
  let sum = seed
  let isGood = true
  for (let piece = 0; piece < pieces; piece++) {
    const from = at + FRAME_BYTES + piece * PIECE_BYTES
    sum = crc32(content.subarray(from, Math.min(from + PIECE_BYTES, table)), sum)
    if (sum !== content.readUInt32LE(piece === 0 ? at + 32 : table + 4 * (piece - 1))) isGood = false
  }
  const zeros = [
    content.subarray(at + FRAME_BYTES + payloadBytes, table),
    content.subarray(table + 4 * (pieces - 1), end),
  ]
  if (!zeros.every(isZero)) isGood = false
  const through = type === GAP && payloadBytes >= 8 ? u64(content, at + FRAME_BYTES) : Number.NaN
  return { at, end, seq, durableBefore, type, flags, through, isGood }
}

export const isZero = (bytes: Buffer): boolean => bytes.equals(Buffer.alloc(bytes.length))

export const isRecord = ({ type }: Frame): boolean => type !== PROMISE

export function seedOf(logId: Buffer, number: number): number {
  const tail = Buffer.alloc(8)
  tail.writeBigUInt64LE(BigInt(number))
  return crc32(tail, crc32(logId))
}

export const makesSense = ({ type, through, seq }: Frame): boolean => type !== GAP || through >= seq
