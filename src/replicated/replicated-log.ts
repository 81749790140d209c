import { monotonicMs } from '../clock.ts'
import type { CheckpointEntry, EntryInput, WalRecord } from '../entry.ts'
import { WalError } from '../errors.ts'
import { encodableInput } from '../format/encode.ts'
import { indexIdentity } from '../format/index-record.ts'
import { Tail } from '../log/follow/tail.ts'
import type { Health, HealthOptions } from '../log/health.ts'
import {
  type CheckpointRequest,
  type CommittedUnit,
  type LogToOpen,
  READ_OPTIONS,
  REPLAY_OPTIONS,
  type ReadOptions,
  type RecoveryReport,
  type ReplayOptions,
  type Settled,
  type SharedLog,
  type SharedUnit,
  type Snapshot,
  TAIL_OPTIONS,
  type TailOptions,
  type Ticket,
  type Transaction,
} from '../log/log.ts'
import { wholeNumber } from '../log/options.ts'
import { checkOptions, wrongKind } from '../option-names.ts'
import { BufferedTransaction } from '../submission/buffered-transaction.ts'
import type { Placed } from '../submission/own-changes.ts'
import { Checkpoints } from './checkpoints.ts'
import type { Guarantee } from './engine.ts'
import { healthOfNode } from './health.ts'
import { type Opened, openNode } from './opening.ts'
import { type ReplicatedLogOptions, type ReplicatedLogSettings, replicatedLogSettings } from './options.ts'
import type { Position } from './order.ts'
import { Passes, recordOf } from './passes.ts'
import { Replica } from './replica.ts'
import { emptyReport, figures, type NodeStats } from './report.ts'
import { otherLog } from './trouble.ts'

/** Who begins a log says first what it holds; others may have come in between. */
const IDENTITY_WITHIN = 100
/** How often it is noted what this node has seen, at most. */
const NOTE_MS = 5_000

/**
 * A log whose order an engine keeps on other machines: every node that opens it reads the same
 * records under the same numbers, and writes. A change is acknowledged when the engine has it, as
 * safe as `guarantee` says, and it was applied here.
 *
 * Any node may stop at any time, for any reason. What it had handed over and was not told of is
 * decided by the log alone: it is there once, whole, or never.
 */
export class ReplicatedLog implements SharedLog {
  readonly shared = true
  readonly readOnly: boolean
  readonly directory: string
  readonly guarantee: Guarantee
  readonly #settings: ReplicatedLogSettings
  readonly #opened: Opened
  readonly #replica: Replica
  readonly #passes: Passes
  readonly #checkpoints: Checkpoints
  readonly #ended = new AbortController()
  readonly #openedAtMs = monotonicMs()
  #recovery: RecoveryReport
  #noting: Promise<void> | undefined
  #notedAtMs = 0
  #closing: Promise<void> | undefined

  private constructor(settings: ReplicatedLogSettings, opened: Opened) {
    const { link, range, begin, manifests } = opened
    this.#settings = settings
    this.#opened = opened
    this.readOnly = settings.readOnly
    this.directory = link.name
    this.guarantee = link.engine.guarantee
    this.#recovery = emptyReport(begin, manifests.length)
    this.#passes = new Passes(link, range.incarnation, [])
    this.#replica = new Replica({
      link,
      incarnation: range.incarnation,
      from: begin?.position,
      readOnly: settings.readOnly,
      maxPendingBytes: settings.maxPendingBytes,
      newerSnapshot: (seq) => this.#checkpoints.jump(seq),
      checkpointed: (writer) => this.#checkpoints.heardOf(writer),
    })
    this.#checkpoints = new Checkpoints(opened, this.#replica, this.#passes)
  }

  /**
   * Opens a log: makes sure that the engine holds the one that this node knows, and fetches the
   * newest snapshot. What is behind that is read by `follow`.
   * @throws WALV_LOCKED where another process has the cacheDirectory; WALV_UNAVAILABLE where the
   * engine does not answer; WALV_FOREIGN_LOG where it holds another log; WALV_DAMAGED where it has
   * lost what was acknowledged here; WALV_INVALID_OPTION
   */
  static async open(options: ReplicatedLogOptions): Promise<ReplicatedLog> {
    const settings = replicatedLogSettings(options)
    const log = new ReplicatedLog(settings, await openNode(settings))
    try {
      await log.#findIdentity()
      return log
    } catch (error) {
      await log.close().catch(() => {})
      throw error
    }
  }

  /** Without a snapshot, the first records say what vectors the log holds. */
  async #findIdentity(): Promise<void> {
    const { begin, range } = this.#opened
    if (begin !== undefined) return
    const options = { from: 0, through: range.last, borrow: true, signal: this.#ended.signal }
    for await (const { seq, entries } of this.#passes.units(options)) {
      const [index] = entries.map(indexIdentity).filter((found) => found !== undefined)
      if (index) this.#recovery = { ...this.#recovery, index }
      if (index || seq === IDENTITY_WITHIN) return
    }
  }

  get lastSeq(): number {
    return this.#replica.order.seq
  }

  /** Where this node stands: what it would go on from. */
  get position(): Position {
    return this.#replica.position
  }

  get recovery(): RecoveryReport {
    return this.#recovery
  }

  get snapshot(): Snapshot | undefined {
    return this.#checkpoints.begin?.snapshot
  }

  get lastCheckpoint(): CheckpointEntry | undefined {
    return this.#checkpoints.begin?.checkpoint
  }

  /** Of all nodes, the one that took the last checkpoint takes the next, while it is heard of. */
  get takesCheckpoints(): boolean {
    return !this.readOnly && this.#checkpoints.isOwn
  }

  async append(entry: EntryInput): Promise<number> {
    return this.submit(entry)
  }

  submit(entry: EntryInput): Promise<number> {
    return this.#replica.hand([encodableInput(entry)], false).then(seqOf)
  }

  async appendBatch(entries: readonly EntryInput[]): Promise<number> {
    return this.submit({ type: 'batch', entries })
  }

  begin(): Transaction {
    this.#replica.needOpen()
    return new BufferedTransaction(async (payloads) => this.#replica.hand(payloads, true))
  }

  drained(): Promise<void> {
    return this.#replica.own.drained()
  }

  async flush(): Promise<void> {
    this.#replica.needOpen()
    const { own } = this.#replica
    while (own.oldest !== undefined && !this.#replica.broken) await own.drained()
  }

  /**
   * Resolves when everything that was acknowledged to anybody before the call is applied here. A
   * node that only reads asks the engine how far that is; one that writes has something come back.
   */
  async barrier(): Promise<void> {
    this.#replica.needOpen()
    if (!this.readOnly) return this.#replica.say({ say: 'barrier' })
    const { link } = this.#opened
    const { last } = await link.insist('how far the log reaches', () => link.range())
    await this.#replica.reached(last)
  }

  /** @throws WALV_UNAVAILABLE */
  settle(ticket: Ticket): Promise<Settled> {
    return this.#replica.settle(ticket)
  }

  async follow(
    after: number,
    apply: (unit: SharedUnit) => unknown,
    overtaken: () => Promise<number>,
    fingerprint?: () => string,
  ): Promise<void> {
    const { logId, link } = this.#opened
    const taker = {
      apply: (unit: SharedUnit): unknown => {
        this.#noteSoon()
        return unit.seq > after ? apply(unit) : undefined
      },
      overtaken,
      ...(fingerprint && { fingerprint }),
    }
    await this.#replica.start(taker)
    const found = this.#replica.order.logId
    if (logId !== undefined && found !== undefined && found !== logId) throw otherLog(link.name, logId, found)
    const { lastSeq } = this
    const entries = lastSeq - (this.#recovery.snapshotSeq ?? -1)
    this.#recovery = { ...this.#recovery, lastSeq, entries, durationMs: monotonicMs() - this.#openedAtMs }
    await this.#note()
  }

  async *read(options: ReadOptions = {}): AsyncGenerator<WalRecord, void, void> {
    checkOptions('read', options, READ_OPTIONS)
    const { from, signal, borrow = false } = options
    const first = from === undefined ? this.#passes.firstSeq : wholeNumber('from', from, 0)
    for await (const unit of this.#bounded(first, borrow, signal)) yield recordOf(unit)
  }

  async *replay(options: ReplayOptions = {}): AsyncGenerator<CommittedUnit, void, void> {
    checkOptions('replay', options, REPLAY_OPTIONS)
    const { from, after = -1, signal, borrow = false } = options
    const first = from === undefined ? 0 : wholeNumber('from', from, 0)
    yield* this.#bounded(Math.max(first, after + 1, this.#passes.firstSeq), borrow, signal)
  }

  async *#bounded(
    from: number,
    borrow: boolean,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<CommittedUnit, void, void> {
    this.#replica.needOpen()
    const through = this.#replica.order.place
    const ended = signal ? AbortSignal.any([signal, this.#ended.signal]) : this.#ended.signal
    if (!signal?.aborted) yield* this.#passes.units({ from, through, borrow, signal: ended })
    if (signal?.aborted) throw new WalError('WALV_ABORTED', 'Reading was aborted by its signal.')
    this.#replica.needOpen()
  }

  tail(options: TailOptions = {}): AsyncGenerator<CommittedUnit, void, void> {
    checkOptions('tail', options, TAIL_OPTIONS)
    this.#replica.needOpen()
    const { cursor, from = this.#passes.firstSeq, borrow = false, signal } = options
    if (cursor !== undefined) throw wrongKind('cursor', cursor, 'left out: a replicated log has no cursors')
    const ended = new AbortController()
    const end = AbortSignal.any([ended.signal, this.#ended.signal])
    const through = Number.POSITIVE_INFINITY
    const first = wholeNumber('from', from, 0)
    return new Tail(this.#passes.units({ from: first, through, borrow, signal: end }), ended, signal)
  }

  async checkpoint(request: CheckpointRequest): Promise<CheckpointEntry> {
    this.#replica.needOpen()
    if (this.readOnly)
      throw new WalError('WALV_READ_ONLY', `The log in ${this.directory} was opened with readOnly.`)
    return this.#checkpoints.take(request, this.#ended.signal)
  }

  stats(): NodeStats {
    return figures(this.#opened.link, this.#replica, this.#checkpoints, this.#passes.firstSeq)
  }

  async health(options?: HealthOptions): Promise<Health> {
    this.#replica.needOpenOrBroken()
    const { order, own, broken, clockAheadMs } = this.#replica
    let waiting = 0
    for (const _ of own.waiting) waiting++
    return healthOfNode(
      { link: this.#opened.link, broken, place: order.place, clockAheadMs, waiting },
      options,
    )
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const closed = this.#replica.close(this.#settings.closeWaitMs, this.#checkpoints.ended())
    await closed
    this.#ended.abort()
    const { link, cache } = this.#opened
    try {
      await this.#note()
    } finally {
      await link.engine.close().catch(() => {})
      await cache.close()
    }
  }

  /** Not at once for each of many. */
  #noteSoon(): void {
    if (this.#noting || monotonicMs() - this.#notedAtMs < NOTE_MS) return
    this.#noting = this.#note()
      // Upkeep: what is not noted is found out later, or not at all.
      .catch(() => {})
      .finally(() => {
        this.#noting = undefined
      })
  }

  async #note(): Promise<void> {
    await this.#noting
    this.#notedAtMs = monotonicMs()
    const { logId, place, seq } = this.#replica.position
    await this.#opened.cache.note({ logId, incarnation: this.#opened.range.incarnation, place, seq })
  }
}

const seqOf = ({ seq }: Placed): number => seq

/** A replicated log for `DurableIndex.open({ log, index })`, which opens it and closes it. */
export function replicatedLog(options: ReplicatedLogOptions): LogToOpen {
  const { name, readOnly } = replicatedLogSettings(options)
  return { directory: name, readOnly, openLog: () => ReplicatedLog.open(options) }
}
