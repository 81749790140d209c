import { assert } from '../../errors.ts'
import type { FrameHeader } from '../../format/frame.ts'
import type { Group } from './group.ts'
import { type GroupInFlight, Pipeline } from './pipeline.ts'
import type { WriteFailure } from './segment-writer.ts'

/**
 * Below so many bytes, the group before counted too, there is too little to encode and write during
 * a sync for that to be worth a second call.
 */
const ONE_CALL_BELOW_BYTES = 64 * 1024

/** A sync under way. */
interface Syncing {
  /** Its callers wait for the sync. */
  readonly group: Group
  /** Once it has ended, every record with a smaller number is durable. */
  readonly before: number
  readonly failure: Promise<WriteFailure | undefined>
}

/**
 * The level `'commit'`: a group is acknowledged once it is synced. While one is synced, the next is
 * written behind it if it is large, so that the disk does not wait; a small one is written and
 * synced in one call.
 */
export class CommitPipeline extends Pipeline {
  #syncing: Syncing | undefined
  /** The group that is written while the one before it is synced. */
  #ahead: GroupInFlight | undefined

  get acknowledgedBefore(): number {
    return this.durableBefore
  }

  get isBusy(): boolean {
    return (this.#ahead ?? this.#syncing) !== undefined
  }

  get isSyncing(): boolean {
    return this.#syncing !== undefined
  }

  async next(): Promise<Group | undefined> {
    if (this.#syncing === undefined) {
      const ahead = this.#ahead
      this.#ahead = undefined
      const group = ahead?.group ?? this.queue.take()
      if (group === undefined) return undefined
      assert(this.durableBefore === this.writtenBefore, 'what is written next is behind nothing unsynced')
      if (!ahead && this.#fitsOneCall(group)) return (await this.#writtenSynced(group)) ? group : undefined
      if (!(await this.written(ahead ?? this.write(group)))) return undefined
      this.#startSync(group)
    }
    const { group } = this.#syncing!
    return (await this.#endSync()) ? group : undefined
  }

  /**
   * What lands of a group that is written ahead lands behind a group that no watermark covers yet:
   * should that be torn, the log ends before both.
   */
  appended(): void {
    if (!this.#syncing || this.#ahead || !this.isEager) return
    const next = this.queue.first!
    // One that opens a segment, and those behind it, wait until it is their turn.
    if (!next.opensSegment && next.position.segment === this.writer.active.number)
      this.#ahead = this.write(this.queue.take()!)
  }

  /** Every group is synced as soon as it is written. */
  syncOnceWritten(): void {}

  async writeWatermark(watermark: FrameHeader): Promise<void> {
    const group = await this.writeWatermarks(watermark)
    if (group === undefined) return
    this.#startSync(group)
    if (await this.#endSync()) this.queue.release(group)
  }

  async settled(): Promise<void> {}

  /**
   * A group behind which none would be written meanwhile is on the disk sooner if one call writes
   * and syncs it.
   */
  #fitsOneCall(group: Group): boolean {
    const isSmall = Math.max(group.bytes, this.lastGroupBytes) < ONE_CALL_BELOW_BYTES && !group.opensSegment
    return isSmall && this.writer.canWriteSynced
  }

  async #writtenSynced(group: Group): Promise<boolean> {
    if (!(await this.written(this.inFlight(group, this.writer.writeSynced(group, this.durableBefore)))))
      return false
    this.noteDurable(this.writtenBefore)
    return true
  }

  #startSync(group: Group): void {
    this.#syncing = { group, before: this.writtenBefore, failure: this.writer.sync() }
    this.appended()
  }

  async #endSync(): Promise<boolean> {
    const { group, before, failure } = this.#syncing!
    const found = await failure
    this.#syncing = undefined
    if (found) {
      const ahead = this.#ahead
      this.#ahead = undefined
      this.fail([group, ahead?.group], found)
      await ahead?.failure
      return false
    }
    this.noteDurable(before)
    this.#syncAhead()
    return true
  }

  /**
   * The callers of the group that was just synced would keep the loop busy, and the disk idle, if
   * they went on before the next sync begins.
   */
  #syncAhead(): void {
    const ahead = this.#ahead
    if (!ahead?.isDone) return
    this.#ahead = undefined
    this.noteWritten(ahead)
    this.#startSync(ahead.group)
  }
}
