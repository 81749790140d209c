import { monotonicMs, nextTurn } from '../../clock.ts'
import { echo } from '../../echo.ts'
import type { BatchMember } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { indexIdentity } from '../../format/index-record.ts'
import type { SharedLog, SharedUnit } from '../../log/log.ts'
import { type ApplyOrder, failedToApply } from './apply-order.ts'
import type { Impossible, IndexState } from './index-state.ts'
import { jumpToSnapshot } from './snapshot-jump.ts'

/** What became of a change at its place. */
interface Outcome {
  readonly impossible: Impossible | undefined
  /** Of a deletion that stands alone. */
  readonly existed: boolean | undefined
}

/**
 * Applies everything that a log yields that others append to as well, in its order, and tells those
 * who asked for a change here what became of it. Whether it is possible is decided at its place, by
 * the same rule on every reader.
 */
export class SharedOrder implements ApplyOrder {
  appliedSeq: number
  /** Units that took effect, and those that were not possible at their place. */
  readonly counts = { replayed: 0, voided: 0 }
  readonly #state: IndexState
  readonly #directory: string
  /** Of changes that were asked for here, until their callers are told. */
  readonly #outcomes = new Map<number, Outcome>()
  #underWay = 0
  #applied = (): void => {}
  #broken: WalError | undefined

  constructor(state: IndexState, directory: string, appliedSeq: number) {
    this.#state = state
    this.#directory = directory
    this.appliedSeq = appliedSeq
  }

  get broken(): WalError | undefined {
    return this.#broken
  }

  get isSettled(): boolean {
    return this.#underWay === 0
  }

  /** Called by the log, at each place in its order. */
  take({ seq, entries, own, transactionId }: SharedUnit): void {
    if (this.#broken) return
    try {
      const [first] = entries
      const isDeletion = entries.length === 1 && first?.type === 'delete' && transactionId === undefined
      const existed = isDeletion ? this.#state.catalog.has(first.id) : undefined
      const began = monotonicMs()
      const impossible = this.#state.apply(entries)
      this.#state.logged.applyMs += monotonicMs() - began
      this.appliedSeq = seq
      if (impossible) this.#state.voids.add(seq)
      if (first === undefined || !indexIdentity(first)) this.counts[impossible ? 'voided' : 'replayed']++
      if (own) this.#outcomes.set(seq, { impossible, existed })
      else this.#applied()
    } catch (cause) {
      this.#broken = failedToApply(this.#directory, seq, cause)
    }
  }

  /** Retention has overtaken it: goes on from the newest snapshot. Resolves to its number. */
  async jump(log: SharedLog): Promise<number> {
    this.appliedSeq = await jumpToSnapshot(log, this.#state, this.appliedSeq)
    this.#state.voids.knownFrom = this.appliedSeq + 1
    this.#applied()
    return this.appliedSeq
  }

  async add(
    logged: Promise<number>,
    _entries: readonly BatchMember[],
    leave: () => void,
  ): Promise<boolean | undefined> {
    this.#underWay++
    try {
      const seq = await logged
      this.needWhole()
      const outcome = this.#outcomes.get(seq)
      this.#outcomes.delete(seq)
      if (outcome?.impossible) throw hasNoEffect(seq, outcome.impossible)
      return outcome?.existed
    } finally {
      this.#underWay--
      leave()
      this.#applied()
    }
  }

  onApplied(call: () => void): void {
    this.#applied = call
  }

  needWhole(): void {
    if (this.#broken) throw this.#broken
  }

  async settled(): Promise<void> {
    while (!this.isSettled) await nextTurn()
  }
}

function hasNoEffect(seq: number, { code, id }: Impossible): WalError {
  const why = code === 'WALV_DUPLICATE_ID' ? 'exists already' : 'does not exist'
  return new WalError(
    code,
    `${echo(id)} ${why} at the place of this change in the log, record ${seq}: it has no effect, on any reader.`,
    { id, seq, fate: 'not-logged' },
  )
}
