import { crc32 } from 'node:zlib'

/** A frame as another version would have written it: with its number, and a sum that is right. */
export function asVersion(frame: Uint8Array, version: number): Uint8Array {
  const bytes = Buffer.from(frame)
  bytes.writeUInt16LE(version, 4)
  bytes.writeUInt32LE(crc32(bytes.subarray(12), crc32(bytes.subarray(4, 8))), 8)
  return Uint8Array.from(bytes)
}
