import { endianness } from 'node:os'

const hostIsLittleEndian = endianness() === 'LE'

/**
 * Turns 32-bit elements in memory into little-endian bytes and back, in place where the machine is big-endian. On a little-endian machine there is
 * nothing to do.
 */
export function swapUnlessLittleEndian(bytes: Uint8Array): void {
  if (!hostIsLittleEndian) Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).swap32()
}

/** The bytes of an array of floats, without a copy. */
export function bytesOf(floats: Float32Array): Uint8Array {
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)
}

/** Little-endian bytes of an array of floats: a view of it where the machine allows, a copy where it does not. */
export function littleEndianBytes(floats: Float32Array): Uint8Array {
  if (hostIsLittleEndian) return bytesOf(floats)
  const copy = bytesOf(floats.slice())
  swapUnlessLittleEndian(copy)
  return copy
}
