import { decodeV1Entry } from '../format/decode.ts'
import { MAX_V1_PAYLOAD_BYTES, type V1Entry } from '../format/entry.ts'
import {
  isRepeatedV1Header,
  V1_FRAME_BYTES,
  V1_HEADER_BYTES,
  V1_MAGIC,
  v1HeaderState,
} from '../format/segment.ts'
import type { FileWindow } from './file-window.ts'

/** A stretch of a file: `bytes` from `offset` on. Together the pieces of a file cover it. */
export type V1Piece = { readonly offset: number; readonly bytes: number } & (
  | { readonly is: 'header' }
  | {
      readonly is: 'record'
      readonly seq: bigint
      readonly entry: V1Entry
      readonly payload: Uint8Array
      readonly trailingBytes: number
    }
  /** No header, and so nothing that could be read; `short` if the file has no room for one. */
  | { readonly is: 'no-header'; readonly short: boolean; readonly reason: string }
  /** A frame that is all there, with a payload that is no entry. */
  | {
      readonly is: 'undecodable'
      readonly seq: bigint
      readonly reason: string
      readonly ids: readonly string[]
    }
  /** Nothing but zeros, up to the end of the file or up to the next frame. */
  | { readonly is: 'zeros'; readonly toEnd: boolean }
  /**
   * A frame or a repeated header that the end of the file cuts short; `seq` if that much of a frame
   * is there.
   */
  | { readonly is: 'cut'; readonly seq: bigint | undefined; readonly ids: readonly string[] }
  /** Bytes in which no frame can be told, up to the next repeated header or the end of the file. */
  | {
      readonly is: 'unreadable'
      readonly seq: bigint | undefined
      readonly reason: string
      readonly ids: readonly string[]
    }
)

/**
 * Takes a file apart, from its start to its end. v1 has no checksums and no marks but its headers:
 * once a frame cannot be delimited, the next repeated header is the only place to go on.
 */
export async function* walkV1Segment(window: FileWindow): AsyncGenerator<V1Piece> {
  let piece = await firstPiece(window)
  yield piece
  while (piece.offset + piece.bytes < window.size) {
    piece = await pieceAt(window, piece.offset + piece.bytes)
    yield piece
  }
}

async function firstPiece(window: FileWindow): Promise<V1Piece> {
  const header = await window.view(0, V1_HEADER_BYTES)
  const state = v1HeaderState(header)
  const whole = { offset: 0, bytes: window.size }
  if (header.length < V1_HEADER_BYTES) {
    return {
      is: 'no-header',
      ...whole,
      short: true,
      reason: `it has ${header.length} of a header's ${V1_HEADER_BYTES} bytes`,
    }
  }
  if (state === 'bad-magic')
    return { is: 'no-header', ...whole, short: false, reason: 'it does not begin with WALV' }
  if (state === 'bad-version') {
    return {
      is: 'no-header',
      ...whole,
      short: false,
      reason: `it has version ${header.readUInt32LE(4)}, not 1`,
    }
  }
  return { is: 'header', offset: 0, bytes: V1_HEADER_BYTES }
}

/** What stands at `offset`, where a frame may begin. */
async function pieceAt(window: FileWindow, offset: number): Promise<V1Piece> {
  const start = window.cached(offset, V1_HEADER_BYTES) ?? (await window.view(offset, V1_HEADER_BYTES))
  if (start.length < V1_FRAME_BYTES) return endAt(start, offset)
  if (isRepeatedV1Header(start)) return { is: 'header', offset, bytes: V1_HEADER_BYTES }
  const seq = start.readBigUInt64LE()
  const length = start.readUInt32LE(8)
  if (seq === 0n && length === 0) return zerosAt(window, offset)
  if (length <= MAX_V1_PAYLOAD_BYTES) return frameAt(window, offset, seq, length)
  if (start.length < V1_HEADER_BYTES && beginsWithMagic(start)) return endAt(start, offset)
  const reason = `a record claims ${length} bytes, more than the ${MAX_V1_PAYLOAD_BYTES} that v1 allows`
  return unreadable(window, offset, seq, reason, [], await window.findHeader(offset + 1, window.size))
}

/** What is left at the end of a file has no room for a frame, or is the beginning of a header. */
function endAt(rest: Buffer, offset: number): V1Piece {
  const bytes = rest.length
  if (isZero(rest)) return { is: 'zeros', offset, bytes, toEnd: true }
  const seq = bytes < 8 || beginsWithMagic(rest) ? undefined : rest.readBigUInt64LE()
  return { is: 'cut', offset, bytes, seq, ids: [] }
}

const beginsWithMagic = (bytes: Buffer): boolean => bytes.subarray(0, V1_MAGIC.length).equals(V1_MAGIC)

async function frameAt(window: FileWindow, offset: number, seq: bigint, length: number): Promise<V1Piece> {
  const bytes = V1_FRAME_BYTES + length
  const end = offset + bytes
  const header = await window.findHeader(offset + 1, Math.min(end, window.size))
  if (end > window.size) return cutAt(window, offset, seq, length, header)
  // What is passed whole is read once. What claims more than it has is read again behind the
  // header.
  if (header !== undefined && !window.mayLookInto(length))
    return unreadable(window, offset, seq, 'a record is cut short by a header', [], header)
  const payload = await window.copy(offset + V1_FRAME_BYTES, length)
  const decoded = decodeV1Entry(payload)
  if (decoded.ok) {
    const { entry, trailingBytes } = decoded
    if (header === undefined || !(await swallowed(window, header, end))) {
      return { is: 'record', offset, bytes, seq, payload, entry, trailingBytes }
    }
    return unreadable(window, offset, seq, 'a record is cut short by a header', [], header)
  }
  const { reason, at, ids } = decoded.failure
  const place = `${reason} (byte ${at} of the payload's ${length})`
  if (header !== undefined) return unreadable(window, offset, seq, place, ids, header)
  return { is: 'undecodable', offset, bytes, seq, reason: place, ids }
}

/** A frame that claims more than the file holds. */
async function cutAt(
  window: FileWindow,
  offset: number,
  seq: bigint,
  length: number,
  header: number | undefined,
): Promise<V1Piece> {
  const start = offset + V1_FRAME_BYTES
  const ids = idsIn(
    await window.view(start, Math.min(MAX_GLIMPSE_BYTES, Math.max(0, (header ?? window.size) - start))),
  )
  if (header === undefined) return { is: 'cut', offset, bytes: window.size - offset, seq, ids }
  return unreadable(
    window,
    offset,
    seq,
    `a record claims ${length} bytes, more than the file holds`,
    ids,
    header,
  )
}

/** The record at an offset where one was found. */
export async function recordAt(
  window: FileWindow,
  offset: number,
): Promise<Omit<Extract<V1Piece, { is: 'record' }>, 'is'> | undefined> {
  const start = await window.view(offset, V1_FRAME_BYTES)
  if (start.length < V1_FRAME_BYTES) return undefined
  const seq = start.readBigUInt64LE()
  const length = start.readUInt32LE(8)
  const bytes = V1_FRAME_BYTES + length
  if (offset + bytes > window.size) return undefined
  const payload = await window.copy(offset + V1_FRAME_BYTES, length)
  const decoded = decodeV1Entry(payload)
  return decoded.ok
    ? { offset, bytes, seq, payload, entry: decoded.entry, trailingBytes: decoded.trailingBytes }
    : undefined
}

/**
 * Whether a header inside a frame was appended to a record cut short, which now claims bytes of
 * what follows the header and even decodes with them; or is the record's own content. A record that
 * is whole ends where something else begins, so in a file without damage the content decides
 * nothing.
 */
async function swallowed(window: FileWindow, header: number, end: number): Promise<boolean> {
  return !(await standsAt(window, end)) && (await standsAt(window, header + V1_HEADER_BYTES))
}

/**
 * Whether the end of the file, a header, a record or zeros are at `offset`, or might be: see
 * `mayLookInto`.
 */
async function standsAt(window: FileWindow, offset: number): Promise<boolean> {
  const start = await window.view(offset, V1_HEADER_BYTES)
  if (isZero(start) || isRepeatedV1Header(start)) return true
  if (start.length < V1_FRAME_BYTES) return false
  const length = start.readUInt32LE(8)
  if (offset + V1_FRAME_BYTES + length > window.size) return false
  if (!window.mayLookInto(length)) return true
  return decodeV1Entry(await window.copy(offset + V1_FRAME_BYTES, length)).ok
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

/**
 * Twelve zeros are a frame of sequence number 0 without a payload, which is no entry: a run of them
 * is a run of such frames.
 */
async function zerosAt(window: FileWindow, offset: number): Promise<V1Piece> {
  const zeros = await window.countZeros(offset)
  const toEnd = offset + zeros >= window.size
  return { is: 'zeros', offset, bytes: toEnd ? zeros : zeros - (zeros % V1_FRAME_BYTES), toEnd }
}

function unreadable(
  window: FileWindow,
  offset: number,
  seq: bigint | undefined,
  reason: string,
  ids: readonly string[],
  header: number | undefined,
): V1Piece {
  return { is: 'unreadable', offset, bytes: (header ?? window.size) - offset, seq, reason, ids }
}

/** As much of a record that is cut short as is looked at for ids. */
const MAX_GLIMPSE_BYTES = 64 * 1024

function idsIn(payload: Uint8Array): string[] {
  const decoded = decodeV1Entry(payload)
  return decoded.ok ? [] : decoded.failure.ids.filter((id) => id !== '')
}
