import { alignUp, type ByteBuffer, byteBuffer } from '../../format/byte-buffer.ts'
import type { Encodable } from '../../format/encode.ts'
import { FRAME_HEADER_BYTES, type FrameHeader, frameBytes } from '../../format/frame.ts'
import {
  encodeSegmentHeader,
  SECTOR_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from '../../format/segment.ts'
import type { SegmentCodec } from '../../format/segment-codec.ts'
import type { LogWaiter } from '../log.ts'

/** Most bytes of one group, unless a single record needs more. */
export const GROUP_BYTES: number = 1024 * 1024

/**
 * What an index and its caller do for a change, once it is durable, takes as long as encoding so
 * many bytes.
 */
const CHANGE_WEIGHT = 4096

/** One that is synced, one that is written, one that fills, and one to spare. */
const KEPT_GROUPS = 4

/** Where in the log the next frame goes. */
export interface WritePosition {
  readonly segment: number
  readonly capacity: number
  readonly codec: SegmentCodec
  readonly offset: number
}

/** How a caller's promise is settled. */
type Settle<T> = (value: T) => void

/**
 * The frames that are written with one call and synced once, encoded where they will be written
 * from.
 */
export class Group {
  readonly firstSeq: number
  readonly position: WritePosition
  /** The group begins a new segment, whose header is written with it. */
  readonly opensSegment: boolean
  /**
   * The records of a group have numbers in a row: a waiter's place is its record's. What resolves a
   * promise, or who waits without one.
   */
  readonly #waiters: (Settle<number> | LogWaiter)[] = []
  /** What rejects the promise, where there is one. */
  readonly #rejects: (Settle<Error> | undefined)[] = []
  /** One for all promises of the group. */
  readonly #wait = (resolve: Settle<number>, reject: Settle<Error>): void => {
    this.#waiters.push(resolve)
    this.#rejects.push(reject)
  }
  readonly #memory: ByteBuffer
  /** Where in its memory the last frame has to end. */
  readonly #limit: number
  #used: number = SEGMENT_HEADER_BYTES
  #lastFrameAt = 0
  /** How many of those who wait are changes of an index. */
  #changes = 0

  /** `room`: how many bytes of frames its segment takes from its position on. */
  constructor(
    memory: ByteBuffer,
    position: WritePosition,
    opensSegment: boolean,
    firstSeq: number,
    room: number,
  ) {
    this.#memory = memory
    this.#limit = Math.min(memory.bytes.length, SEGMENT_HEADER_BYTES + room)
    this.position = position
    this.opensSegment = opensSegment
    this.firstSeq = firstSeq
  }

  get nextSeq(): number {
    return this.firstSeq + this.#waiters.length
  }

  get memory(): ByteBuffer {
    return this.#memory
  }

  get bytes(): number {
    return this.#used - SEGMENT_HEADER_BYTES
  }

  /** How much work there is before its callers have asked for their next appends, in bytes. */
  get weight(): number {
    return this.bytes + this.#changes * CHANGE_WEIGHT
  }

  get endOffset(): number {
    return this.position.offset + this.bytes
  }

  fits(bytes: number): boolean {
    return this.#used + bytes <= this.#limit
  }

  /** Adds a record; its caller waits for the group. */
  add(entry: Encodable, header: FrameHeader): Promise<number> {
    entry.write(this.#memory, this.#used + FRAME_HEADER_BYTES)
    this.#seal(header)
    return new Promise(this.#wait)
  }

  /** The same for a caller that waits without a promise. */
  addFor(waiter: LogWaiter, entry: Encodable, header: FrameHeader): void {
    entry.write(this.#memory, this.#used + FRAME_HEADER_BYTES)
    this.#seal(header)
    this.#waiters.push(waiter)
    this.#rejects.push(undefined)
    this.#changes++
  }

  /**
   * Adds a watermark at the start of a sector, with zeros in front of it, so that no single sector
   * that is lost takes a record together with the watermark that would tell of it.
   */
  addWatermark(watermark: FrameHeader): void {
    const filler = alignUp(this.endOffset, SECTOR_BYTES) - this.endOffset
    this.#memory.bytes.fill(0, this.#used, this.#used + filler)
    this.#used += filler
    this.#seal(watermark)
  }

  #seal(header: FrameHeader): void {
    const at = this.#used
    const { codec, offset } = this.position
    codec.sealFrame(this.#memory, at, header, offset + at - SEGMENT_HEADER_BYTES)
    this.#lastFrameAt = at
    this.#used = at + frameBytes(header.payloadBytes)
  }

  /** The last frame tells what is durable now that the group is about to be written. */
  setWatermark(durableBefore: number): void {
    const offset = this.position.offset + this.#lastFrameAt - SEGMENT_HEADER_BYTES
    this.position.codec.sealWatermark(this.#memory, this.#lastFrameAt, durableBefore, offset)
  }

  /** What to write at `position.offset`. */
  frames(): Buffer {
    return this.#memory.bytes.subarray(SEGMENT_HEADER_BYTES, this.#used)
  }

  /** What to write at the start of a new segment: its header, then the frames. */
  withHeader(header: SegmentHeader): Buffer {
    encodeSegmentHeader(header).copy(this.#memory.bytes, 0)
    return this.#memory.bytes.subarray(0, this.#used)
  }

  resolve(): void {
    let seq = this.firstSeq
    for (const waiter of this.#waiters) {
      if (typeof waiter === 'function') waiter(seq++)
      else waiter.logged(seq++)
    }
  }

  reject(errorOf: (seq: number) => Error): void {
    let seq = this.firstSeq
    for (const [at, waiter] of this.#waiters.entries()) {
      const error = errorOf(seq++)
      if (typeof waiter === 'function') this.#rejects[at]!(error)
      else waiter.refused(error)
    }
  }
}

/** Memory for groups, handed out again when a group is done. */
export class GroupMemory {
  /**
   * Shared by all logs of the process: those that are opened and closed again do not each make
   * their own.
   */
  static readonly #free: ByteBuffer[] = []

  take(frameBytesNeeded: number): ByteBuffer {
    const bytes = SEGMENT_HEADER_BYTES + frameBytesNeeded
    return bytes > GROUP_BYTES ? byteBuffer(bytes) : (GroupMemory.#free.pop() ?? byteBuffer(GROUP_BYTES))
  }

  give(memory: ByteBuffer): void {
    if (memory.bytes.length === GROUP_BYTES && GroupMemory.#free.length < KEPT_GROUPS)
      GroupMemory.#free.push(memory)
  }
}
