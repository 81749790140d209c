/**
 * A v1 file: a header of 16 bytes (magic, version, creation time in seconds), then frames back to
 * back (sequence number, payload length, payload). Nothing is checksummed. A second header stands
 * between two frames wherever the original opened one file twice.
 */
import { MAX_V1_PAYLOAD_BYTES } from './entry.ts'

export const V1_HEADER_BYTES = 16
export const V1_FRAME_BYTES = 12

/** "WALV" and the version 1: what every header begins with. */
export const V1_MAGIC: Buffer = Buffer.from([0x57, 0x41, 0x4c, 0x56, 1, 0, 0, 0])

/**
 * The name of the file begun at a Unix time in seconds. The names sort by time, and that is the
 * order in which the files are read.
 */
export const v1SegmentName = (seconds: number): string => `wal-${seconds.toString(16).padStart(16, '0')}.log`

/** What the original takes for a segment; the middle may be anything. */
export const isV1SegmentName = (name: string): boolean => name.startsWith('wal-') && name.endsWith('.log')

export function encodeV1Header(seconds: number): Buffer {
  const header = Buffer.alloc(V1_HEADER_BYTES)
  V1_MAGIC.copy(header)
  header.writeBigUInt64LE(BigInt(seconds), 8)
  return header
}

/** What the first 16 bytes of a file are. The creation time may be anything. */
export function v1HeaderState(bytes: Uint8Array): 'valid' | 'bad-magic' | 'bad-version' {
  const wrong = V1_MAGIC.findIndex((byte, at) => bytes[at] !== byte)
  if (wrong < 0) return 'valid'
  return wrong < 4 ? 'bad-magic' : 'bad-version'
}

/**
 * Whether a header is repeated at `at`, where a frame could stand as well. Read as a frame, its
 * creation time is the payload length, and any time after 1973 is longer than a payload can be; a
 * shorter one makes it a frame whose sequence number happens to look like the magic.
 */
export function isRepeatedV1Header(bytes: Buffer, at = 0): boolean {
  return (
    at + V1_HEADER_BYTES <= bytes.length &&
    bytes.compare(V1_MAGIC, 0, V1_MAGIC.length, at, at + V1_MAGIC.length) === 0 &&
    bytes.readUInt32LE(at + 8) > MAX_V1_PAYLOAD_BYTES
  )
}
