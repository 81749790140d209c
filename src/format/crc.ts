import { crc32 as nativeCrc32 } from 'node:zlib'

/**
 * CRC-32 (IEEE 802.3, as zlib computes it) finds every change of up to three bits in up to 11 450 bytes, and every burst of up to 32 bits.
 * Payloads are therefore summed in pieces of at most 8 KiB, each with a sum of its own (Koopman, "32-bit cyclic redundancy codes for
 * Internet applications", 2002).
 */
export const CRC_PIECE_BYTES = 8192

export const crc32 = (bytes: Uint8Array, seed: number): number => nativeCrc32(bytes, seed)

const TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

/** The same sum of a few bytes of a larger array. Below about 60 bytes the call into zlib costs more than the work. */
export function crc32Short(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let value = ~seed
  for (let at = start; at < end; at++) value = (value >>> 8) ^ TABLE[(value ^ bytes[at]!) & 0xff]!
  return ~value >>> 0
}
