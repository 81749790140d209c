import { endianness } from 'node:os'

export const hostIsLittleEndian: boolean = endianness() === 'LE'

/**
 * The memory of an array of floats, without a copy. The bytes are in the machine's order:
 * `swapUnlessLittleEndian` makes them little-endian, and makes little-endian ones the machine's.
 */
export function bytesOf(floats: Float32Array): Uint8Array {
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)
}

/**
 * Reverses the bytes of every 32-bit element in place, on a big-endian machine; does nothing on a
 * little-endian one.
 */
export function swapUnlessLittleEndian(bytes: Uint8Array): void {
  if (!hostIsLittleEndian) Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).swap32()
}
