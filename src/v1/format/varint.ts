/**
 * The integers of v1 payloads: 0 to 250 in one byte, or a tag and 2, 4 or 8 bytes, little endian.
 * Writers choose the shortest form; readers take any. The tags 254 and 255 mean nothing here.
 */
const TAG_16 = 251
const TAG_32 = 252
const TAG_64 = 253

/** Bytes being read, and the place of the next. */
export interface ByteCursor {
  readonly view: DataView
  at: number
}

/**
 * Reads an integer: a number if its form has at most 32 bits, otherwise a bigint. Undefined, with
 * nothing read, if it is cut short or has a reserved tag.
 */
export function readVarint(cursor: ByteCursor): number | bigint | undefined {
  const { view, at } = cursor
  const left = view.byteLength - at
  if (left < 1) return undefined
  const tag = view.getUint8(at)
  if (tag < TAG_16) {
    cursor.at = at + 1
    return tag
  }
  if (tag === TAG_16 && left >= 3) {
    cursor.at = at + 3
    return view.getUint16(at + 1, true)
  }
  if (tag === TAG_32 && left >= 5) {
    cursor.at = at + 5
    return view.getUint32(at + 1, true)
  }
  if (tag === TAG_64 && left >= 9) {
    cursor.at = at + 9
    return view.getBigUint64(at + 1, true)
  }
  return undefined
}

/** Most bytes that one integer takes. */
export const MAX_VARINT_BYTES = 9

/** Writes an integer of 0 to 2^64 - 1 in its shortest form at `at`; returns the place behind it. */
export function writeVarint(view: DataView, at: number, value: number | bigint): number {
  if (value < TAG_16) {
    view.setUint8(at, Number(value))
    return at + 1
  }
  if (value < 0x1_0000) {
    view.setUint8(at, TAG_16)
    view.setUint16(at + 1, Number(value), true)
    return at + 3
  }
  if (value < 0x1_0000_0000) {
    view.setUint8(at, TAG_32)
    view.setUint32(at + 1, Number(value), true)
    return at + 5
  }
  view.setUint8(at, TAG_64)
  view.setBigUint64(at + 1, BigInt(value), true)
  return at + 9
}
