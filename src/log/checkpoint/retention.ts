import type { CursorStore, FoundCursor } from '../cursor/cursor-store.ts'
import { floorBeside } from '../cursor/held.ts'
import type { HistoryStats } from '../log.ts'
import type { HistorySettings, WalSettings } from '../options.ts'
import { bytesBetween } from '../segment/segment-bytes.ts'
import type { SegmentList } from '../segment/segments.ts'
import type { FoundCheckpoint } from './found-checkpoint.ts'
import { historyStats, type Plan, planOf } from './history.ts'
import type { SnapshotStore } from './snapshot-store.ts'

const UNKNOWN: readonly Pick<FoundCursor, 'content'>[] = [{ content: undefined }]

/**
 * What is kept of a log: its newest checkpoints with their snapshots, those before that the past
 * needs, the records that a replay from the oldest of them needs, and those that cursors need, as
 * far as these may hold them. The rest is removed behind each new checkpoint.
 */
export class Retention {
  failures = 0
  lastError: string | undefined
  readonly #atMost: number
  readonly #history: HistorySettings | undefined
  readonly #clock: () => number
  readonly #snapshots: SnapshotStore
  readonly #segments: SegmentList
  readonly #cursors: CursorStore
  /** Names of snapshots that no checkpoint names and that are left alone. */
  readonly #spared: readonly string[]
  /** Oldest first. */
  #kept: readonly FoundCheckpoint[]
  #dropping: Promise<void> = Promise.resolve()

  constructor(
    { checkpointRetention, history, clock }: WalSettings,
    snapshots: SnapshotStore,
    segments: SegmentList,
    cursors: CursorStore,
    found: readonly FoundCheckpoint[],
    spared: readonly string[],
  ) {
    this.#atMost = checkpointRetention
    this.#snapshots = snapshots
    this.#segments = segments
    this.#cursors = cursors
    this.#spared = spared
    this.#history = history
    this.#clock = clock
    this.#kept = history ? found : found.slice(-checkpointRetention)
  }

  /** How much of the past is kept; undefined where none is to be. */
  get history(): HistoryStats | undefined {
    return this.#history && historyStats(this.#plan(this.#history), this.#segments.firstSeq)
  }

  #plan(history: HistorySettings): Plan {
    return planOf(this.#kept, this.#segments.extents(), this.#atMost, history, this.#clock())
  }

  /** Records before this one are needed by cursors alone. */
  get floorSeq(): number {
    if (this.#kept.length < this.#atMost) return 0
    if (this.#history) return this.#plan(this.#history).floorSeq
    return Math.min(...this.#kept.map(({ entry }) => entry.replayFrom))
  }

  /** Bytes of the segments that are still there for them. */
  get cursorHeldBytes(): number {
    return bytesBetween(this.#segments.extents(), 0, this.floorSeq)
  }

  get newest(): FoundCheckpoint | undefined {
    return this.#kept.at(-1)
  }

  /** Oldest first. */
  get kept(): readonly FoundCheckpoint[] {
    return this.#kept
  }

  /** The newest that is not behind a record. */
  before(seq: number): FoundCheckpoint | undefined {
    return this.#kept.findLast(({ entry }) => entry.sequenceNumber <= seq)
  }

  get count(): number {
    return this.#kept.length
  }

  /**
   * A checkpoint is durable: what it makes superfluous is removed, once `needLock` has resolved.
   * Never changes the answer of what called for it: what could not be removed now is removed later.
   */
  async add(checkpoint: FoundCheckpoint, needLock: () => Promise<void>): Promise<void> {
    this.#kept = [...this.#kept, checkpoint]
    const plan = this.#history && this.#plan(this.#history)
    this.#kept = plan?.kept ?? this.#kept.slice(-this.#atMost)
    await this.#upkeep(needLock, async () => {
      await this.removeUnnamed()
      await this.#dropSegments(plan?.floorSeq ?? this.floorSeq)
    })
  }

  /** The same where a cursor is gone. A snapshot that is being written is not looked at. */
  trim(needLock: () => Promise<void>): Promise<void> {
    return this.#upkeep(needLock, () => this.#dropSegments(this.floorSeq))
  }

  async #upkeep(needLock: () => Promise<void>, work: () => Promise<void>): Promise<void> {
    try {
      await needLock()
      await work()
    } catch (error) {
      this.failures++
      this.lastError = (error as Error).message
    }
  }

  /** One call after the other. */
  #dropSegments(floorSeq: number): Promise<void> {
    const dropped = this.#dropping.then(async () => {
      if (floorSeq > 0) await this.#segments.dropBefore(await this.#floorBesideCursors(floorSeq))
    })
    this.#dropping = dropped.catch(() => {})
    return dropped
  }

  /** Where they cannot be listed there may be one, which may stand anywhere. */
  async #floorBesideCursors(floorSeq: number): Promise<number> {
    const cursors = await this.#cursors.all().catch(() => UNKNOWN)
    return floorBeside(cursors, this.#segments.extents(), floorSeq)
  }

  /** Removes the snapshots that no kept checkpoint names, but for those that are spared. */
  async removeUnnamed(): Promise<void> {
    if (this.#history) await this.#forgetMissing()
    await this.#snapshots.keepOnly(
      new Set([...this.#kept.map(({ entry }) => entry.snapshot!.name), ...this.#spared]),
    )
  }

  /** Of the past, an opening that did not keep it may have removed some. */
  async #forgetMissing(): Promise<void> {
    const there = new Set(await this.#snapshots.names())
    this.#kept = this.#kept.filter(({ entry }) => there.has(entry.snapshot!.name))
  }
}
