import { clearInterval, setImmediate, setInterval } from '../../clock.ts'
import { groupChannel, poisonChannel } from '../../diagnostics.ts'
import { ioError, refusal } from '../../disk/io-error.ts'
import type { WalError } from '../../errors.ts'
import type { Encodable } from '../../format/encode.ts'
import { FLAG_CLOSED, FRAME_TYPES, type FrameHeader, type FrameType, frameBytes } from '../../format/frame.ts'
import { MAX_SEQUENCE } from '../../limits.ts'
import type { DirectoryLock } from '../directory-lock.ts'
import type { LogWaiter } from '../log.ts'
import type { WalSettings } from '../options.ts'
import type { SegmentList } from '../segment/segments.ts'
import { backpressure, closedError, exhausted, fateUnknown, poisonOf, refusedBy } from './append-error.ts'
import { Backlog, type Urgency } from './backlog.ts'
import { CommitPipeline } from './commit-pipeline.ts'
import { Flushes } from './flushes.ts'
import type { Group, WritePosition } from './group.ts'
import { tellOfGroup } from './group-message.ts'
import { GroupQueue } from './group-queue.ts'
import { IdleTimer } from './idle-timer.ts'
import type { Pipeline, PipelineOwner } from './pipeline.ts'
import { SegmentWriter, type WriteFailure, type WriterCounters, type WriterStart } from './segment-writer.ts'
import { Signal } from './signal.ts'
import { WritePipeline } from './write-pipeline.ts'

/**
 * Group commit: one writer, one order. Appends are encoded into the group that is filling while the
 * one before is written and synced; a group is one write and one sync, and all its appends resolve
 * together (DeWitt et al., "Implementation techniques for main memory database systems", 1984).
 *
 * Where a record is, by its sequence number. Each line implies those above it.
 *
 * | a number before | is |
 * |---|---|
 * | `nextSeq` | encoded, in a group that fills, waits, or is under way |
 * | `writtenBefore` | with the system; acknowledged at the levels `'os'` and `{ intervalMs }` |
 * | `durableBefore` | on stable storage; acknowledged at the level `'commit'` |
 * | `watermark` | known to be so to whoever reads the file |
 *
 * The states of a writer.
 *
 * | state | what goes on | it ends with |
 * |---|---|---|
 * | idle | nothing; a timer, unless the watermark has caught up | an append or a flush; the timer |
 * | scheduled | callers of one turn of the event loop share a group | the turn, or a full group |
 * | running | steps of the pipeline, one after another, until nothing waits | the last step |
 * | marking | the watermark is written | that |
 * | poisoned | nothing is written or synced; every call is refused | closing |
 * | closed | what was appended before is written and synced; every call is refused | |
 *
 * What holds at every moment:
 * - Sequence numbers, timestamps and the four marks never decrease, but for `nextSeq`: a refusal
 *   gives back numbers of which nothing was written.
 * - Groups are written in the order of their numbers, one write at a time. One sync at a time.
 * - A sync makes durable what was written before it began, and nothing else.
 * - A new segment is begun only when everything in the one before is durable.
 * - What a watermark in the file covers was durable when it was written.
 * - Whatever waits is scheduled: nothing but the records of an open transaction stays in the queue
 *   of an idle writer, and those not for long.
 */
export class GroupCommit implements PipelineOwner {
  readonly moved: Signal = new Signal()
  readonly #settings: WalSettings
  readonly #writer: SegmentWriter
  readonly #lock: DirectoryLock
  readonly #queue: GroupQueue
  readonly #pipeline: Pipeline
  readonly #flushes = new Flushes()
  readonly #refusedFrom: (seq: number) => void
  #nextSeq: number
  #lastTimestamp: number
  /** Those who wait until less is pending. */
  readonly #backlog: Backlog
  #groups = 0
  #closed = false
  #scheduled = false
  #isRunning = false
  /** The last piece of work on the files, done or not. */
  #underWay: Promise<void> | undefined
  #poison: WalError | undefined
  readonly #idleTimer = new IdleTimer(() => this.#idled())
  #syncTimer: NodeJS.Timeout | undefined

  /**
   * `refusedFrom`: everything that was appended from a sequence number on is refused. Called before
   * the callers learn of it.
   */
  constructor(
    settings: WalSettings,
    segments: SegmentList,
    start: WriterStart,
    refusedFrom: (seq: number) => void,
  ) {
    const { durability } = settings
    this.#settings = settings
    this.#backlog = new Backlog(settings.maxPendingBytes)
    this.#writer = new SegmentWriter(settings, segments, start)
    this.#lock = start.lock
    this.#refusedFrom = refusedFrom
    this.#queue = new GroupQueue(this.#writer)
    const LevelPipeline = durability === 'commit' ? CommitPipeline : WritePipeline
    this.#pipeline = new LevelPipeline(this.#writer, this.#queue, this, start.nextSeq)
    this.#nextSeq = start.nextSeq
    this.#lastTimestamp = start.lastTimestamp
    if (typeof durability === 'object')
      this.#syncTimer = setInterval(() => this.#syncAppended(), durability.intervalMs).unref()
  }

  /** From opening on. */
  get counters(): WriterCounters {
    const { count: syncs, lastMs: lastSyncMs, medianMs: medianSyncMs } = this.#writer.syncTimes
    return { groups: this.#groups, ...this.#writer.counters, syncs, lastSyncMs, medianSyncMs }
  }

  /** Bytes that were appended and are not acknowledged yet. */
  get pendingBytes(): number {
    return this.#backlog.bytes
  }

  get nextSeq(): number {
    return this.#nextSeq
  }

  get lastTimestamp(): number {
    return this.#lastTimestamp
  }

  get durableBefore(): number {
    return this.#pipeline.durableBefore
  }

  get position(): WritePosition {
    return this.#writer.position
  }

  get poison(): WalError | undefined {
    return this.#poison ?? this.#lock.lost
  }

  /** Every record before it has reached the level at which appends are acknowledged. */
  get acknowledgedBefore(): number {
    return this.#pipeline.acknowledgedBefore
  }

  /**
   * Encodes a record at the end of the log. Resolves to its sequence number when the group is
   * acknowledged.
   * @throws WALV_CLOSED, WALV_POISONED, WALV_BACKPRESSURE, WALV_SEQUENCE_EXHAUSTED at once; then
   * nothing was logged
   */
  append(payload: Encodable, urgency: Urgency = 'usual'): Promise<number> {
    const { type, bytes: payloadBytes, envelopeFlags = 0 } = payload
    const bytes = this.#admit(payloadBytes, urgency)
    const group = this.#queue.groupFor(bytes, this.#nextSeq)
    const done = group.add(payload, this.#header(type, payloadBytes, envelopeFlags))
    this.#added(bytes, urgency)
    return done
  }

  /** The same without a promise. */
  hand(payload: Encodable, waiter: LogWaiter): void {
    const { type, bytes: payloadBytes, envelopeFlags = 0 } = payload
    const bytes = this.#admit(payloadBytes, 'usual')
    const group = this.#queue.groupFor(bytes, this.#nextSeq)
    group.addFor(waiter, payload, this.#header(type, payloadBytes, envelopeFlags))
    this.#added(bytes, 'usual')
  }

  /**
   * Resolves when everything appended so far is synced: after the sync that is under way and one
   * more, whatever is appended meanwhile.
   */
  flush(): Promise<void> {
    if (this.poison) return Promise.reject(this.poison)
    if (this.durableBefore >= this.#nextSeq) return Promise.resolve()
    const done = this.#flushes.wait(this.#nextSeq)
    this.#syncAppended()
    return done
  }

  /** Resolves when less is pending than now, at once if nothing is. */
  drained(): Promise<void> {
    if (this.pendingBytes === 0) return Promise.resolve()
    this.#schedule()
    return this.#backlog.drained()
  }

  /**
   * For what changes names in the directory: whether that is still this writer's.
   * @throws WALV_LOCK_LOST, WALV_IO
   */
  async needLock(): Promise<void> {
    const trouble = await this.#writer.lookAtLock()
    // What is under way ends first, and is told then.
    if (trouble?.lost && !this.#poison && !this.#isRunning) this.failed([], trouble)
    if (trouble) throw trouble.lost ?? ioError(trouble.cause, trouble.what, this.#settings.directory)
  }

  /**
   * Flushes, writes down that the log was closed in order, and lets go of the files. From the call
   * on nothing more is taken, also of transactions that are open.
   */
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#syncTimer)
    const poisonedBefore = this.poison
    try {
      if (!poisonedBefore) await this.flush()
      await this.#underWay
      await this.#pipeline.settled()
      this.#idleTimer.disarm()
      if (!this.poison) await this.#pipeline.writeWatermark(this.#watermark(FLAG_CLOSED))
      await this.#pipeline.settled()
    } finally {
      await this.#writer.close()
    }
    if (this.#poison && !poisonedBefore) throw this.#poison
  }

  #added(bytes: number, urgency: Urgency): void {
    this.#nextSeq++
    this.#backlog.bytes += bytes
    // Otherwise a whole group waits, or half of what may.
    if (urgency !== 'lazy' || this.#queue.hasWaiting || this.#backlog.isHalfFull) this.#schedule()
    else this.#armIdleTimer()
  }

  #admit(payloadBytes: number, urgency: Urgency): number {
    const bytes = frameBytes(payloadBytes)
    if (this.#closed) throw closedError(this.#settings.directory)
    if (this.poison) throw refusedBy(this.poison, this.poison)
    if (urgency !== 'exempt' && !this.#backlog.hasRoomFor(bytes)) {
      // What is in the way may be records that nobody waits for.
      this.#schedule()
      throw backpressure(this.pendingBytes, this.#settings.maxPendingBytes)
    }
    if (this.#nextSeq > MAX_SEQUENCE) throw exhausted()
    return bytes
  }

  #header(type: FrameType, payloadBytes: number, flags: number): FrameHeader {
    const now = this.#settings.clock()
    if (now > this.#lastTimestamp) this.#lastTimestamp = now
    const { durableBefore } = this.#pipeline
    return { type, payloadBytes, seq: this.#nextSeq, durableBefore, timestamp: this.#lastTimestamp, flags }
  }

  #watermark(flags: number): FrameHeader {
    return this.#header(FRAME_TYPES.watermark, 0, flags)
  }

  /** Has everything that was appended so far written and synced. */
  #syncAppended(): void {
    if (this.poison || this.durableBefore >= this.#nextSeq) return
    if (this.#hasWork()) this.#schedule()
    this.#pipeline.syncOnceWritten(this.#nextSeq)
  }

  /**
   * Lets the callers of this turn of the event loop share a group, unless that is large: then it is
   * on its way while the rest are encoded.
   */
  #schedule(): void {
    if (this.#isRunning) this.#pipeline.appended()
    else if (this.#pipeline.isEager) this.#run()
    else if (!this.#scheduled) {
      this.#scheduled = true
      this.#idleTimer.disarm()
      setImmediate(() => {
        this.#scheduled = false
        if (!this.#isRunning && this.#hasWork()) this.#run()
      })
    }
  }

  #run(): void {
    this.#idleTimer.disarm()
    this.#isRunning = true
    this.#underWay = this.#commitAll()
  }

  /**
   * What is acknowledged, and whether there is more to do at once, is settled before its callers go
   * on.
   */
  async #commitAll(): Promise<void> {
    do {
      const done = await this.#pipeline.next()
      if (done) this.#acknowledge(done)
      this.#settleFlushes()
    } while (this.#pipeline.isBusy || this.#pipeline.isEager)
    this.#rest()
  }

  /** Those whose appends just resolved may append again, and share the next group. */
  #rest(): void {
    this.#isRunning = false
    if (this.#hasWork()) this.#schedule()
    else this.#markWhenIdle()
  }

  #acknowledge(group: Group): void {
    this.#backlog.bytes -= group.bytes
    this.#pipeline.lastGroupBytes = group.bytes
    this.#pipeline.lastGroupWeight = group.weight
    this.#groups++
    this.#queue.release(group)
    this.#writer.prepareAhead(group.bytes, this.#hasWork())
    if (groupChannel.hasSubscribers) tellOfGroup(this.#settings, group, this.#writer, this.pendingBytes)
    group.resolve()
    this.#backlog.tell()
    this.moved.tell()
  }

  /**
   * Rejects a group and all that wait behind it: nothing of them is on disk, and their sequence
   * numbers are free again.
   */
  refused(group: Group, { cause, what }: WriteFailure): void {
    const errorOf = refusal(cause, what)
    const behind = this.#takeAll()
    this.#nextSeq = group.firstSeq
    this.#refusedFrom(group.firstSeq)
    this.#queue.goOnBehindWritten()
    for (const each of [group, ...behind]) each.reject(errorOf)
    this.#backlog.tell()
    this.#settleFlushes()
  }

  #takeAll(): Group[] {
    this.#backlog.bytes = 0
    return this.#queue.takeAll()
  }

  /**
   * Fail-stop: after a failed sync nothing that was written since the last good one can be trusted,
   * and no later sync can tell.
   */
  failed(written: readonly (Group | undefined)[], { what, cause, lost, isWritten }: WriteFailure): void {
    const { durableBefore, acknowledgedBefore } = this
    const poison = lost ?? poisonOf(what, cause, this.#writer.active.path, durableBefore, acknowledgedBefore)
    this.#poison = poison
    if (poisonChannel.hasSubscribers)
      poisonChannel.publish({ directory: this.#settings.directory, error: poison })
    const behind = this.#takeAll()
    const isRefused = lost && !isWritten
    for (const each of written)
      each?.reject((seq) => (isRefused ? refusedBy(lost, lost) : fateUnknown(poison, seq)))
    for (const each of behind) each.reject(() => refusedBy(poison, cause))
    this.#backlog.tell()
    this.#flushes.fail(poison)
    this.moved.tell()
  }

  synced(): void {
    this.#settleFlushes()
    if (!this.#isRunning && !this.#hasWork()) this.#markWhenIdle()
  }

  #settleFlushes(): void {
    this.#flushes.settle(this.durableBefore, this.#nextSeq)
  }

  get #lacksWatermark(): boolean {
    return !this.poison && !this.#closed && this.#pipeline.watermark < this.durableBefore
  }

  #markWhenIdle(): void {
    if (this.#lacksWatermark) this.#armIdleTimer()
  }

  #armIdleTimer(): void {
    // What runs, or is about to, looks itself at what is left.
    if (this.#isRunning || this.#scheduled) return
    this.#idleTimer.arm()
  }

  /**
   * Records that wait for their transaction's commit go first: a watermark cannot overtake them.
   * The end of a sync tells again that the log is idle.
   */
  #idled(): void {
    if (this.#hasWork()) this.#schedule()
    else if (this.#lacksWatermark && !this.#pipeline.isSyncing) {
      this.#isRunning = true
      this.#underWay = this.#pipeline.writeWatermark(this.#watermark(0)).finally(() => this.#rest())
    }
  }

  /** Behind every waiting group there is one that is filling, or was and is under way. */
  #hasWork(): boolean {
    return !this.#queue.isEmpty || this.#pipeline.isBusy
  }
}
