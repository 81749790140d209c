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
/** Of about so many records the mean size is known. */
const MEAN_OF = 64
/** So much more is read than there is likely to be. */
const SPARE_TIMES = 1.125
/** After so many looks that found nothing the memory is given back. */
const MAX_EMPTY_LOOKS = 4
const NOTHING = { from: 0, through: 0 }
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
  /** Of what was passed in the last look that found something, and of a record. */
  #lastBytes = 0
  #meanBytes = 0
  /** Which part of the file the memory has. */
  #held = NOTHING
  /** How many looks in a row have found nothing. */
  #emptyLooks = 0

  /** `from`: where to go on; by default at the beginning. */
  constructor(disk: Disk, segment: SegmentExtent, from?: Mark) {
    this.#disk = disk
    this.segment = segment
    this.expected = from?.seq ?? segment.firstSeq
    this.offset = from?.offset ?? SEGMENT_HEADER_BYTES
    this.marks = [...(segment.marks ?? [])]
  }

  /**
   * Goes on as far as there are frames before `end`. Answers whether there was any. What stands
   * behind them was not written when it was looked for. `isSettled`: the records before `end` are
   * acknowledged; what is not may be written anew, at the same place.
   */
  async advance(end: number, see: SeeFrame, isSettled: boolean): Promise<boolean> {
    this.#file ??= await this.#disk.open(this.segment.path, 'read')
    const began = this.offset
    let guess = this.#guess(end)
    for (let wanted = guess; wanted > 0 && this.expected < end && this.#room >= FRAME_HEADER_BYTES; ) {
      const bytes = Math.min(Math.max(wanted, guess), this.#room)
      const from = this.offset
      const filled = await this.#read(this.#file, from, bytes)
      wanted = this.#walk(filled, end, see)
      if (isSettled) this.#held = { from, through: Math.min(this.offset, from + filled) }
      if (filled < bytes) break
      if (this.offset - from > bytes / 2) guess = Math.min(2 * bytes, MAX_CHUNK_BYTES)
    }
    this.#rest(this.offset - began)
    return this.offset > began
  }

  /** Bytes of the segment that were not passed. */
  get #room(): number {
    return this.segment.bytes - this.offset
  }

  /**
   * How many bytes to read, by what was there before: one read is to do, and a file that was made
   * ahead has only zeros behind.
   */
  #guess(end: number): number {
    const bytes = Number.isFinite(end) ? (end - this.expected) * this.#meanBytes : this.#lastBytes
    return Math.min(Math.max(Math.ceil(SPARE_TIMES * bytes), CHUNK_BYTES), MAX_CHUNK_BYTES)
  }

  /**
   * Takes what was read last of the frames that were passed, if it has what stands there; answers
   * how many bytes. So a record that is read at once is read once.
   */
  copy(target: Uint8Array, position: number): number {
    const { from, through } = this.#held
    if (position < from || position >= through) return 0
    return this.#memory.bytes.copy(target, 0, position - from, through - from)
  }

  /** What is asked for next is to be read from the disk. */
  forget(): void {
    this.#held = NOTHING
  }

  async #read(file: DiskFile, from: number, bytes: number): Promise<number> {
    this.#held = NOTHING
    if (this.#memory.bytes.length < bytes) this.#memory = byteBuffer(bytes)
    return readFully(file, this.#memory.bytes.subarray(0, bytes), from)
  }

  /** The memory is kept while more and more comes. */
  #rest(passedBytes: number): void {
    this.#emptyLooks = passedBytes > 0 ? 0 : this.#emptyLooks + 1
    if (passedBytes > 0) this.#lastBytes = passedBytes
    if (this.#emptyLooks < MAX_EMPTY_LOOKS || this.#memory.bytes.length <= CHUNK_BYTES) return
    this.#lastBytes = 0
    this.#memory = byteBuffer(CHUNK_BYTES)
    this.#held = NOTHING
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    // It was only read: what closing answers means nothing.
    await file?.close().catch(() => {})
  }

  /**
   * Passes the frames in memory, and answers how many bytes have to be read for the next one; 0
   * where none stands.
   */
  #walk(filled: number, end: number, see: SeeFrame): number {
    const base = this.offset
    for (let at = 0; ; at = this.offset - base) {
      if (at > 0 && filled - at < LOOK_AHEAD_BYTES) return LOOK_AHEAD_BYTES
      const frame = this.#frameAt(base, at, filled)
      if (frame === undefined) return 0
      const { header } = frame
      const bytes = frameBytes(header.payloadBytes)
      if (base + frame.at + bytes > this.segment.bytes) return 0
      const isRecord = takesSequence(header.type)
      if (header.seq !== this.expected || (isRecord && header.seq >= end)) return 0
      if (isLookedInto(header) && frame.at + bytes > filled) return frame.at - at + bytes
      see(header, this.#memory, frame.at)
      if (isRecord) this.#passed(header, base + frame.at, frame.at)
      this.offset = base + frame.at + bytes
    }
  }

  #passed(header: FrameHeader, offset: number, at: number): void {
    this.#meanBytes += (frameBytes(header.payloadBytes) - this.#meanBytes) / MEAN_OF
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
