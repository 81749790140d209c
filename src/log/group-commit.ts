import { basename } from 'node:path'
import { type DiskFile, writeFully } from '../disk/disk.ts'
import { WalError } from '../errors.ts'
import { alignUp } from '../format/byte-buffer.ts'
import { type Encodable, flagsOf, inTransaction } from '../format/encode.ts'
import { FLAG_CLOSED, FRAME_HEADER_BYTES, frameBytes } from '../format/frame.ts'
import { SECTOR_BYTES, type SegmentHeader, segmentSeed } from '../format/segment.ts'
import { MAX_SEQUENCE } from '../limits.ts'
import { Group, GroupMemory, type WritePosition } from './group.ts'
import { isDiskFull, refusal } from './io-error.ts'
import type { WalSettings } from './options.ts'
import { SegmentSupply } from './segment-supply.ts'
import { HEADER_ROOM, type OpenSegment, type SegmentList } from './segments.ts'

/** Kept free at the end of a segment, so that two promises, in sectors of their own, always fit behind its last record. */
const PROMISE_ROOM = 2 * (SECTOR_BYTES + FRAME_HEADER_BYTES)
/** How long the log must be idle before it writes down that all of it is durable. */
const IDLE_PROMISE_MS = 100
const PAGE_BYTES = 4096

/** What a writer starts from: the log as recovery left it, all of it durable. */
export interface WriterStart {
  readonly logId: Buffer
  readonly segment: OpenSegment
  /** Where the last frame of the segment ends. */
  readonly offset: number
  readonly nextSeq: number
  readonly lastTimestamp: number
}

interface Flush {
  readonly before: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export interface WriterEvents {
  /** A group has been acknowledged, its appends resolved. */
  acknowledged(): void
  /** Everything that was appended from this sequence number on is refused. Called before the callers learn of it. */
  refused(fromSeq: number): void
}

/** What the writer counts, from opening on. */
export interface WriterCounters {
  groups: number
  syncs: number
  bytesWritten: number
  rotations: number
  lastSyncMs: number
}

/**
 * Group commit: one writer, one order. Appends are encoded into the group that is filling while the one before is written and synced; a group is
 * one write and one sync, and all its appends resolve together (DeWitt et al., "Implementation techniques for main memory database systems", 1984).
 */
export class GroupCommit {
  readonly counters: WriterCounters = { groups: 0, syncs: 0, bytesWritten: 0, rotations: 0, lastSyncMs: 0 }
  pendingBytes = 0
  readonly #settings: WalSettings
  readonly #segments: SegmentList
  readonly #supply: SegmentSupply
  readonly #logId: Buffer
  readonly #memory = new GroupMemory()
  readonly #events: WriterEvents
  #active: OpenSegment
  #activeSince: number
  /** Where the active segment's next frame goes once everything planned before it is written. */
  #writtenOffset: number
  #planned: WritePosition
  /** The active segment holds bytes of a failed write: nothing more may be written to it, ever. */
  #activeSpoiled = false
  /** The next frame opens a segment. */
  #mustRotate = false
  #nextSeq: number
  #writtenBefore: number
  #durableBefore: number
  #promisedBefore: number
  #lastTimestamp: number
  #filling: Group | undefined
  #queue: Group[] = []
  #flushes: Flush[] = []
  #scheduled = false
  #running: Promise<void> | undefined
  #poison: WalError | undefined
  #idleTimer: NodeJS.Timeout | undefined
  #syncTimer: NodeJS.Timeout | undefined

  constructor(settings: WalSettings, segments: SegmentList, start: WriterStart, events: WriterEvents) {
    this.#settings = settings
    this.#segments = segments
    this.#supply = new SegmentSupply(settings.disk, settings.directory)
    this.#logId = start.logId
    this.#events = events
    this.#active = start.segment
    this.#activeSince = settings.clock()
    this.#writtenOffset = start.offset
    this.#planned = this.#positionIn(start.segment.number, start.segment.capacity, start.offset)
    this.#nextSeq = start.nextSeq
    this.#writtenBefore = start.nextSeq
    this.#durableBefore = start.nextSeq
    this.#promisedBefore = start.nextSeq
    this.#lastTimestamp = start.lastTimestamp
    if (typeof settings.durability === 'object') {
      this.#syncTimer = setInterval(() => this.#flushQuietly(), settings.durability.intervalMs).unref()
    }
  }

  get nextSeq(): number {
    return this.#nextSeq
  }

  /** Every record with a smaller sequence number is with the operating system. */
  get writtenBefore(): number {
    return this.#writtenBefore
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
   * @throws WALV_POISONED, WALV_BACKPRESSURE, WALV_SEQUENCE_EXHAUSTED at once; then nothing was logged
   */
  append(entry: Encodable, transactionId?: number, lazy = false): Promise<number> {
    const payload = transactionId === undefined ? entry : inTransaction(entry, transactionId)
    const bytes = frameBytes(payload.bytes)
    this.#admit(bytes)
    const group = this.#groupFor(bytes)
    const done = group.add(payload, this.#fields(flagsOf(transactionId)))
    this.#nextSeq++
    this.#planned = { ...this.#planned, offset: group.endOffset }
    this.pendingBytes += bytes
    if (!lazy || this.#queue.length > 0) this.#schedule()
    return done
  }

  /** Resolves when everything appended so far is synced. */
  flush(): Promise<void> {
    if (this.#poison) return Promise.reject(this.#poison)
    if (this.#durableBefore >= this.#nextSeq) return Promise.resolve()
    this.#schedule()
    return new Promise((resolve, reject) => this.#flushes.push({ before: this.#nextSeq, resolve, reject }))
  }

  /** Flushes, writes down that the log was closed in order, and lets go of the files. */
  async close(): Promise<void> {
    clearInterval(this.#syncTimer)
    const poisonedBefore = this.#poison
    try {
      if (!poisonedBefore) await this.flush()
      await this.#running
      clearTimeout(this.#idleTimer)
      if (!this.#poison) await this.#writePromise(FLAG_CLOSED)
    } finally {
      // Everything is synced: what closing answers changes nothing.
      await this.#active.file.close().catch(() => {})
      await this.#supply.discard().catch(() => {})
    }
    if (this.#poison && !poisonedBefore) throw this.#poison
  }

  #admit(bytes: number): void {
    if (this.#poison) {
      throw new WalError('WALV_POISONED', `${this.#poison.message} This append was not logged.`, {
        fate: 'not-logged',
        cause: this.#poison,
      })
    }
    if (this.pendingBytes > 0 && this.pendingBytes + bytes > this.#settings.maxPendingBytes) {
      throw new WalError(
        'WALV_BACKPRESSURE',
        `${this.pendingBytes} bytes wait to be written and maxPendingBytes is ${this.#settings.maxPendingBytes}. Await earlier appends, or flush(), before appending more. Nothing was logged.`,
        { fate: 'not-logged' },
      )
    }
    if (this.#nextSeq > MAX_SEQUENCE) {
      throw new WalError(
        'WALV_SEQUENCE_EXHAUSTED',
        `The log has used all sequence numbers up to ${MAX_SEQUENCE}. Start a new log. Nothing was logged.`,
        { fate: 'not-logged' },
      )
    }
  }

  #fields(flags: number): { seq: number; durableBefore: number; timestamp: number; flags: number } {
    this.#lastTimestamp = Math.max(this.#lastTimestamp, this.#settings.clock())
    return { seq: this.#nextSeq, durableBefore: this.#durableBefore, timestamp: this.#lastTimestamp, flags }
  }

  #positionIn(segment: number, capacity: number, offset: number): WritePosition {
    return { segment, capacity, offset, seed: segmentSeed(this.#logId, segment) }
  }

  #groupFor(bytes: number): Group {
    const opens =
      this.#mustRotate || this.#aged() || this.#planned.offset + bytes > this.#planned.capacity - PROMISE_ROOM
    if (this.#filling && !opens && this.#filling.fits(bytes)) return this.#filling
    if (this.#filling) this.#queue.push(this.#filling)
    if (opens) this.#planNextSegment(bytes)
    this.#filling = new Group(this.#memory.take(bytes + PROMISE_ROOM), this.#planned, opens, this.#nextSeq)
    return this.#filling
  }

  #aged(): boolean {
    const isActive = this.#planned.segment === this.#active.number
    return (
      isActive &&
      this.#writtenOffset > HEADER_ROOM &&
      this.#settings.clock() - this.#activeSince >= this.#settings.segmentMaxAgeMs
    )
  }

  #planNextSegment(bytes: number): void {
    const { segment, capacity } = this.#planned
    const needed = alignUp(HEADER_ROOM + bytes + PROMISE_ROOM, PAGE_BYTES)
    this.#planned = this.#positionIn(segment + 1, Math.max(this.#nextCapacity(capacity), needed), HEADER_ROOM)
    this.#mustRotate = false
  }

  #nextCapacity(capacity: number): number {
    return Math.min(2 * capacity, this.#settings.segmentMaxBytes)
  }

  /** Lets the callers of this turn of the event loop share a group. */
  #schedule(): void {
    if (this.#scheduled || this.#running) return
    this.#scheduled = true
    clearTimeout(this.#idleTimer)
    setImmediate(() => {
      this.#scheduled = false
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined
        if (this.#hasWork()) this.#schedule()
        else this.#promiseWhenIdle()
      })
    })
  }

  async #run(): Promise<void> {
    for (;;) {
      const group = this.#takeGroup()
      if (group) {
        await this.#commit(group)
        this.#memory.give(group.memory)
      } else if (this.#flushes.length > 0) {
        await this.#syncWritten()
      } else return
      this.#settleFlushes()
      // Those whose appends just resolved may append again, and share the next group.
      await new Promise(setImmediate)
    }
  }

  #takeGroup(): Group | undefined {
    const group = this.#queue.shift() ?? this.#filling
    if (group === this.#filling) this.#filling = undefined
    return group
  }

  async #commit(group: Group): Promise<void> {
    let target: OpenSegment = this.#active
    if (group.opensSegment) {
      const opened = await this.#openNext(group)
      if (opened === undefined) return
      target = opened
    }
    if (!(await this.#write(group, target))) return
    if (this.#settings.durability === 'commit' && !(await this.#sync(group))) return
    this.pendingBytes -= group.bytes
    this.counters.groups++
    group.resolve()
    this.#events.acknowledged()
    this.#prepareAhead()
  }

  /** Returns the next segment, or undefined after refusing the group and all behind it. The active segment stays in use until the group is written. */
  async #openNext(group: Group): Promise<OpenSegment | undefined> {
    if (this.#durableBefore < this.#writtenBefore && !(await this.#syncWritten(group))) return undefined
    const { segment, capacity } = group.position
    try {
      return await this.#supply.take(segment, capacity)
    } catch (error) {
      this.#refuse(
        group,
        refusal(error as NodeJS.ErrnoException, `A new segment cannot be made in ${this.#settings.directory}`),
      )
      return undefined
    }
  }

  async #write(group: Group, target: OpenSegment): Promise<boolean> {
    group.promise(this.#durableBefore)
    const header: SegmentHeader | undefined = group.opensSegment ? this.#headerFor(group, target) : undefined
    const bytes = header ? group.withHeader(header) : group.frames()
    try {
      await writeFully(target.file, bytes, header ? 0 : group.position.offset)
    } catch (error) {
      await this.#writeFailed(group, target, error as NodeJS.ErrnoException)
      return false
    }
    if (header) await this.#activate(target, header)
    this.#writtenOffset = group.endOffset
    this.#writtenBefore = group.nextSeq
    this.#promisedBefore = this.#durableBefore
    this.counters.bytesWritten += bytes.length
    return true
  }

  #headerFor(group: Group, { number, capacity }: OpenSegment): SegmentHeader {
    const { firstSeq } = group
    return {
      logId: this.#logId,
      number,
      firstSeq,
      capacity,
      durableBefore: this.#durableBefore,
      createdAt: this.#lastTimestamp,
    }
  }

  async #activate(target: OpenSegment, header: SegmentHeader): Promise<void> {
    await this.#active.file.close().catch(() => {})
    this.#active = target
    this.#activeSpoiled = false
    this.#activeSince = this.#settings.clock()
    this.#segments.add(target, header)
    this.counters.rotations++
  }

  /**
   * A full disk is ordinary: what landed of the group is made unreadable, and everything waiting is refused as not logged. Any other failure, or
   * one while doing that, leaves open what is on disk.
   */
  async #writeFailed(group: Group, target: OpenSegment, error: NodeJS.ErrnoException): Promise<void> {
    if (!isDiskFull(error)) {
      if (group.opensSegment) await target.file.close().catch(() => {})
      return this.#setPoison(group, error, `Writing to ${basename(target.path)} failed`)
    }
    try {
      if (group.opensSegment) await this.#removeSegment(target)
      else await this.#invalidate(target.file, group.position.offset)
    } catch (second) {
      return this.#setPoison(
        group,
        second as NodeJS.ErrnoException,
        `The disk is full, and undoing a half-written group in ${basename(target.path)} failed`,
      )
    }
    this.#activeSpoiled ||= !group.opensSegment
    this.#refuse(group, refusal(error, `Writing to ${basename(target.path)} failed`))
  }

  async #removeSegment(segment: OpenSegment): Promise<void> {
    await segment.file.close()
    await this.#settings.disk.remove(segment.path)
    await this.#settings.disk.syncDirectory(this.#settings.directory)
  }

  /** Without its first frame, a group is a torn tail. The segment is not written to again, so nothing can complete it. */
  async #invalidate(file: DiskFile, offset: number): Promise<void> {
    await writeFully(file, Buffer.alloc(FRAME_HEADER_BYTES), offset)
    await file.sync()
  }

  async #sync(group: Group | undefined): Promise<boolean> {
    const before = this.#writtenBefore
    const started = performance.now()
    try {
      await this.#active.file.sync()
    } catch (error) {
      this.#setPoison(group, error as NodeJS.ErrnoException, `Syncing ${basename(this.#active.path)} failed`)
      return false
    }
    this.counters.syncs++
    this.counters.lastSyncMs = performance.now() - started
    this.#durableBefore = before
    return true
  }

  async #syncWritten(group?: Group): Promise<boolean> {
    return this.#durableBefore >= this.#writtenBefore || this.#sync(group)
  }

  /** Rejects a group and all that wait behind it: nothing of them is on disk, and their sequence numbers are free again. */
  #refuse(group: Group, errorOf: (seq: number) => WalError): void {
    const refused = this.#takeAll(group)
    this.#nextSeq = group.firstSeq
    this.#events.refused(group.firstSeq)
    this.#planned = this.#positionIn(this.#active.number, this.#active.capacity, this.#writtenOffset)
    this.#mustRotate = this.#activeSpoiled
    for (const each of refused) each.reject(errorOf)
  }

  #takeAll(first: Group | undefined): Group[] {
    const all = [first, ...this.#queue, this.#filling].filter((group) => group !== undefined)
    this.#queue = []
    this.#filling = undefined
    this.pendingBytes = 0
    return all
  }

  /** Fail-stop: after a failed sync nothing that was written since the last good one can be trusted, and no later sync can tell. */
  #setPoison(group: Group | undefined, cause: NodeJS.ErrnoException, what: string): void {
    const message = `${what} (${cause.code ?? cause.message}). Records from ${this.#durableBefore} on may or may not be on disk. The log takes no more appends; close it and open it again.`
    this.#poison = new WalError('WALV_POISONED', message, { file: this.#active.path, seq: this.#durableBefore, cause })
    const behind = this.#takeAll(undefined)
    group?.reject(
      (seq) =>
        new WalError('WALV_IO', `${message} The fate of record ${seq} is unknown: look for it after reopening.`, {
          seq,
          fate: 'unknown',
          cause,
        }),
    )
    for (const each of behind)
      each.reject(
        () => new WalError('WALV_POISONED', `${message} This append was not logged.`, { fate: 'not-logged', cause }),
      )
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

  #prepareAhead(): void {
    const { number, capacity } = this.#active
    if (this.#writtenOffset >= capacity / 2) this.#supply.prepare(number + 1, this.#nextCapacity(capacity))
  }

  #promiseWhenIdle(): void {
    if (this.#poison || this.#promisedBefore >= this.#durableBefore) return
    clearTimeout(this.#idleTimer)
    this.#idleTimer = setTimeout(() => {
      if (this.#running || this.#scheduled) return
      // Records that wait for their transaction's commit go first: a promise cannot overtake them.
      if (this.#hasWork()) {
        this.#schedule()
        return
      }
      if (this.#durableBefore < this.#nextSeq) return
      this.#running = this.#writePromise(0).finally(() => {
        this.#running = undefined
        if (this.#hasWork()) this.#schedule()
      })
    }, IDLE_PROMISE_MS).unref()
  }

  /** Writes and syncs a promise for everything in the log. Called only while nothing is under way. */
  async #writePromise(flags: number): Promise<void> {
    const { offset, capacity } = this.#planned
    if (this.#activeSpoiled || offset + PROMISE_ROOM > capacity) return
    const group = new Group(this.#memory.take(PROMISE_ROOM), this.#planned, false, this.#nextSeq)
    const fields = this.#fields(flags)
    // Twice, so that exchanging two sectors cannot take the last record and everything that tells of it.
    group.addPromise(fields)
    group.addPromise(fields)
    this.#planned = { ...this.#planned, offset: group.endOffset }
    const written = await this.#write(group, this.#active)
    if (written && (await this.#sync(group))) this.#memory.give(group.memory)
    this.#promisedBefore = this.#durableBefore
  }

  #hasWork(): boolean {
    return this.#queue.length > 0 || this.#filling !== undefined || this.#flushes.length > 0
  }

  #flushQuietly(): void {
    // A failure poisons the log, and every later call says so.
    this.flush().catch(() => {})
  }
}
