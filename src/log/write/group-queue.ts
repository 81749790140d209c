import { FRAME_HEADER_BYTES } from '../../format/frame.ts'
import { SECTOR_BYTES } from '../../format/segment.ts'
import { Group, GroupMemory, type WritePosition } from './group.ts'
import type { SegmentWriter } from './segment-writer.ts'

/**
 * Kept free at the end of a segment, so that two watermarks, in sectors of their own, always fit
 * behind its last record.
 */
const WATERMARK_ROOM_BYTES = 2 * (SECTOR_BYTES + FRAME_HEADER_BYTES)

/**
 * The groups that are not yet handed to the writer, each planned to go behind the one before it:
 * the last fills, the others wait.
 */
export class GroupQueue {
  readonly #writer: SegmentWriter
  readonly #memory = new GroupMemory()
  /** Where the next group goes once everything planned before it is written. */
  #planned: WritePosition
  #filling: Group | undefined
  #waiting: Group[] = []

  constructor(writer: SegmentWriter) {
    this.#writer = writer
    this.#planned = writer.position
  }

  get isEmpty(): boolean {
    return this.#filling === undefined
  }

  /** Whether there is a group to which nothing more is added. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  get fillingWeight(): number {
    return this.#filling?.weight ?? 0
  }

  /** The next that `take` gives. */
  get first(): Group | undefined {
    return this.#waiting[0] ?? this.#filling
  }

  /** The group for a frame of so many bytes, whose record has this number. */
  groupFor(bytes: number, seq: number): Group {
    const filling = this.#filling
    return filling?.fits(bytes) ? filling : this.#begin(bytes, seq)
  }

  /**
   * A segment that is over, since the one before began or since it got too old, takes no group any
   * more; one that is begun in it is the last.
   */
  #begin(bytes: number, seq: number): Group {
    const groupBytes = this.#filling?.bytes ?? 0
    if (this.#filling) this.#waiting.push(this.#endFilling(this.#filling))
    const { segment, capacity, offset } = this.#planned
    const opens = this.#writer.isOver(segment) || offset + bytes + WATERMARK_ROOM_BYTES > capacity
    if (opens)
      this.#planned = this.#writer.positionBehind(this.#planned, bytes + WATERMARK_ROOM_BYTES, groupBytes)
    const memory = this.#memory.take(bytes + WATERMARK_ROOM_BYTES)
    const room = this.#planned.capacity - this.#planned.offset - WATERMARK_ROOM_BYTES
    this.#filling = new Group(memory, this.#planned, opens, seq, room)
    return this.#filling
  }

  /**
   * A group for watermarks, behind everything that was planned; none if there is no room for it.
   */
  groupForWatermarks(nextSeq: number): Group | undefined {
    const { offset, capacity } = this.#planned
    if (this.#writer.isTainted || offset + WATERMARK_ROOM_BYTES > capacity) return undefined
    return new Group(
      this.#memory.take(WATERMARK_ROOM_BYTES),
      this.#planned,
      false,
      nextSeq,
      capacity - offset,
    )
  }

  /** The oldest group; nothing more is added to it. */
  take(): Group | undefined {
    return this.#waiting.shift() ?? (this.#filling && this.#endFilling(this.#filling))
  }

  takeAll(): Group[] {
    const all = [...this.#waiting, this.#filling].filter((group) => group !== undefined)
    this.#waiting = []
    this.#filling = undefined
    return all
  }

  /** What comes next goes behind this group. */
  goOnBehind({ endOffset }: Group): void {
    const { segment, capacity, codec } = this.#planned
    this.#planned = { segment, capacity, offset: endOffset, codec }
  }

  /** What was planned behind the end of what is written does not come. */
  goOnBehindWritten(): void {
    this.#planned = this.#writer.position
  }

  /** The group is done, and its memory is free. */
  release({ memory }: Group): void {
    this.#memory.give(memory)
  }

  #endFilling(group: Group): Group {
    this.goOnBehind(group)
    this.#filling = undefined
    return group
  }
}
