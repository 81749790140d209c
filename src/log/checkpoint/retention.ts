import type { WalSettings } from '../options.ts'
import type { SegmentList } from '../segment/segments.ts'
import type { FoundCheckpoint } from './found-checkpoint.ts'
import type { SnapshotStore } from './snapshot-store.ts'

/**
 * What is kept of a log: its newest checkpoints with their snapshots, and the records that a replay
 * from the oldest of them needs. The rest is removed behind each new checkpoint.
 */
export class Retention {
  failures = 0
  lastError: string | undefined
  readonly #atMost: number
  readonly #snapshots: SnapshotStore
  readonly #segments: SegmentList
  /** Names of snapshots that no checkpoint names and that are left alone. */
  readonly #spared: readonly string[]
  /** Oldest first. */
  #kept: readonly FoundCheckpoint[]

  constructor(
    { checkpointRetention }: WalSettings,
    snapshots: SnapshotStore,
    segments: SegmentList,
    found: readonly FoundCheckpoint[],
    spared: readonly string[],
  ) {
    this.#atMost = checkpointRetention
    this.#snapshots = snapshots
    this.#segments = segments
    this.#spared = spared
    this.#kept = found.slice(-checkpointRetention)
  }

  get newest(): FoundCheckpoint | undefined {
    return this.#kept.at(-1)
  }

  /** Oldest first. */
  get kept(): readonly FoundCheckpoint[] {
    return this.#kept
  }

  get count(): number {
    return this.#kept.length
  }

  /**
   * A checkpoint is durable: what it makes superfluous is removed, once `needLock` has resolved.
   * Never changes the answer of what called for it: what could not be removed now is removed later.
   */
  async add(checkpoint: FoundCheckpoint, needLock: () => Promise<void>): Promise<void> {
    this.#kept = [...this.#kept, checkpoint].slice(-this.#atMost)
    try {
      await needLock()
      await this.removeUnnamed()
      if (this.#kept.length < this.#atMost) return
      await this.#segments.dropBefore(Math.min(...this.#kept.map(({ entry }) => entry.replayFrom)))
    } catch (error) {
      this.failures++
      this.lastError = (error as Error).message
    }
  }

  /** Removes the snapshots that no kept checkpoint names, but for those that are spared. */
  async removeUnnamed(): Promise<void> {
    await this.#snapshots.keepOnly(
      new Set([...this.#kept.map(({ entry }) => entry.snapshot!.name), ...this.#spared]),
    )
  }
}
