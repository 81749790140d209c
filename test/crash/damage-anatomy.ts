/**
 * What an undamaged log has in which bytes, read by the format's description and with no code of
 * the engine. Nothing is verified here: it is only asked of logs that are known to be whole.
 */
import type { Files } from './damage-disk.ts'

const HEADER_BYTES = 512
const SEGMENT_HEADER_BYTES = 2 * HEADER_BYTES
const FRAME_HEADER_BYTES = 40
const PIECE_BYTES = 8192
const MAGIC = 0xfe5657f5
const TYPES = { delete: 3, gap: 11, promise: 12 }

/** A range of bytes of one file. */
export interface Extent {
  readonly path: string
  readonly from: number
  readonly to: number
}

export interface Frame extends Extent {
  readonly seq: number
  /** The last sequence number that it stands for; smaller than `seq` for a promise. */
  readonly through: number
  readonly durableBefore: number
  /** False for what a later segment supersedes. */
  readonly live: boolean
  readonly closes: boolean
  /** Where its id is, and all that is needed to find it. */
  readonly id: { readonly text: string; readonly needs: readonly Extent[] } | undefined
}

export interface Segment {
  readonly path: string
  readonly firstSeq: number
  readonly durableBefore: number
  readonly headers: readonly Extent[]
  readonly frames: readonly Frame[]
}

export const isSegment = (path: string): boolean => /\/segment-\d{10}\.walv$/.test(path)

export function segmentsOf(files: Files): Segment[] {
  const paths = [...files.keys()].filter(isSegment).sort()
  const firsts = paths.map((path) => u64(files.get(path)!, 48))
  return paths.map((path, index) => {
    const bytes = files.get(path)!
    const limit = Math.min(...firsts.slice(index + 1))
    return {
      path,
      firstSeq: firsts[index]!,
      durableBefore: u64(bytes, 56),
      headers: [0, HEADER_BYTES].map((from) => ({ path, from, to: from + HEADER_BYTES })),
      frames: framesIn(path, bytes, limit),
    }
  })
}

function framesIn(path: string, bytes: Buffer, limit: number): Frame[] {
  const frames: Frame[] = []
  let at = SEGMENT_HEADER_BYTES
  while (at + FRAME_HEADER_BYTES <= bytes.length) {
    if (bytes.readUInt32LE(at) !== MAGIC) {
      at += 8
      continue
    }
    const frame = frameAt(path, bytes, at, limit)
    frames.push(frame)
    at = frame.to
  }
  return frames
}

function frameAt(path: string, bytes: Buffer, from: number, limit: number): Frame {
  const type = bytes[from + 30]!
  const seq = u64(bytes, from + 8)
  const payload = from + FRAME_HEADER_BYTES
  const isRecord = type < TYPES.promise
  return {
    path,
    from,
    to: from + frameBytes(bytes.readUInt32LE(from + 4)),
    seq,
    through: type === TYPES.gap ? u64(bytes, payload) : isRecord ? seq : seq - 1,
    durableBefore: u64(bytes, from + 16),
    live: isRecord ? seq < limit : true,
    closes: !isRecord && (bytes[from + 31]! & 2) !== 0,
    id: type <= TYPES.delete ? idIn(path, bytes, from) : undefined,
  }
}

function idIn(path: string, bytes: Buffer, from: number): Frame['id'] {
  const data = from + FRAME_HEADER_BYTES + ((bytes[from + 31]! & 1) !== 0 ? 8 : 0)
  const at = data + 12 + 4 * bytes.readUInt16LE(data + 6)
  const to = at + bytes.readUInt16LE(data + 4)
  const needs = [
    { path, from, to: from + FRAME_HEADER_BYTES },
    { path, from: data, to: data + 8 },
    { path, from: at, to },
  ]
  return { text: bytes.toString('utf8', at, to), needs }
}

/** Header, payload in whole words, and the sums of all pieces but the first. */
function frameBytes(payloadBytes: number): number {
  const padded = pad8(payloadBytes)
  const pieces = Math.max(1, Math.ceil(padded / PIECE_BYTES))
  return FRAME_HEADER_BYTES + padded + pad8(4 * (pieces - 1))
}

const pad8 = (bytes: number): number => Math.ceil(bytes / 8) * 8

const u64 = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at))
