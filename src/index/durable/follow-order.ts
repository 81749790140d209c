import { monotonicMs, nextTurn } from '../../clock.ts'
import { WalError } from '../../errors.ts'
import { indexIdentity } from '../../format/index-record.ts'
import type { CommittedUnit } from '../../log/log.ts'
import { LOOKS_BESIDE_WRITER } from '../../log/recover/beside-writer.ts'
import type { Wal } from '../../log/wal.ts'
import { type ApplyOrder, failedToApply } from './apply-order.ts'
import type { IndexState } from './index-state.ts'
import { jumpToSnapshot } from './snapshot-jump.ts'

/** What else waits has its turn after so long, however much there is to apply. */
const TURN_MS = 4

/** How far a follower is behind its writer. */
export interface Lag {
  readonly lagMs: number
  readonly recordsBehind: number
}

/**
 * Applies what a followed log brings, in its order. Where retention overtakes it, the newest
 * snapshot is taken over, in one step: whoever looks sees a state that the writer had.
 */
export class FollowOrder implements ApplyOrder {
  appliedSeq: number
  readonly isSettled: boolean = true
  readonly #wal: Wal
  readonly #state: IndexState
  readonly #clock: () => number
  #broken: WalError | undefined
  isOver = false
  #isWaiting = false
  #appliedTimestamp: number
  #applied = (): void => {}
  #following: Promise<void> | undefined

  constructor(wal: Wal, state: IndexState, appliedSeq: number, clock: () => number) {
    this.#wal = wal
    this.#clock = clock
    this.#state = state
    this.appliedSeq = appliedSeq
    this.#appliedTimestamp = Number.POSITIVE_INFINITY
  }

  start(): void {
    this.#following = this.#follow().finally(() => {
      this.isOver = true
    })
  }

  get broken(): WalError | undefined {
    return this.#broken
  }

  /** What is not visible yet counts, and what is and was not applied. */
  get lag(): Lag {
    const { lagMs = 0, recordsBehind = 0, lastSeq } = this.#wal.stats()
    const unapplied = lastSeq - this.appliedSeq
    if (this.#isWaiting || unapplied <= 0) return { lagMs, recordsBehind }
    const behindMs = Math.max(lagMs, this.#clock() - this.#appliedTimestamp, 0)
    return { lagMs: behindMs, recordsBehind: recordsBehind + unapplied }
  }

  add(): Promise<never> {
    return Promise.reject(this.#refusal())
  }

  /** @throws WALV_READ_ONLY */
  needWritable(): void {
    throw this.#refusal()
  }

  onApplied(call: () => void): void {
    this.#applied = call
  }

  needWhole(): void {
    if (this.#broken) throw this.#broken
  }

  /** Resolves when nothing more is applied: after the log was closed. */
  async settled(): Promise<void> {
    await this.#following
  }

  async #follow(): Promise<void> {
    for (;;) {
      try {
        await this.#applyAll()
        return
      } catch (error) {
        if (!(error instanceof WalError) || error.code !== 'WALV_SEQUENCE_TRIMMED') return this.#break(error)
      }
      try {
        await this.#jump()
      } catch (error) {
        return this.#break(error)
      }
    }
  }

  async #applyAll(): Promise<void> {
    const waits = (reached: number | undefined): void => {
      this.#isWaiting = reached !== undefined
    }
    const tail = { from: this.appliedSeq + 1, borrow: true }
    try {
      let began = monotonicMs()
      for await (const unit of this.#wal.tailWith(tail, { holds: false, waits })) {
        this.#take(unit)
        if (monotonicMs() - began < TURN_MS) continue
        await nextTurn()
        began = monotonicMs()
      }
    } finally {
      this.#isWaiting = false
    }
  }

  #take(unit: CommittedUnit): void {
    const { seq, timestamp, entries } = unit
    const [first] = entries
    const isIdentity = entries.length === 1 && indexIdentity(first!) !== undefined
    try {
      if (!isIdentity && this.#state.apply(unit)) this.#state.voids.add(seq)
    } catch (cause) {
      throw failedToApply(this.#wal.directory, seq, cause)
    }
    this.appliedSeq = seq
    this.#appliedTimestamp = timestamp
    this.#applied()
  }

  /** A snapshot may be let go of while it is read, for a newer one. */
  async #jump(): Promise<void> {
    let seq: number | undefined
    let failure: unknown
    for (let looks = LOOKS_BESIDE_WRITER; looks > 0 && seq === undefined; looks--) {
      await this.#wal.refresh()
      try {
        seq = await jumpToSnapshot(this.#wal, this.#state, this.appliedSeq)
      } catch (error) {
        failure = error
      }
    }
    if (seq === undefined) throw failure
    this.appliedSeq = seq
    this.#state.voids.knownFrom = seq + 1
    this.#applied()
  }

  #break(error: unknown): void {
    // What reading met while the log was closed is nobody's business any more.
    if ((error as WalError).code === 'WALV_CLOSED') return
    this.#broken = error as WalError
    this.#applied()
  }

  #refusal(): WalError {
    const message = `The index in ${this.#wal.directory} is only followed here. Change it where it is open for writing. Nothing was logged.`
    return new WalError('WALV_READ_ONLY', message, { fate: 'not-logged' })
  }
}
