import type { FrameHeader } from '../../format/frame.ts'
import type { Group } from './group.ts'
import { Pipeline } from './pipeline.ts'
import type { WriteFailure } from './segment-writer.ts'

/**
 * The levels `'os'` and `{ intervalMs }`: a group is acknowledged once it is written. Syncs go on
 * beside the writing, one at a time, and cover what was written before they began. None begins
 * during a write: undoing a write that a full disk cut short syncs the file as well, and of two
 * syncs of one file only one is told what failed.
 */
export class WritePipeline extends Pipeline {
  #isWriting = false
  /** The group that may be on disk in part. */
  #writing: Group | undefined
  #syncing: Promise<boolean> | undefined
  /** The next sync begins once everything before this number is written. */
  #goal: number | undefined
  /** What was asked for later. It does not put that sync off, so that steady asking cannot. */
  #nextGoal: number | undefined

  get acknowledgedBefore(): number {
    return this.writtenBefore
  }

  get isBusy(): boolean {
    return false
  }

  get isSyncing(): boolean {
    return this.#syncing !== undefined
  }

  async next(): Promise<Group | undefined> {
    const group = this.queue.first
    if (group === undefined) return undefined
    this.#isWriting = true
    const isWritten = await this.#writeFirst(group)
    this.#isWriting = false
    this.#syncIfDue()
    return isWritten ? group : undefined
  }

  appended(): void {}

  syncOnceWritten(before: number): void {
    if (this.#syncing === undefined && this.#goal === undefined) this.#goal = before
    else this.#nextGoal = before
    this.#syncIfDue()
  }

  async writeWatermark(watermark: FrameHeader): Promise<void> {
    this.#isWriting = true
    const group = await this.writeWatermarks(watermark)
    this.#isWriting = false
    if (group === undefined) return this.#syncIfDue()
    this.queue.release(group)
    this.#sync()
  }

  async settled(): Promise<void> {
    await this.#syncing
  }

  async #writeFirst(group: Group): Promise<boolean> {
    // The header of a new segment says that everything before it is durable.
    if (group.opensSegment && !(await this.#syncAll())) return false
    this.#writing = this.queue.take()!
    const isWritten = await this.written(this.write(group))
    this.#writing = undefined
    return isWritten
  }

  /** Waits for the sync under way, and syncs what that does not cover. */
  async #syncAll(): Promise<boolean> {
    if (this.#syncing && !(await this.#syncing)) return false
    return this.durableBefore === this.writtenBefore || this.#sync()
  }

  #syncIfDue(): void {
    if (this.#goal === undefined || this.#isWriting || this.#syncing || this.hasFailed) return
    // A refusal may have taken back what was to be waited for.
    const goal = Math.min(this.#goal, this.owner.nextSeq)
    if (goal <= this.durableBefore) this.#nextInTurn()
    else if (goal <= this.writtenBefore) this.#sync()
  }

  /** What a sync for something else has made durable already is no goal any more. */
  #nextInTurn(): void {
    this.#goal = this.#nextGoal
    this.#nextGoal = undefined
    this.#syncIfDue()
  }

  #sync(): Promise<boolean> {
    this.#syncing = this.#synced(this.writtenBefore, this.writer.sync())
    return this.#syncing
  }

  async #synced(before: number, failure: Promise<WriteFailure | undefined>): Promise<boolean> {
    const found = await failure
    this.#syncing = undefined
    if (found) {
      this.fail([this.#writing], found)
      return false
    }
    this.noteDurable(before)
    this.#goal = this.#nextGoal ?? this.#goal
    this.#nextGoal = undefined
    this.owner.synced()
    this.#syncIfDue()
    return true
  }
}
