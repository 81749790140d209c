import { basename } from 'node:path'
import { monotonicMs } from '../../clock.ts'
import { rotationChannel } from '../../diagnostics.ts'
import { readFully, writeFully } from '../../disk/disk.ts'
import { isDiskFull } from '../../disk/io-error.ts'
import { changeNames } from '../../disk/names.ts'
import { WalError } from '../../errors.ts'
import { alignUp } from '../../format/byte-buffer.ts'
import { FRAME_HEADER_BYTES } from '../../format/frame.ts'
import { SEGMENT_HEADER_BYTES } from '../../format/segment.ts'
import { SegmentCodec } from '../../format/segment-codec.ts'
import type { DirectoryLock } from '../directory-lock.ts'
import type { LogStats } from '../log.ts'
import type { WalSettings } from '../options.ts'
import { SegmentSupply } from '../segment/segment-supply.ts'
import type { OpenSegment, SegmentList } from '../segment/segments.ts'
import type { Group, WritePosition } from './group.ts'
import { SyncTimes } from './sync-times.ts'

/** Why bytes are not where they should be. */
export interface WriteFailure {
  /**
   * Nothing of the group is in the log, or ever will be, and the log can go on. Otherwise it may
   * be, and nothing more may be written.
   */
  readonly refused: boolean
  /** What was being done. */
  readonly what: string
  readonly cause: NodeJS.ErrnoException
  /** The log cannot go on: its directory is not its own any more. */
  readonly lost?: WalError
  /** The group is in the file all the same: whoever has the directory now may have read it. */
  readonly isWritten?: boolean
}

/** What a writer starts from: the log as recovery left it, all of it durable. */
export interface WriterStart extends ActiveSegment {
  readonly nextSeq: number
  readonly lastTimestamp: number
}

/** What a log that is written counts. */
export type WriterCounters = Pick<
  LogStats,
  'groups' | 'syncs' | 'bytesWritten' | 'rotations' | 'lastSyncMs' | 'medianSyncMs'
>

/** Where a writer goes on. */
export interface ActiveSegment {
  readonly lock: DirectoryLock
  readonly logId: Buffer
  readonly segment: OpenSegment
  /** The number of the segment with the records before it; 0 for none. */
  readonly previous: number
  /** Where its last frame ends. */
  readonly offset: number
}

const PAGE_BYTES = 4096
const NO_FRAME = Buffer.alloc(FRAME_HEADER_BYTES)
/**
 * From groups of so many bytes on, what a sync costs to give a file its blocks is less than to
 * write every byte twice.
 */
const SPARSE_FROM_BYTES = 64 * 1024

/**
 * While groups wait for one another, a segment without zeros has room for so many: one twice as
 * large as the one before would soon be full, and to make one takes as long as several syncs.
 */
const GROUPS_A_SEGMENT = 16

/**
 * The active segment and those that follow it: what is written to files, and how that goes wrong.
 * One call at a time.
 */
export class SegmentWriter {
  readonly counters: { bytesWritten: number; rotations: number } = { bytesWritten: 0, rotations: 0 }
  readonly syncTimes: SyncTimes
  readonly #settings: WalSettings
  readonly #segments: SegmentList
  readonly #supply: SegmentSupply
  readonly #lock: DirectoryLock
  readonly #logId: Buffer
  #active: OpenSegment
  #activeSince: number
  #offset: number
  #isTainted = false
  /** The number of the segment that the active one goes on from. */
  #previous: number
  /** The sync under way, or the last one. */
  #synced: Promise<WriteFailure | undefined> = Promise.resolve(undefined)

  constructor(
    settings: WalSettings,
    segments: SegmentList,
    { lock, logId, segment, previous, offset }: ActiveSegment,
  ) {
    this.#settings = settings
    this.syncTimes = new SyncTimes(settings)
    this.#segments = segments
    this.#lock = lock
    this.#supply = new SegmentSupply(settings.disk, settings.directory, lock)
    this.#logId = logId
    this.#active = segment
    this.#previous = previous
    this.#activeSince = settings.ageClock()
    this.#offset = offset
  }

  get active(): OpenSegment {
    return this.#active
  }

  /** The active segment holds bytes of a failed write: nothing more may be written to it, ever. */
  get isTainted(): boolean {
    return this.#isTainted
  }

  /** Whether a segment takes no more records: it is the active one, and tainted or too old. */
  isOver(segment: number): boolean {
    return segment === this.#active.number && (this.#isTainted || this.#isExpired)
  }

  /** Where what is written ends. */
  get position(): WritePosition {
    return this.#positionIn(this.#active.number, this.#active.capacity, this.#offset)
  }

  /**
   * The beginning of the segment behind another, with room for so many bytes at least.
   * `groupBytes`: of the group that waits in front of it, if one does.
   */
  positionBehind({ segment, capacity }: WritePosition, bytes: number, groupBytes: number): WritePosition {
    const needed = alignUp(SEGMENT_HEADER_BYTES + bytes, PAGE_BYTES)
    const next = this.#supply.underWay(segment + 1) ?? this.#nextCapacity(capacity, groupBytes)
    return this.#positionIn(segment + 1, Math.max(next, needed), SEGMENT_HEADER_BYTES)
  }

  #positionIn(segment: number, capacity: number, offset: number): WritePosition {
    return { segment, capacity, offset, codec: SegmentCodec.of(this.#logId, segment) }
  }

  /** Whether the active segment has records and is older than segments may get. */
  get #isExpired(): boolean {
    return (
      this.#offset > SEGMENT_HEADER_BYTES &&
      this.#settings.ageClock() - this.#activeSince >= this.#settings.segmentMaxAgeMs
    )
  }

  #nextCapacity(capacity: number, groupBytes: number): number {
    let next = 2 * capacity
    if (groupBytes >= SPARSE_FROM_BYTES) while (next < GROUPS_A_SEGMENT * groupBytes) next *= 2
    return Math.min(next, this.#settings.segmentMaxBytes)
  }

  /** Whether a group for the active segment can be written and synced in one call. */
  get canWriteSynced(): boolean {
    return this.#active.file.writeSynced !== undefined
  }

  /**
   * Writes a group where it was planned to go, and syncs it in the same call: nothing that was
   * written before may be unsynced.
   */
  async writeSynced(group: Group, durableBefore: number): Promise<WriteFailure | undefined> {
    if (this.#lock.lost) return troubleOf(this.#lock.lost)
    const started = monotonicMs()
    const trouble = await this.#writeBehind(group, durableBefore, 'writeSynced')
    if (!trouble) this.syncTimes.note(this.#active.path, monotonicMs() - started)
    return trouble
  }

  /**
   * Writes a group where it was planned to go; one that opens a segment into a new one, which then
   * is the active one. Does not sync. The lock is looked at before a new segment is made, and
   * behind every write.
   */
  write(group: Group, durableBefore: number, createdAt: number): Promise<WriteFailure | undefined> {
    const { lost } = this.#lock
    if (lost) return Promise.resolve(troubleOf(lost))
    if (group.opensSegment) return this.#writeIntoNext(group, durableBefore, createdAt)
    return this.#writeBehind(group, durableBefore, 'write')
  }

  /** Whether the directory is still this writer's. */
  async lookAtLock(): Promise<WriteFailure | undefined> {
    try {
      const lost = await this.#lock.look()
      return lost && troubleOf(lost)
    } catch (error) {
      const what = `The lock of ${this.#settings.directory} cannot be looked at`
      return { refused: true, what, cause: error as NodeJS.ErrnoException }
    }
  }

  async #writeBehind(
    group: Group,
    durableBefore: number,
    how: 'write' | 'writeSynced',
  ): Promise<WriteFailure | undefined> {
    group.setWatermark(durableBefore)
    const bytes = group.frames()
    try {
      await writeFully(this.#active.file, bytes, group.position.offset, how)
    } catch (error) {
      return this.#failed(error, this.#active, () => this.#invalidate(group))
    }
    this.#wrote(group, bytes)
    return this.#stillOwned()
  }

  /**
   * Whoever takes the lock after this look reads what was written before it. What is acknowledged
   * is therefore in the log that the next writer opens, though somebody takes the lock away at any
   * moment.
   */
  async #stillOwned(): Promise<WriteFailure | undefined> {
    const failure = await this.lookAtLock()
    return failure && { ...failure, refused: false, isWritten: true }
  }

  async #writeIntoNext(
    group: Group,
    durableBefore: number,
    createdAt: number,
  ): Promise<WriteFailure | undefined> {
    const { segment: number, capacity: wanted } = group.position
    const trouble = await this.lookAtLock()
    if (trouble) return trouble
    let target: OpenSegment
    try {
      target = await this.#supply.take(number, wanted)
    } catch (error) {
      if (error instanceof WalError && error.code === 'WALV_LOCK_LOST') {
        this.#lock.lose(error)
        return troubleOf(error)
      }
      const what = `A new segment cannot be made in ${this.#settings.directory}`
      return { refused: true, what, cause: error as NodeJS.ErrnoException }
    }
    const { capacity } = target
    // One without a record is superseded by the next.
    const previous = this.#offset > SEGMENT_HEADER_BYTES ? this.#active.number : this.#previous
    const { firstSeq } = group
    const header = { logId: this.#logId, number, firstSeq, capacity, durableBefore, createdAt, previous }
    group.setWatermark(durableBefore)
    const bytes = group.withHeader(header)
    try {
      await writeFully(target.file, bytes, 0)
    } catch (error) {
      return this.#failed(error, target, () => this.#remove(target))
    }
    await this.#active.file.close().catch(() => {})
    this.#active = target
    this.#previous = previous
    this.#isTainted = false
    this.#activeSince = this.#settings.ageClock()
    this.#segments.add(target, header)
    this.counters.rotations++
    if (rotationChannel.hasSubscribers) {
      const { directory } = this.#settings
      rotationChannel.publish({ directory, file: target.path, segment: number, capacityBytes: capacity })
    }
    this.#wrote(group, bytes)
    return this.#stillOwned()
  }

  #wrote(group: Group, { length }: Buffer): void {
    this.#offset = group.endOffset
    this.counters.bytesWritten += length
  }

  /**
   * A full disk is ordinary: what landed of the group is undone. Any other failure, or one while
   * doing that, leaves open what is on disk.
   */
  async #failed(error: unknown, target: OpenSegment, undo: () => Promise<void>): Promise<WriteFailure> {
    const cause = error as NodeJS.ErrnoException
    const name = basename(target.path)
    // What a failed sync leaves open stays open, and only one sync at a time is told what failed.
    const lost = await this.#synced
    if (lost || !isDiskFull(cause)) {
      if (target !== this.#active) await target.file.close().catch(() => {})
      return { refused: false, what: `Writing to ${name} failed`, cause }
    }
    try {
      await undo()
    } catch (second) {
      const what = `The disk is full, and undoing a half-written group in ${name} failed`
      return { refused: false, what, cause: second as NodeJS.ErrnoException }
    }
    return { refused: true, what: `Writing to ${name} failed`, cause }
  }

  /**
   * Without its first frame, a group is a torn tail. The segment is not written to again, so
   * nothing can complete it. Where nothing of it landed, there may be no block, for which a full
   * disk has no room. Watermarks alone stay as they landed: what they say is true, and zeros over
   * one of them would be damage in front of the other.
   */
  async #invalidate({ position: { offset }, firstSeq, nextSeq }: Group): Promise<void> {
    this.#isTainted = true
    if (nextSeq === firstSeq) return
    const { file } = this.#active
    const landed = Buffer.alloc(FRAME_HEADER_BYTES)
    await readFully(file, landed, offset)
    const end = landed.findLastIndex((byte) => byte !== 0) + 1
    if (end === 0) return
    await writeFully(file, NO_FRAME.subarray(0, end), offset)
    await file.sync()
  }

  async #remove(segment: OpenSegment): Promise<void> {
    const { disk, directory } = this.#settings
    // It goes: what closing answers means nothing.
    await segment.file.close().catch(() => {})
    await changeNames(disk, directory, () => disk.remove(segment.path))
  }

  /**
   * Syncs the active segment: everything written before the call. A failed sync tells nothing about
   * any byte since the last good one.
   */
  sync(): Promise<WriteFailure | undefined> {
    this.#synced = this.#sync()
    return this.#synced
  }

  async #sync(): Promise<WriteFailure | undefined> {
    const started = monotonicMs()
    try {
      await this.#active.file.sync()
    } catch (error) {
      const what = `Syncing ${basename(this.#active.path)} failed`
      return { refused: false, what, cause: error as NodeJS.ErrnoException }
    }
    this.syncTimes.note(this.#active.path, monotonicMs() - started)
    return undefined
  }

  /**
   * Begins to make the next segment once half of this one is used, in the way that suits groups of
   * this size, and where more of them wait already.
   */
  prepareAhead(groupBytes: number, isBusy: boolean): void {
    const { number, capacity } = this.#active
    if (this.#offset < capacity / 2) return
    const next = this.#nextCapacity(capacity, isBusy ? groupBytes : 0)
    this.#supply.prepare(number + 1, next, groupBytes < SPARSE_FROM_BYTES)
  }

  /** Lets go of the files. Everything is synced, or lost: what closing answers changes nothing. */
  async close(): Promise<void> {
    await this.#active.file.close().catch(() => {})
    await this.#supply.discard().catch(() => {})
  }
}

const troubleOf = (lost: WalError): WriteFailure => ({
  refused: false,
  what: lost.message,
  cause: lost,
  lost,
})
