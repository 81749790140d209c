import type { CheckpointEntry } from '../entry.ts'
import { WalError } from '../errors.ts'
import type { FoundCheckpoint } from './checkpoint/found-checkpoint.ts'
import { Follower } from './follow/follower.ts'
import type { Extent, LiveSource } from './follow/live-source.ts'
import type { Transaction } from './log.ts'
import type { WalSettings } from './options.ts'
import type { ProvedLog } from './recover/proved-part.ts'
import type { Recovered } from './recover/recover.ts'
import { FoundState, type WalState } from './wal-state.ts'

/** A log that others write, and that is kept up with. */
export class FollowingState implements WalState {
  readonly takenAgoMs: undefined = undefined
  readonly inDoubt: Transaction[] = []
  readonly followsRetention: boolean = true
  readonly floorSeq: undefined = undefined
  readonly #found: FoundState
  readonly #follower: Follower

  private constructor(settings: WalSettings, recovered: Recovered) {
    this.#found = new FoundState(recovered, settings.directory)
    this.#follower = new Follower(settings, recovered)
  }

  static async start(settings: WalSettings, recovered: Recovered): Promise<FollowingState> {
    const state = new FollowingState(settings, recovered)
    await state.#follower.start()
    return state
  }

  get lastSeq(): number {
    return this.#follower.before - 1
  }

  get durableSeq(): number {
    return this.#follower.before - 1
  }

  get lastCheckpoint(): CheckpointEntry | undefined {
    return this.#follower.checkpoints.at(-1)?.entry
  }

  get checkpoints(): readonly FoundCheckpoint[] {
    return this.#follower.checkpoints
  }

  checkpointBefore(seq: number): FoundCheckpoint | undefined {
    return this.checkpoints.findLast(({ entry }) => entry.sequenceNumber <= seq)
  }

  get proved(): ProvedLog | undefined {
    return this.#follower.proved
  }

  get logId(): string | undefined {
    return this.#follower.logId
  }

  get extent(): Extent {
    return this.#follower.extent
  }

  get figures(): WalState['figures'] {
    const follower = this.#follower
    const { extents } = follower.extent
    const { checkpoints, trouble } = follower
    return {
      ...this.#found.figures,
      firstSeq: follower.firstSeq,
      segments: extents.length,
      bytes: extents.reduce((sum, { bytes }) => sum + bytes, 0),
      checkpoints: checkpoints.length,
      lastCheckpointAt: checkpoints.at(-1)?.timestamp,
      poisoned: follower.broken !== undefined,
      upkeepFailures: trouble.count,
      lastUpkeepError: trouble.last?.message,
      lagMs: follower.lagMs,
      recordsBehind: follower.recordsBehind,
    }
  }

  get vitals(): WalState['vitals'] {
    return { poison: this.#follower.broken, oldestTransaction: undefined }
  }

  writable(): never {
    throw new WalError(
      'WALV_READ_ONLY',
      `The log in ${this.#follower.directory} is only followed here. Change it where it is open for writing. Nothing was logged.`,
      { fate: 'not-logged' },
    )
  }

  live(): LiveSource {
    return this.#follower
  }

  close(): Promise<void> {
    return this.#follower.close()
  }
}
