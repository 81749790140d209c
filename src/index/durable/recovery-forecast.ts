import type { JsonValue } from '../../entry.ts'
import type { Log } from '../../log/log.ts'
import type { OpeningTimes } from '../opening-work.ts'
import type { IndexState } from './index-state.ts'
import { type OpeningAmounts, openingsIn, RecoveryCost } from './recovery-cost.ts'

/** The member of a checkpoint's `info` that tells what openings took. */
export const OPENINGS = 'openings'

/** Of a log that is open: what the next opening would have to read, and what it would take. */
export class RecoveryForecast {
  readonly cost: RecoveryCost
  readonly #log: Log
  readonly #state: IndexState
  /** What the log had when it was opened. */
  readonly #opened: { readonly firstSeq: number; readonly nextSeq: number; readonly bytes: number }

  /** Made when the index is filled, and nothing of this process applied yet. */
  constructor(log: Log, state: IndexState, times: OpeningTimes) {
    const { firstSeq, lastSeq } = log.stats()
    const { changes, applyMs } = state.logged
    const { bytes } = log.recovery
    const { ms, logMs, snapshotMs, replayMs, replayed } = times
    const own = {
      ms,
      logBytes: bytes,
      logMs,
      snapshotBytes: snapshotBytesOf(log),
      snapshotMs,
      changes,
      replayMs,
      applyMs,
    }
    const info = log.lastCheckpoint?.snapshot?.info as { readonly [OPENINGS]?: JsonValue } | null | undefined
    this.#log = log
    this.#state = state
    this.#opened = { firstSeq, nextSeq: lastSeq + 1, bytes }
    this.cost = new RecoveryCost(
      own,
      replayed.map(([share, ms]) => [share * changes, ms]),
      openingsIn(info?.[OPENINGS]),
    )
  }

  /** What an opening would take now, with so many changes behind the last checkpoint. */
  openingMs(changes: number): number {
    return this.cost.openingMs(this.#amounts(changes))
  }

  /** What it would take right behind a checkpoint that was taken now. */
  get leastMs(): number {
    const { catalog, index } = this.#state
    const { snapshotBytes, snapshotVectors } = this.#snapshot
    const perVector = snapshotVectors === 0 ? 4 * index.dimensions : snapshotBytes / snapshotVectors
    return this.cost.openingMs({
      ...this.#amounts(0),
      snapshotBytes: perVector * catalog.size,
      snapshotVectors: catalog.size,
    })
  }

  #amounts(changes: number): OpeningAmounts {
    return { logBytes: this.#keptBytes, ...this.#snapshot, changes }
  }

  get #snapshot(): Pick<OpeningAmounts, 'snapshotBytes' | 'snapshotVectors'> {
    const info = this.#log.lastCheckpoint?.snapshot?.info as { readonly size?: number } | null | undefined
    const size = info?.size
    return {
      snapshotBytes: snapshotBytesOf(this.#log),
      snapshotVectors: typeof size === 'number' ? size : 0,
    }
  }

  /** Of the records that are kept, about: what a segment has room for besides is not read. */
  get #keptBytes(): number {
    const { firstSeq, lastSeq, bytesWritten } = this.#log.stats()
    const { firstSeq: openedFirst, nextSeq: openedNext, bytes } = this.#opened
    const share = (from: number, first: number, end: number): number =>
      end <= first ? 0 : Math.max(0, end - Math.max(from, first)) / (end - first)
    return (
      bytes * share(firstSeq, openedFirst, openedNext) +
      bytesWritten * share(firstSeq, openedNext, lastSeq + 1)
    )
  }
}

const snapshotBytesOf = ({ lastCheckpoint }: Log): number =>
  (lastCheckpoint?.snapshot?.files ?? []).reduce((sum, { bytes }) => sum + bytes, 0)
