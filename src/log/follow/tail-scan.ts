import type { Disk, DiskFile } from '../../disk/disk.ts'
import { readFully } from '../../disk/disk.ts'
import { alignUp, type ByteBuffer, byteBuffer } from '../../format/byte-buffer.ts'
import { gapThrough } from '../../format/decode.ts'
import {
  FRAME_HEADER_BYTES,
  FRAME_TYPES,
  type FrameHeader,
  frameBytes,
  takesSequence,
} from '../../format/frame.ts'
import { SECTOR_BYTES, SEGMENT_HEADER_BYTES } from '../../format/segment.ts'
import { isZero } from '../segment/frame-reader.ts'
import type { Mark, SegmentExtent } from '../segment/segment-scan.ts'

/** So much is read at a time at first, and so much at most where more and more is there. */
const CHUNK_BYTES = 4 * 1024
const MAX_CHUNK_BYTES = 1024 * 1024
/** Two sectors and a header: where a watermark may stand behind a record. */
const LOOK_AHEAD_BYTES = 2 * SECTOR_BYTES + FRAME_HEADER_BYTES
/** So far apart are the places of records that are remembered. */
const MARK_BYTES = 1024 * 1024

/** Is shown each frame in its order; with all of its payload where it is a checkpoint or a gap. */
export type SeeFrame = (header: FrameHeader, memory: ByteBuffer, at: number) => void

/**
 * Follows the frames of a segment that is being written, from header to header: what they say of
 * each other verifies by the headers alone. Whoever reads a record verifies its content.
 */
export class TailScan {
  readonly segment: SegmentExtent
  /** The sequence number that comes next, as far as the headers go. */
  expected: number
  /** Where that is expected. */
  offset: number
  readonly marks: Mark[]
  readonly #disk: Disk
  #file: DiskFile | undefined
  #memory = byteBuffer(CHUNK_BYTES)
  #chunkBytes = CHUNK_BYTES

  /** `from`: where to go on; by default at the beginning. */
  constructor(disk: Disk, segment: SegmentExtent, from?: Mark) {
    this.#disk = disk
    this.segment = segment
    this.expected = from?.seq ?? segment.firstSeq
    this.offset = from?.offset ?? SEGMENT_HEADER_BYTES
    this.marks = [...(segment.marks ?? [])]
  }

  /** Goes on as far as there are frames before `end`. Answers whether there was any. */
  async advance(end: number, see: SeeFrame): Promise<boolean> {
    this.#file ??= await this.#disk.open(this.segment.path, 'read')
    const began = this.offset
    let wanted = this.#chunkBytes
    while (this.expected < end && this.segment.bytes - this.offset >= FRAME_HEADER_BYTES) {
      const bytes = Math.min(Math.max(wanted, this.#chunkBytes), this.segment.bytes - this.offset)
      if (this.#memory.bytes.length < bytes) this.#memory = byteBuffer(bytes)
      const filled = await readFully(this.#file, this.#memory.bytes.subarray(0, bytes), this.offset)
      const before = this.offset
      wanted = this.#walk(filled, end, see)
      if (this.offset === before && wanted <= filled) break
      if (filled < bytes) break
      if (this.offset - before > bytes / 2) this.#chunkBytes = Math.min(2 * bytes, MAX_CHUNK_BYTES)
    }
    if (this.offset === began && this.#memory.bytes.length > CHUNK_BYTES) this.#rest()
    return this.offset > began
  }

  #rest(): void {
    this.#chunkBytes = CHUNK_BYTES
    this.#memory = byteBuffer(CHUNK_BYTES)
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    // It was only read: what closing answers means nothing.
    await file?.close().catch(() => {})
  }

  /** Passes the frames in memory, and answers how many bytes the next one needs there. */
  #walk(filled: number, end: number, see: SeeFrame): number {
    const base = this.offset
    for (let at = 0; ; at = this.offset - base) {
      if (at > 0 && filled - at < LOOK_AHEAD_BYTES) return 0
      const frame = this.#frameAt(base, at, filled)
      if (frame === undefined) return 0
      const { header } = frame
      const bytes = frameBytes(header.payloadBytes)
      if (base + frame.at + bytes > this.segment.bytes) return 0
      const isRecord = takesSequence(header.type)
      if (header.seq !== this.expected || (isRecord && header.seq >= end)) return 0
      if (isLookedInto(header) && frame.at + bytes > filled) return at > 0 ? 0 : frame.at + bytes
      see(header, this.#memory, frame.at)
      if (isRecord) this.#passed(header, base + frame.at, frame.at)
      this.offset = base + frame.at + bytes
    }
  }

  #passed(header: FrameHeader, offset: number, at: number): void {
    const last = this.marks.at(-1)?.offset ?? 0
    if (offset - last >= MARK_BYTES) this.marks.push({ seq: header.seq, offset })
    const isGap = header.type === FRAME_TYPES.gap
    this.expected = (isGap ? gapThrough(this.#memory, at) : header.seq) + 1
  }

  /** The frame that stands here, or the watermark at the next beginning of a sector. */
  #frameAt(base: number, at: number, filled: number): { header: FrameHeader; at: number } | undefined {
    if (filled - at < FRAME_HEADER_BYTES) return undefined
    const { codec } = this.segment
    const here = codec.readHeader(this.#memory, at, base + at)
    if (here) return { header: here, at }
    const next = alignUp(base + at, SECTOR_BYTES) - base
    if (next === at || next + FRAME_HEADER_BYTES > filled || !isZero(this.#memory.bytes, at, next))
      return undefined
    const header = codec.readHeader(this.#memory, next, base + next)
    return header?.type === FRAME_TYPES.watermark ? { header, at: next } : undefined
  }
}

const isLookedInto = ({ type }: FrameHeader): boolean =>
  type === FRAME_TYPES.checkpoint || type === FRAME_TYPES.gap
