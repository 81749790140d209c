import { assert } from '../../errors.ts'
import type { FrameHeader } from '../../format/frame.ts'
import type { Group } from './group.ts'
import type { GroupQueue } from './group-queue.ts'
import type { SegmentWriter, WriteFailure } from './segment-writer.ts'

/**
 * From so many bytes on a group is worth a write of its own, while its callers' next appends are
 * encoded.
 */
const EAGER_WEIGHT = 256 * 1024

/** What a pipeline asks of the log that it writes for, and what it tells it. */
export interface PipelineOwner {
  readonly nextSeq: number
  readonly lastTimestamp: number
  /** Nothing of this group, or of those behind it, is in the log or ever will be. */
  refused(group: Group, failure: WriteFailure): void
  /** Nothing more may be written. These groups may be on disk or not. */
  failed(groups: readonly (Group | undefined)[], failure: WriteFailure): void
  /** A sync has ended that no step of the pipeline waits for. */
  synced(): void
}

/** A group on its way into the file. */
export interface GroupInFlight {
  readonly group: Group
  /** The watermark in its last frame. */
  readonly watermark: number
  readonly failure: Promise<WriteFailure | undefined>
  /** All of it is with the operating system. */
  isDone: boolean
}

/**
 * The way of groups from the queue into the file and onto the disk. See `GroupCommit` for what
 * holds at every moment.
 */
export abstract class Pipeline {
  /** Bytes of the last group that was acknowledged. */
  lastGroupBytes = 0
  lastGroupWeight = 0
  protected readonly writer: SegmentWriter
  protected readonly queue: GroupQueue
  protected readonly owner: PipelineOwner
  #writtenBefore: number
  #durableBefore: number
  #watermark: number
  #hasFailed = false

  /** Everything before `nextSeq` is durable. */
  constructor(writer: SegmentWriter, queue: GroupQueue, owner: PipelineOwner, nextSeq: number) {
    this.writer = writer
    this.queue = queue
    this.owner = owner
    this.#writtenBefore = nextSeq
    this.#durableBefore = nextSeq
    this.#watermark = nextSeq
  }

  /** Every record with a smaller number is with the operating system. */
  get writtenBefore(): number {
    return this.#writtenBefore
  }

  /** Every record with a smaller number is on stable storage. */
  get durableBefore(): number {
    return this.#durableBefore
  }

  /** What the last frame that was written says is durable. */
  get watermark(): number {
    return this.#watermark
  }

  /** Nothing more may be written. */
  protected get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** Every record with a smaller number is acknowledged. */
  abstract get acknowledgedBefore(): number

  /** Another step is to follow at once. */
  abstract get isBusy(): boolean

  abstract get isSyncing(): boolean

  /**
   * Takes a step; resolves to the group that is to be acknowledged, if there is one. One step at a
   * time.
   */
  abstract next(): Promise<Group | undefined>

  /** Something was appended while a step is under way. */
  abstract appended(): void

  /**
   * A sync is to begin once everything before this number is written, whether or not anybody waits
   * for its records.
   */
  abstract syncOnceWritten(before: number): void

  /**
   * Writes at the end of the log how far it is durable, and has that synced. Called between steps,
   * when every record is written.
   */
  abstract writeWatermark(watermark: FrameHeader): Promise<void>

  /** Resolves when no sync is under way. */
  abstract settled(): Promise<void>

  /**
   * Callers that all wait for one group would leave the disk idle while their next appends are
   * encoded, and themselves idle while it is written. Halves of what was written last take turns
   * instead.
   */
  get isEager(): boolean {
    const ready = this.queue.hasWaiting ? Number.POSITIVE_INFINITY : this.queue.fillingWeight
    return ready >= EAGER_WEIGHT && ready >= this.lastGroupWeight / 2
  }

  protected write(group: Group): GroupInFlight {
    return this.inFlight(group, this.writer.write(group, this.#durableBefore, this.owner.lastTimestamp))
  }

  protected inFlight(group: Group, failure: GroupInFlight['failure']): GroupInFlight {
    const writing: GroupInFlight = { group, watermark: this.#durableBefore, failure, isDone: false }
    failure.then((found) => {
      writing.isDone = found === undefined
    })
    return writing
  }

  protected async written(writing: GroupInFlight): Promise<boolean> {
    const found = await writing.failure
    // A sync that failed meanwhile has settled its fate.
    if (this.#hasFailed) return false
    if (found) {
      if (found.refused) this.owner.refused(writing.group, found)
      else this.fail([writing.group], found)
      return false
    }
    this.noteWritten(writing)
    return true
  }

  protected fail(groups: readonly (Group | undefined)[], failure: WriteFailure): void {
    this.#hasFailed = true
    this.owner.failed(groups, failure)
  }

  protected noteWritten({ group, watermark }: GroupInFlight): void {
    this.#writtenBefore = group.nextSeq
    this.#watermark = watermark
  }

  protected noteDurable(before: number): void {
    assert(before <= this.#writtenBefore, 'only what is written can be durable')
    this.#durableBefore = before
  }

  /**
   * Writes two watermarks, so that exchanging two sectors cannot take the last record and
   * everything that tells of it. None if there is no room.
   */
  protected async writeWatermarks(watermark: FrameHeader): Promise<Group | undefined> {
    assert(this.#writtenBefore === this.owner.nextSeq, 'a watermark stands behind every record')
    const group = this.queue.groupForWatermarks(this.owner.nextSeq)
    if (group === undefined) return undefined
    group.addWatermark(watermark)
    group.addWatermark(watermark)
    this.queue.goOnBehind(group)
    return (await this.written(this.write(group))) ? group : undefined
  }
}
