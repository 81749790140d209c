import { clearInterval, monotonicMs, setInterval } from '../clock.ts'
import type { OwnChanges } from '../submission/own-changes.ts'
import type { WayToLeader } from './way-to-leader.ts'

const SLOW_MS = 1_000
const LOOK_MS = 250

/**
 * Warns where a change waits for a leader of which nothing has been heard for a second: its event
 * loop is blocked, its process is stopped, or its disk hangs. Once a leader.
 */
export class SlowLeaderWatch {
  readonly #directory: string
  readonly #own: OwnChanges
  #timer: NodeJS.Timeout | undefined
  #warnedOf: WayToLeader | undefined

  constructor(directory: string, own: OwnChanges) {
    this.#directory = directory
    this.#own = own
  }

  start(wayOf: () => WayToLeader | undefined): void {
    this.#timer = setInterval(() => this.#look(wayOf()), LOOK_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(way: WayToLeader | undefined): void {
    const { oldest } = this.#own
    if (way === undefined || oldest === undefined || way === this.#warnedOf) return
    const waitedMs = monotonicMs() - Math.max(oldest.handedOverAtMs, way.heardAtMs)
    if (waitedMs < SLOW_MS) return
    this.#warnedOf = way
    const message =
      `Process ${way.welcome.pid} leads the log in ${this.#directory}, and has said nothing for ${Math.round(waitedMs)} ms, while changes of this process wait for it. ` +
      'Is its event loop blocked, its process stopped, or its disk slow? When it ends, another process takes its place. This is said once for each leader.'
    process.emitWarning(message, { type: 'WalvWarning', code: 'WALV_LEADER_SLOW' })
  }
}
