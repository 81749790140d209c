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

/** What a byte does to the sum if 0, 1, 2, 3 bytes follow it before the next look-up. */
const [T0, T1, T2, T3] = tables()

/**
 * Four bytes at a time (Kounavis and Berry, "A systematic approach to building high performance
 * software-based CRC generators", 2005).
 */
function crc32Short(view: DataView, start: number, end: number, seed: number): number {
  let value = ~seed
  let at = start
  for (; at + 4 <= end; at += 4) {
    value ^= view.getUint32(at, true)
    value = T3[value & 0xff]! ^ T2[(value >>> 8) & 0xff]! ^ T1[(value >>> 16) & 0xff]! ^ T0[value >>> 24]!
  }
  for (; at < end; at++) value = (value >>> 8) ^ T0[(value ^ view.getUint8(at)) & 0xff]!
  return ~value >>> 0
}

function tables(): readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
    return value
  })
  const after = (table: Uint32Array): Uint32Array =>
    table.map((value) => (value >>> 8) ^ first[value & 0xff]!)
  const second = after(first)
  const third = after(second)
  return [first, second, third, after(third)]
}
