import { type DiskFile, readFully } from '../../disk/disk.ts'
import { type ByteRange, readAround } from '../../disk/read-around.ts'
import type { ByteBuffer } from '../../format/byte-buffer.ts'
import {
  FRAME_ALIGNMENT,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  type FrameHeader,
  frameBytes,
} from '../../format/frame.ts'
import type { SegmentCodec } from '../../format/segment-codec.ts'
import { giveWindow, STRADDLE_BYTES, takeWindow, WINDOW_BYTES } from './window-memory.ts'

/**
 * As many times what is looked at, contents that do not verify may have in all before the extent of
 * such a frame is believed.
 */
const MAX_DOUBTED_TIMES = 4

/**
 * What stands at the window's position. `at` is an index into the window's memory, valid until the
 * next `fill` or `resync`.
 */
export type Step =
  | { readonly kind: 'frame'; readonly header: FrameHeader; readonly at: number; readonly bytes: number }
  /** The header verifies, the payload does not: the frame's extent and number are known. */
  | {
      readonly kind: 'bad-payload'
      readonly header: FrameHeader
      readonly at: number
      readonly bytes: number
    }
  | { readonly kind: 'no-frame' }
  | { readonly kind: 'end' }

/** What does not verify. */
type BadStep = Extract<Step, { readonly kind: 'bad-payload' | 'no-frame' }>

/** What is being read before it is needed. */
interface Ahead {
  readonly memory: ByteBuffer
  readonly offset: number
  readonly bytes: number
  readonly reading: Promise<number>
}

/** What of a file holds frames, and how they are read. */
export interface FramesToRead {
  readonly codec: SegmentCodec
  /** Bytes of the file, or of the part to be read. */
  readonly bytes: number
  /**
   * Sectors that cannot be read are taken for damage, instead of an error. For who looks for
   * damage, and for what was found to have such sectors.
   */
  readonly tolerateUnreadable: boolean
}

/**
 * A window that slides over the frames of one segment file. `step` is synchronous as long as the
 * frame is in memory. Memory is two windows, or the largest frame beside two, which is never larger
 * than what the file holds.
 */
export class FrameReader {
  readonly #file: DiskFile
  readonly #codec: SegmentCodec
  /** Nothing at or behind this file offset is looked at. */
  #limit: number
  #memory: ByteBuffer
  /** File offset of the memory's first byte; a multiple of the frame alignment. */
  #base: number
  #filled = 0
  #at = 0
  #ahead: Ahead | undefined
  #spare: ByteBuffer | undefined
  /** Bytes of frames whose content did not verify, and that were looked into all the same. */
  #doubted = 0
  readonly #maxDoubted: number
  readonly #tolerateUnreadable: boolean
  readonly #unreadable: ByteRange[] = []

  /** `start`: the file offset of the first frame. */
  constructor(file: DiskFile, { codec, bytes, tolerateUnreadable }: FramesToRead, start: number) {
    this.#file = file
    this.#codec = codec
    this.#limit = bytes
    this.#base = start
    this.#tolerateUnreadable = tolerateUnreadable
    this.#maxDoubted = MAX_DOUBTED_TIMES * (bytes - start)
    this.#memory = takeWindow(FRAME_HEADER_BYTES)
  }

  get memory(): ByteBuffer {
    return this.#memory
  }

  /** File offset of the current position. */
  get offset(): number {
    return this.#base + this.#at
  }

  /** What stands at the position, or undefined if `fill` has to be called first. */
  step(): Step | undefined {
    const here = this.#filled - this.#at
    if (here < FRAME_HEADER_BYTES) return this.#complete() ? { kind: 'end' } : undefined
    const header = this.#headerAt(this.#at)
    if (header === undefined) return { kind: 'no-frame' }
    const bytes = frameBytes(header.payloadBytes)
    if (this.offset + bytes > this.#limit) return { kind: 'no-frame' }
    if (here < bytes) return undefined
    const intact = this.#codec.verifyPayload(this.#memory, this.#at, header.payloadBytes)
    return { kind: intact ? 'frame' : 'bad-payload', header, at: this.#at, bytes }
  }

  /** Moves the position past what `step` returned. */
  advance(bytes: number): void {
    this.#at += bytes
  }

  /** Reads on, at least so far that `step` can answer. */
  async fill(): Promise<void> {
    const header = this.#filled - this.#at >= FRAME_HEADER_BYTES ? this.#headerAt(this.#at) : undefined
    const wanted = header
      ? Math.min(frameBytes(header.payloadBytes), this.#limit - this.offset)
      : FRAME_HEADER_BYTES
    const ahead = this.#ahead
    this.#ahead = undefined
    if (ahead && this.#canTake(ahead, wanted)) await this.#take(ahead)
    else await this.#readOn(wanted)
    this.#readAhead()
  }

  async #readOn(wanted: number): Promise<void> {
    this.#slide(wanted)
    const bytes = Math.max(WINDOW_BYTES, wanted)
    const room = Math.min(bytes, this.#limit - this.#base) - this.#filled
    await this.#took(this.#read(this.#memory, this.#filled, room, this.#base + this.#filled), room)
  }

  async #took(reading: Promise<number>, wanted: number): Promise<void> {
    const count = await reading
    this.#filled += count
    // The file ends before the limit: it was cut while we read, or the limit was a guess.
    if (count < wanted) this.#limit = this.#base + this.#filled
  }

  /**
   * While what is in memory is worked on, what follows is read into other memory, with room in
   * front of it for the frame that straddles both.
   */
  #readAhead(): void {
    const offset = this.#base + this.#filled
    const bytes = Math.min(WINDOW_BYTES, this.#limit - offset)
    if (bytes <= 0) return
    const memory = this.#spare ?? takeWindow(STRADDLE_BYTES + WINDOW_BYTES)
    this.#spare = undefined
    const reading = this.#read(memory, STRADDLE_BYTES, bytes, offset)
    // Whoever needs it is told.
    reading.catch(() => {})
    this.#ahead = { memory, offset, bytes, reading }
  }

  /**
   * Not if something was passed meanwhile that the file holds behind it, or if the frame needs more
   * room.
   */
  #canTake({ offset, bytes }: Ahead, wanted: number): boolean {
    const left = this.#filled - this.#at
    const fits = left <= STRADDLE_BYTES && left % FRAME_ALIGNMENT === 0 && wanted <= left + bytes
    return fits && this.#base + this.#filled === offset
  }

  async #take({ memory, offset, bytes, reading }: Ahead): Promise<void> {
    const left = this.#filled - this.#at
    this.#memory.bytes.copy(memory.bytes, STRADDLE_BYTES - left, this.#at, this.#filled)
    if (this.#memory.bytes.length === memory.bytes.length) this.#spare = this.#memory
    this.#memory = memory
    this.#base = offset - STRADDLE_BYTES
    this.#at = STRADDLE_BYTES - left
    this.#filled = STRADDLE_BYTES
    await this.#took(reading, bytes)
  }

  /** The last call: other readers get its memory. Nothing may be shown of it from now on. */
  release(): void {
    const ahead = this.#ahead
    giveWindow(this.#memory)
    if (this.#spare) giveWindow(this.#spare)
    // The disk may still be writing to it.
    const give = (): void => ahead && giveWindow(ahead.memory)
    ahead?.reading.then(give, give)
  }

  get metUnreadable(): boolean {
    return this.#unreadable.length > 0
  }

  /** Whether any sector between two file offsets could not be read. */
  isUnreadable(from: number, to: number): boolean {
    return this.#unreadable.some((range) => range.from < to && range.to > from)
  }

  async #read({ bytes }: ByteBuffer, at: number, length: number, position: number): Promise<number> {
    const target = bytes.subarray(at, at + length)
    if (!this.#tolerateUnreadable) return readFully(this.#file, target, position)
    const { count, unreadable } = await readAround(this.#file, target, position)
    for (const range of unreadable) this.#unreadable.push(range)
    return count
  }

  /**
   * Leaves what `step` returned and does not verify, for the next place where a frame could stand
   * that `accept` likes. The extent of a frame whose content is bad is not believed at first, as
   * its header may be all that is left of it. But headers that claim each other's space would take
   * the square of it to look into. Returns whether a byte other than zero was passed.
   */
  async pass(step: BadStep, accept: (header: FrameHeader) => boolean): Promise<boolean> {
    if (step.kind === 'no-frame') return this.resync(accept)
    this.#doubted += step.bytes
    if (this.#doubted <= this.#maxDoubted) return this.resync(accept)
    this.advance(step.bytes)
    return true
  }

  /**
   * Looks for the next place, behind the current position, where a valid header stands that
   * `accept` likes, and goes there; or to the end. Returns whether a byte other than zero was
   * passed, the one at the position included.
   */
  async resync(accept: (header: FrameHeader) => boolean): Promise<boolean> {
    let dirty = false
    let from = this.#at + FRAME_ALIGNMENT
    for (;;) {
      const found = this.#find(from, accept)
      // A header may straddle the window's end: what could be the start of one, at an aligned
      // place, is kept.
      const kept = Math.max(this.#at, alignDown(this.#filled - FRAME_HEADER_BYTES))
      const passedTo = found ?? (this.#complete() ? this.#filled : kept)
      dirty ||= !isZero(this.#memory.bytes, this.#at, passedTo)
      if (found !== undefined) {
        this.#at = found
        return dirty
      }
      if (this.#complete()) {
        this.#at = this.#filled
        return dirty
      }
      this.#at = kept
      from = kept
      await this.fill()
      from -= kept - this.#at
    }
  }

  #find(from: number, accept: (header: FrameHeader) => boolean): number | undefined {
    const { bytes } = this.#memory
    let at = bytes.indexOf(FRAME_MAGIC, from)
    while (at >= 0 && at + FRAME_HEADER_BYTES <= this.#filled) {
      if (at % FRAME_ALIGNMENT === 0) {
        const header = this.#headerAt(at)
        const fits = header && this.#base + at + frameBytes(header.payloadBytes) <= this.#limit
        if (fits && accept(header)) return at
      }
      at = bytes.indexOf(FRAME_MAGIC, at + 1)
    }
    return undefined
  }

  #headerAt(at: number): FrameHeader | undefined {
    return this.#codec.readHeader(this.#memory, at, this.#base + at)
  }

  #complete(): boolean {
    return this.#base + this.#filled >= this.#limit
  }

  /** Moves what is not yet consumed to the front of memory that has room for `wanted` bytes. */
  #slide(wanted: number): void {
    const source = this.#memory
    if (wanted > source.bytes.length) this.#memory = takeWindow(wanted)
    source.bytes.copy(this.#memory.bytes, 0, this.#at, this.#filled)
    if (source !== this.#memory) giveWindow(source)
    this.#base += this.#at
    this.#filled -= this.#at
    this.#at = 0
  }
}

const alignDown = (value: number): number => value - (value % FRAME_ALIGNMENT)

const ZEROS = Buffer.alloc(64 * 1024)

/** Whether a range of bytes is all zeros, at the speed of memory. */
export function isZero(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += ZEROS.length) {
    const length = Math.min(ZEROS.length, end - at)
    if (bytes.compare(ZEROS, 0, length, at, at + length) !== 0) return false
  }
  return true
}
