import { getUint64, setUint64 } from './byte-buffer.ts'
import { crc32 } from './crc.ts'

/**
 * A segment is one file of the log: a header, kept twice in sectors of its own, then frames back to
 * back, then zeros up to its capacity. `docs/format.md` has the diagram.
 */
export const SECTOR_BYTES = 512
export const SEGMENT_HEADER_BYTES: number = 2 * SECTOR_BYTES
export const FORMAT_VERSION = 2
export const LOG_ID_BYTES = 16
const MAGIC = Buffer.from('WALV', 'latin1')
/** Features that a reader must know to read the log at all. None is defined yet. */
const KNOWN_FEATURES = 0

export interface SegmentHeader {
  readonly logId: Buffer
  /** 1 for the first segment of a log, one more for each new one. */
  readonly number: number
  /**
   * Sequence number of the first record. It supersedes every record of an earlier segment with this
   * sequence number or a larger one.
   */
  readonly firstSeq: number
  /** Every record with a smaller sequence number was durable when the header was written. */
  readonly durableBefore: number
  readonly createdAt: number
  /** Bytes of the whole file. A file that is shorter was cut. */
  readonly capacity: number
  /**
   * Number of the segment with the records before `firstSeq`; 0 for none. Where it is not there, a
   * file is missing.
   */
  readonly previous: number
}

/** The two copies of the header: the first 1 024 bytes of a segment. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  MAGIC.copy(bytes, 0)
  view.setUint32(4, FORMAT_VERSION, true)
  view.setUint32(8, SEGMENT_HEADER_BYTES, true)
  view.setUint32(12, KNOWN_FEATURES, true)
  header.logId.copy(bytes, 24)
  setUint64(view, 40, header.number)
  setUint64(view, 48, header.firstSeq)
  setUint64(view, 56, header.durableBefore)
  setUint64(view, 64, header.createdAt)
  setUint64(view, 72, header.capacity)
  setUint64(view, 80, header.previous)
  view.setUint32(SECTOR_BYTES - 4, crc32(view, 0, SECTOR_BYTES - 4, 0), true)
  bytes.copy(bytes, SECTOR_BYTES, 0, SECTOR_BYTES)
  return bytes
}

export type HeaderReading =
  | { readonly state: 'valid'; readonly header: SegmentHeader }
  | { readonly state: 'unknown-version'; readonly version: number }
  | { readonly state: 'unknown-features'; readonly features: number }
  | { readonly state: 'invalid' }

/**
 * Reads one copy of the header: a sector of 512 bytes. Checks the sum first, then the version, then
 * the features.
 */
export function decodeSegmentHeader(sector: Buffer): HeaderReading {
  if (sector.length < SECTOR_BYTES || !sector.subarray(0, 4).equals(MAGIC)) return { state: 'invalid' }
  const view = new DataView(sector.buffer, sector.byteOffset, sector.length)
  if (view.getUint32(SECTOR_BYTES - 4, true) !== crc32(view, 0, SECTOR_BYTES - 4, 0))
    return { state: 'invalid' }
  const version = view.getUint32(4, true)
  if (version !== FORMAT_VERSION) return { state: 'unknown-version', version }
  const features = (view.getUint32(12, true) & ~KNOWN_FEATURES) >>> 0
  if (features !== 0) return { state: 'unknown-features', features }
  const header: SegmentHeader = {
    logId: Buffer.from(sector.subarray(24, 24 + LOG_ID_BYTES)),
    number: getUint64(view, 40),
    firstSeq: getUint64(view, 48),
    durableBefore: getUint64(view, 56),
    createdAt: getUint64(view, 64),
    capacity: getUint64(view, 72),
    previous: getUint64(view, 80),
  }
  return Object.values(header).some(Number.isNaN) ? { state: 'invalid' } : { state: 'valid', header }
}

/**
 * What every sum within a segment starts from. For two segments of one log it is never the same (as
 * long as their numbers differ in the low 32 bits), so blocks of another segment, wherever they
 * turn up, cannot verify.
 */
export function segmentSeed(logId: Uint8Array, number: number): number {
  const identity = new DataView(new ArrayBuffer(LOG_ID_BYTES + 8))
  logId.forEach((byte, at) => {
    identity.setUint8(at, byte)
  })
  setUint64(identity, LOG_ID_BYTES, number)
  return crc32(identity, 0, identity.byteLength, 0)
}

const NAME = /^segment-(\d{10})\.walv$/
/** The last one that a name has room for. */
export const MAX_SEGMENT_NUMBER = 9_999_999_999

/** Names sort in the order of the numbers, and so in the order of sequence numbers. */
export const segmentName = (number: number): string => `segment-${String(number).padStart(10, '0')}.walv`

/** The number in a segment's name, or undefined for another file. */
export function segmentNumber(name: string): number | undefined {
  const match = NAME.exec(name)
  return match ? Number(match[1]) : undefined
}
