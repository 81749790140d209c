import { groupChannel, poisonChannel } from '../diagnostics.ts'
import { assert, type WalError } from '../errors.ts'
import { type Encodable, flagsOf, inTransaction } from '../format/encode.ts'
import { FLAG_CLOSED, frameBytes } from '../format/frame.ts'
import { MAX_SEQUENCE } from '../limits.ts'
import { backpressure, closedError, exhausted, fateUnknown, poisonOf, refusedBy } from './append-error.ts'
import type { Group } from './group.ts'
import { GroupQueue } from './group-queue.ts'
import { refusal } from './io-error.ts'
import type { WalSettings } from './options.ts'
import { type ActiveSegment, SegmentWriter, type WriteTrouble } from './segment-writer.ts'
import type { SegmentList } from './segments.ts'

/** How long the log must be idle before it writes down that all of it is durable. */
const IDLE_PROMISE_MS = 100
/** From so many bytes on a group is worth a sync of its own, while its callers' next appends are encoded. */
const EAGER_BYTES = 256 * 1024
/** Below so many bytes, the group before counted too, there is too little to encode and write during a sync for that to be worth a second call. */
const ONE_CALL_BELOW_BYTES = 64 * 1024

/** What a writer starts from: the log as recovery left it, all of it durable. */
export interface WriterStart extends ActiveSegment {
  readonly nextSeq: number
  readonly lastTimestamp: number
}

/** A group on its way into the file. */
interface Writing {
  readonly group: Group
  /** What its last frame promises. */
  readonly promisedBefore: number
  readonly trouble: Promise<WriteTrouble | undefined>
  /** All of it is with the operating system. */
  isDone: boolean
}

/** A sync under way. */
interface Syncing {
  /** Its callers wait for the sync. */
  readonly group: Group | undefined
  /** Once it has ended, every record with a smaller number is durable. */
  readonly before: number
  readonly trouble: Promise<WriteTrouble | undefined>
}

interface Flush {
  readonly before: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** What the writer counts, from opening on. */
export interface WriterCounters {
  readonly groups: number
  readonly syncs: number
  readonly bytesWritten: number
  readonly rotations: number
  readonly lastSyncMs: number
  readonly medianSyncMs: number | undefined
}

/**
 * Group commit: one writer, one order. Appends are encoded into the group that is filling while the one before is written and synced; a group is
 * one write and one sync, and all its appends resolve together (DeWitt et al., "Implementation techniques for main memory database systems", 1984).
 */
export class GroupCommit {
  pendingBytes = 0
  readonly #settings: WalSettings
  readonly #writer: SegmentWriter
  readonly #queue: GroupQueue
  readonly #refusedFrom: (seq: number) => void
  #nextSeq: number
  #writtenBefore: number
  #durableBefore: number
  #promisedBefore: number
  #lastTimestamp: number
  #flushes: Flush[] = []
  /** Those who wait until less is pending. */
  #drained: (() => void)[] = []
  #groups = 0
  #lastGroupBytes = 0
  #closed = false
  #scheduled = false
  #isRunning = false
  #syncing: Syncing | undefined
  /** The group that is written while the one before it is synced. */
  #ahead: Writing | undefined
  /** The last piece of work on the files, done or not. */
  #underWay: Promise<void> | undefined
  #poison: WalError | undefined
  #idleTimer: NodeJS.Timeout | undefined
  #syncTimer: NodeJS.Timeout | undefined

  /** `refusedFrom`: everything that was appended from a sequence number on is refused. Called before the callers learn of it. */
  constructor(settings: WalSettings, segments: SegmentList, start: WriterStart, refusedFrom: (seq: number) => void) {
    this.#settings = settings
    this.#writer = new SegmentWriter(settings, segments, start)
    this.#refusedFrom = refusedFrom
    this.#queue = new GroupQueue(this.#writer)
    this.#nextSeq = start.nextSeq
    this.#writtenBefore = start.nextSeq
    this.#durableBefore = start.nextSeq
    this.#promisedBefore = start.nextSeq
    this.#lastTimestamp = start.lastTimestamp
    if (typeof settings.durability === 'object') {
      this.#syncTimer = setInterval(() => this.#flushQuietly(), settings.durability.intervalMs).unref()
    }
  }

  get counters(): WriterCounters {
    const { count, lastMs, medianMs } = this.#writer.syncTimes
    return { groups: this.#groups, ...this.#writer.counters, syncs: count, lastSyncMs: lastMs, medianSyncMs: medianMs }
  }

  get nextSeq(): number {
    return this.#nextSeq
  }

  get durableBefore(): number {
    return this.#durableBefore
  }

  get poison(): WalError | undefined {
    return this.#poison
  }

  /** Every record with a smaller sequence number has reached the level at which appends are acknowledged. */
  get acknowledgedBefore(): number {
    return this.#settings.durability === 'commit' ? this.#durableBefore : this.#writtenBefore
  }

  /**
   * Encodes a record at the end of the log. Resolves to its sequence number when the group is acknowledged; a `lazy` one does not ask for that
   * by itself.
   * @throws WALV_CLOSED, WALV_POISONED, WALV_BACKPRESSURE, WALV_SEQUENCE_EXHAUSTED at once; then nothing was logged
   */
  append(entry: Encodable, transactionId?: number, lazy = false): Promise<number> {
    const payload = transactionId === undefined ? entry : inTransaction(entry, transactionId)
    const bytes = frameBytes(payload.bytes)
    this.#admit(bytes)
    const group = this.#queue.groupFor(bytes, this.#nextSeq)
    const done = group.add(payload, this.#fields(flagsOf(transactionId)))
    this.#nextSeq++
    this.pendingBytes += bytes
    if (!lazy || this.#queue.hasWaiting) this.#schedule()
    return done
  }

  /** Resolves when everything appended so far is synced. */
  flush(): Promise<void> {
    if (this.#poison) return Promise.reject(this.#poison)
    if (this.#durableBefore >= this.#nextSeq) return Promise.resolve()
    this.#schedule()
    return new Promise((resolve, reject) => this.#flushes.push({ before: this.#nextSeq, resolve, reject }))
  }

  /** Resolves when less is pending than now, at once if nothing is. */
  drained(): Promise<void> {
    if (this.pendingBytes === 0) return Promise.resolve()
    this.#schedule()
    return new Promise((resolve) => this.#drained.push(resolve))
  }

  #tellDrained(): void {
    const waiting = this.#drained
    this.#drained = []
    for (const resolve of waiting) resolve()
  }

  /** Flushes, writes down that the log was closed in order, and lets go of the files. From the call on nothing more is taken, also of transactions that are open. */
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#syncTimer)
    const poisonedBefore = this.#poison
    try {
      if (!poisonedBefore) await this.flush()
      await this.#underWay
      clearTimeout(this.#idleTimer)
      if (!this.#poison) await this.#writePromise(FLAG_CLOSED)
    } finally {
      await this.#writer.close()
    }
    if (this.#poison && !poisonedBefore) throw this.#poison
  }

  #admit(bytes: number): void {
    if (this.#closed) throw closedError(this.#settings.directory)
    if (this.#poison) throw refusedBy(this.#poison, this.#poison)
    if (this.pendingBytes > 0 && this.pendingBytes + bytes > this.#settings.maxPendingBytes)
      throw backpressure(this.pendingBytes, this.#settings.maxPendingBytes)
    if (this.#nextSeq > MAX_SEQUENCE) throw exhausted()
  }

  #fields(flags: number): { seq: number; durableBefore: number; timestamp: number; flags: number } {
    this.#lastTimestamp = Math.max(this.#lastTimestamp, this.#settings.clock())
    return { seq: this.#nextSeq, durableBefore: this.#durableBefore, timestamp: this.#lastTimestamp, flags }
  }

  /** Lets the callers of this turn of the event loop share a group, unless that is large: then it is on its way while the rest are encoded. */
  #schedule(): void {
    if (this.#isRunning) this.#writeAhead()
    else if (this.#isEager()) this.#run()
    else if (!this.#scheduled) {
      this.#scheduled = true
      clearTimeout(this.#idleTimer)
      setImmediate(() => {
        this.#scheduled = false
        if (!this.#isRunning && this.#hasWork()) this.#run()
      })
    }
  }

  #run(): void {
    clearTimeout(this.#idleTimer)
    this.#isRunning = true
    this.#underWay = this.#commitAll()
  }

  /**
   * Callers that all wait for one group would leave the disk idle while their next appends are encoded, and themselves idle while it is written. Halves of what was written last take turns
   * instead.
   */
  #isEager(): boolean {
    const ready = this.#queue.hasWaiting ? Number.POSITIVE_INFINITY : this.#queue.fillingBytes
    return ready >= EAGER_BYTES && ready >= this.#lastGroupBytes / 2
  }

  /** What is acknowledged, and whether there is more to do at once, is settled before its callers go on. */
  async #commitAll(): Promise<void> {
    do {
      const done = await this.#commitNext()
      if (done) this.#acknowledge(done)
      this.#settleFlushes()
    } while (this.#syncing || this.#ahead || this.#isEager())
    this.#isRunning = false
    // Those whose appends just resolved may append again, and share the next group.
    if (this.#hasWork()) this.#schedule()
    else this.#promiseWhenIdle()
  }

  /** @returns the group that is to be acknowledged, if there was one and it is where it should be */
  async #commitNext(): Promise<Group | undefined> {
    if (this.#syncing === undefined) {
      const ahead = this.#ahead
      this.#ahead = undefined
      const group = ahead?.group ?? this.#queue.take()
      // What a new segment's header promises has to be true first, and a flush may have been asked for.
      if ((group === undefined || group.opensSegment) && !(await this.#syncWritten(group))) return undefined
      if (group === undefined) return undefined
      if (!ahead && this.#fitsOneCall(group)) return (await this.#writtenSynced(group)) ? group : undefined
      if (!(await this.#written(ahead ?? this.#write(group)))) return undefined
      if (this.#settings.durability !== 'commit') return group
      this.#startSync(group)
    }
    const { group } = this.#syncing!
    return (await this.#endSync()) ? group : undefined
  }

  #acknowledge(group: Group): void {
    this.pendingBytes -= group.bytes
    this.#lastGroupBytes = group.bytes
    this.#groups++
    this.#queue.release(group)
    this.#writer.prepareAhead(group.bytes)
    if (groupChannel.hasSubscribers) this.#tellOf(group)
    group.resolve()
    this.#tellDrained()
  }

  #tellOf({ firstSeq, nextSeq, bytes }: Group): void {
    const { directory, durability } = this.#settings
    const syncMs = durability === 'commit' ? this.#writer.syncTimes.lastMs : undefined
    const entries = nextSeq - firstSeq
    groupChannel.publish({ directory, firstSeq, entries, bytes, syncMs, pendingBytes: this.pendingBytes })
  }

  /** A group behind which none would be written meanwhile is on the disk sooner if one call writes and syncs it. */
  #fitsOneCall(group: Group): boolean {
    const isSmall = Math.max(group.bytes, this.#lastGroupBytes) < ONE_CALL_BELOW_BYTES && !group.opensSegment
    return isSmall && this.#settings.durability === 'commit' && this.#writer.canWriteSynced
  }

  async #writtenSynced(group: Group): Promise<boolean> {
    assert(this.#durableBefore === this.#writtenBefore, 'a call that syncs what it writes syncs nothing else')
    if (!(await this.#written(this.#writing(group, this.#writer.writeSynced(group, this.#durableBefore))))) return false
    this.#durableBefore = this.#writtenBefore
    return true
  }

  #write(group: Group): Writing {
    return this.#writing(group, this.#writer.write(group, this.#durableBefore, this.#lastTimestamp))
  }

  #writing(group: Group, trouble: Writing['trouble']): Writing {
    const promisedBefore = this.#durableBefore
    const writing: Writing = { group, promisedBefore, trouble, isDone: false }
    trouble.then((found) => {
      writing.isDone = found === undefined
    })
    return writing
  }

  async #written({ group, promisedBefore, trouble }: Writing): Promise<boolean> {
    const found = await trouble
    if (found) {
      if (found.refused) this.#refuse(group, refusal(found.cause, found.what))
      else this.#setPoison([group], found)
      return false
    }
    this.#noteWritten(group, promisedBefore)
    return true
  }

  #noteWritten(group: Group, promisedBefore: number): void {
    this.#writtenBefore = group.nextSeq
    this.#promisedBefore = promisedBefore
  }

  /**
   * While one group is synced, the next is written behind it, so that the disk does not wait. What lands of it lands behind a group that nothing promises yet: should that be torn, the log ends
   * before both.
   */
  #writeAhead(): void {
    if (!this.#syncing || this.#ahead || !this.#isEager()) return
    const next = this.#queue.first!
    // One that opens a segment, and those behind it, wait until it is their turn.
    if (!next.opensSegment && next.position.segment === this.#writer.active.number)
      this.#ahead = this.#write(this.#queue.take()!)
  }

  #startSync(group: Group | undefined): void {
    this.#syncing = { group, before: this.#writtenBefore, trouble: this.#writer.sync() }
    this.#writeAhead()
  }

  async #endSync(): Promise<boolean> {
    const { group, before, trouble } = this.#syncing!
    const found = await trouble
    this.#syncing = undefined
    if (found) {
      const ahead = this.#ahead
      this.#ahead = undefined
      this.#setPoison([group, ahead?.group], found)
      await ahead?.trouble
      return false
    }
    this.#durableBefore = before
    this.#syncAhead()
    return true
  }

  /** The callers of the group that was just synced would keep the loop busy, and the disk idle, if they went on before the next sync begins. */
  #syncAhead(): void {
    const ahead = this.#ahead
    if (!ahead?.isDone || this.#settings.durability !== 'commit') return
    this.#ahead = undefined
    this.#noteWritten(ahead.group, ahead.promisedBefore)
    this.#startSync(ahead.group)
  }

  async #syncWritten(group?: Group): Promise<boolean> {
    if (this.#durableBefore >= this.#writtenBefore) return true
    this.#startSync(group)
    return this.#endSync()
  }

  /** Rejects a group and all that wait behind it: nothing of them is on disk, and their sequence numbers are free again. */
  #refuse(group: Group, errorOf: (seq: number) => WalError): void {
    const behind = this.#takeAll()
    this.#nextSeq = group.firstSeq
    this.#refusedFrom(group.firstSeq)
    this.#queue.goOnBehindWritten()
    for (const each of [group, ...behind]) each.reject(errorOf)
    this.#tellDrained()
  }

  #takeAll(): Group[] {
    this.pendingBytes = 0
    return this.#queue.takeAll()
  }

  /** Fail-stop: after a failed sync nothing that was written since the last good one can be trusted, and no later sync can tell. */
  #setPoison(written: readonly (Group | undefined)[], { what, cause }: WriteTrouble): void {
    const poison = poisonOf(what, cause, this.#writer.active.path, this.#durableBefore)
    this.#poison = poison
    if (poisonChannel.hasSubscribers) poisonChannel.publish({ directory: this.#settings.directory, error: poison })
    const behind = this.#takeAll()
    for (const each of written) each?.reject((seq) => fateUnknown(poison, seq))
    for (const each of behind) each.reject(() => refusedBy(poison, cause))
    this.#tellDrained()
    this.#settleFlushes()
  }

  #settleFlushes(): void {
    const waiting = this.#flushes
    this.#flushes = []
    for (const flush of waiting) {
      if (this.#poison) flush.reject(this.#poison)
      // After a refusal there may be less to wait for than was asked.
      else if (this.#durableBefore >= Math.min(flush.before, this.#nextSeq)) flush.resolve()
      else this.#flushes.push(flush)
    }
  }

  #promiseWhenIdle(): void {
    if (this.#poison || this.#promisedBefore >= this.#durableBefore) return
    clearTimeout(this.#idleTimer)
    this.#idleTimer = setTimeout(() => {
      // Records that wait for their transaction's commit go first: a promise cannot overtake them.
      if (this.#hasWork()) {
        this.#schedule()
        return
      }
      this.#isRunning = true
      this.#underWay = this.#writePromise(0).finally(() => {
        this.#isRunning = false
        if (this.#hasWork()) this.#schedule()
      })
    }, IDLE_PROMISE_MS).unref()
  }

  /** Writes and syncs a promise for everything in the log. Called only while nothing is under way. */
  async #writePromise(flags: number): Promise<void> {
    assert(this.#writtenBefore === this.#nextSeq, 'a promise stands behind every record')
    const group = this.#queue.groupForPromises(this.#nextSeq)
    if (group === undefined) return
    const fields = this.#fields(flags)
    // Twice, so that exchanging two sectors cannot take the last record and everything that tells of it.
    group.addPromise(fields)
    group.addPromise(fields)
    this.#queue.goOnBehind(group)
    if (!(await this.#written(this.#write(group)))) return
    this.#startSync(group)
    if (await this.#endSync()) this.#queue.release(group)
  }

  /** Behind every waiting group there is one that is filling, or was and is under way. */
  #hasWork(): boolean {
    return !this.#queue.isEmpty || (this.#ahead ?? this.#syncing) !== undefined || this.#flushes.length > 0
  }

  #flushQuietly(): void {
    // A failure poisons the log, and every later call says so.
    this.flush().catch(() => {})
  }
}
