import { type SlowSyncMessage, slowSyncChannel, syncChannel } from '../../diagnostics.ts'
import type { WalSettings } from '../options.ts'

/** How many of the last syncs the median is of. */
const REMEMBERED = 128

/** How long the syncs of an open log take; the first that is slow is warned about. */
export class SyncTimes {
  count = 0
  lastMs = 0
  readonly #settings: WalSettings
  readonly #recent = new Float64Array(REMEMBERED)
  #hasWarned = false

  constructor(settings: WalSettings) {
    this.#settings = settings
  }

  /** Median of the last syncs; undefined before the first. */
  get medianMs(): number | undefined {
    const sorted = this.#recent.slice(0, Math.min(this.count, REMEMBERED)).sort()
    return sorted[sorted.length >> 1]
  }

  note(file: string, durationMs: number): void {
    const { directory, slowSyncMs, durability } = this.#settings
    // Where nobody waits for a sync, it has as much to do as has piled up.
    if (durationMs >= slowSyncMs && durability === 'commit')
      this.#tellSlow({ directory, file, durationMs, slowSyncMs, medianMs: this.medianMs })
    this.#recent[this.count % REMEMBERED] = durationMs
    this.count++
    this.lastMs = durationMs
    if (syncChannel.hasSubscribers) syncChannel.publish({ directory, file, durationMs })
  }

  #tellSlow(message: SlowSyncMessage): void {
    if (slowSyncChannel.hasSubscribers) slowSyncChannel.publish(message)
    if (this.#hasWarned) return
    this.#hasWarned = true
    process.emitWarning(slowSyncText(message), { type: 'WalvWarning', code: 'WALV_SLOW_SYNC' })
  }
}

function slowSyncText({ file, durationMs, slowSyncMs, medianMs }: SlowSyncMessage): string {
  const usual =
    medianMs === undefined
      ? 'the first of this log'
      : `the median of those before is ${medianMs.toFixed(1)} ms`
  return (
    `A sync of ${file} took ${Math.round(durationMs)} ms (slowSyncMs is ${slowSyncMs}; ${usual}). Appends wait for it. ` +
    'Is the disk busy, failing, throttled or a network file system (iostat, dmesg, SMART)? Put the log on a local disk of its own. ' +
    'Was the event loop blocked for as long? Then it is that. This is said once per open log; wal.health() and the channel walv:slow-sync tell of the rest.'
  )
}
