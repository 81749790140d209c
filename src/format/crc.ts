import { crc32 as nativeCrc32 } from 'node:zlib'

/**
 * CRC-32 (IEEE 802.3, as zlib computes it) finds every change of up to three bits in up to 11 450
 * bytes, and every burst of up to 32 bits. Payloads are therefore summed in pieces of at most 8
 * KiB, each with a sum of its own (Koopman, "32-bit cyclic redundancy codes for Internet
 * applications", 2002).
 */
export const CRC_PIECE_BYTES = 8192
/** Below, the call into zlib costs more than the work. */
const NATIVE_FROM_BYTES = 160

/** The sum of some bytes of a larger memory, going on from `seed`. */
export function crc32(view: DataView, start: number, end: number, seed: number): number {
  if (end - start < NATIVE_FROM_BYTES) return crc32Short(view, start, end, seed)
  return nativeCrc32(new Uint8Array(view.buffer, view.byteOffset + start, end - start), seed)
}

/** The same of whole words, from byte to byte; signed, as it is set as a word. */
export function crc32Words(words: Int32Array, start: number, end: number, seed: number): number {
  if (end - start >= NATIVE_FROM_BYTES)
    return nativeCrc32(new Uint8Array(words.buffer, words.byteOffset + start, end - start), seed >>> 0) | 0
  const last = end >> 2
  let value = ~seed
  for (let at = start >> 2; at < last; at++) value = afterWord(value ^ words[at]!)
  return ~value
}

/**
 * What a byte does to the sum: 256 numbers each for 0, 1, 2 and 3 bytes that follow it before the
 * next look-up. Signed, so that V8 need not allocate those that need 32 bits.
 */
const TABLE = table()

/**
 * Four bytes at a time (Kounavis and Berry, "A systematic approach to building high performance
 * software-based CRC generators", 2005).
 */
function afterWord(value: number): number {
  return (
    TABLE[768 + (value & 0xff)]! ^
    TABLE[512 + ((value >>> 8) & 0xff)]! ^
    TABLE[256 + ((value >>> 16) & 0xff)]! ^
    TABLE[value >>> 24]!
  )
}

function crc32Short(view: DataView, start: number, end: number, seed: number): number {
  let value = ~seed
  let at = start
  for (; at + 4 <= end; at += 4) value = afterWord(value ^ view.getInt32(at, true))
  for (; at < end; at++) value = (value >>> 8) ^ TABLE[(value ^ view.getUint8(at)) & 0xff]!
  return ~value >>> 0
}

function table(): Int32Array {
  const all = new Int32Array(1024)
  for (let byte = 0; byte < 256; byte++) {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
    all[byte] = value
  }
  for (let at = 256; at < 1024; at++) {
    const before = all[at - 256]!
    all[at] = (before >>> 8) ^ all[before & 0xff]!
  }
  return all
}
