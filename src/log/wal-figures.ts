import { cursorLogOf, cursorStatuses } from './cursor-log.ts'
import { type Health, type HealthOptions, judgeHealth, roomOf, thresholdsOf, type Vitals } from './health.ts'
import type { LogStats } from './log.ts'
import type { WalSettings } from './options.ts'
import type { WalState } from './wal-state.ts'

/** What an open log says of itself: its figures, and whether it is well. */
export class WalFigures {
  readonly #settings: WalSettings
  readonly #state: WalState
  readonly #openedAt: number

  constructor(settings: WalSettings, state: WalState) {
    this.#settings = settings
    this.#state = state
    this.#openedAt = settings.ageClock()
  }

  get stats(): LogStats {
    const { lastSeq, durableSeq, figures } = this.#state
    return { lastSeq, durableSeq, ...figures, checkpointAgeMs: this.#checkpointAgeMs }
  }

  /** @throws WALV_INVALID_OPTION */
  async health(options: HealthOptions): Promise<Health> {
    const { disk, directory } = this.#settings
    const thresholds = thresholdsOf(options)
    const { bytes, medianSyncMs, checkpointAgeMs, firstSeq, lastSeq } = this.stats
    const vitals = {
      ...{ directory, bytes, medianSyncMs, checkpointAgeMs },
      openForMs: this.#openForMs,
      entriesSinceCheckpoint: lastSeq - (this.#state.lastCheckpoint?.sequenceNumber ?? firstSeq - 1),
      ...(await roomOf(disk, directory)),
      ...this.#state.vitals,
      cursors: await this.#cursors(),
    }
    return judgeHealth(vitals, thresholds)
  }

  #cursors(): Promise<Vitals['cursors']> {
    return cursorStatuses(cursorLogOf(this.#settings, this.#state)).catch((error: Error) => error.message)
  }

  get #openForMs(): number {
    return this.#settings.ageClock() - this.#openedAt
  }

  get #checkpointAgeMs(): number | undefined {
    const at = this.#state.figures.lastCheckpointAt
    if (at === undefined) return undefined
    return this.#state.takenAgoMs ?? Math.max(this.#openForMs, this.#settings.clock() - at)
  }
}
