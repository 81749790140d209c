/**
 * float32 vectors as the little-endian bytes that files and JSON lines carry. Bits are kept:
 * nothing passes through a JavaScript number.
 */
import { endianness } from 'node:os'

const hostIsLittleEndian = endianness() === 'LE'

/**
 * A new vector of the little-endian (or, with `'BE'`, big-endian) float32 in `bytes`, whose length
 * is a multiple of 4.
 */
export function floatsFromBytes(bytes: Uint8Array, order: 'LE' | 'BE' = 'LE'): Float32Array {
  const vector = new Float32Array(bytes.length / 4)
  const copy = Buffer.from(vector.buffer)
  copy.set(bytes)
  if ((order === 'LE') !== hostIsLittleEndian) copy.swap32()
  return vector
}

/**
 * The little-endian bytes of a vector: a view where the machine is little-endian, so valid while
 * the vector is.
 */
export function floatsToBytes(vector: Float32Array): Buffer {
  const view = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength)
  return hostIsLittleEndian ? view : Buffer.from(view).swap32()
}
