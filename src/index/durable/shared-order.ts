import { monotonicMs, nextTurn } from '../../clock.ts'
import type { IndexIdentity } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { indexIdentity } from '../../format/index-record.ts'
import type { SharedLog, SharedUnit } from '../../log/log.ts'
import { type Applied, type ApplyOrder, failedToApply, type LoggedUnit } from './apply-order.ts'
import { impossibleError } from './impossible-error.ts'
import type { IndexState } from './index-state.ts'
import { jumpToSnapshot } from './snapshot-jump.ts'
import { type Impossible, onlyDeletion, unfitIn } from './unit.ts'

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
  readonly #readOnly: boolean
  /** What the log says first of the vectors that it holds, as far as it was read here. */
  identity: IndexIdentity | undefined
  /** Of changes that were asked for here, until their callers are told. */
  readonly #outcomes = new Map<number, Outcome>()
  #underWay = 0
  #applied = (): void => {}
  #broken: WalError | undefined

  constructor(state: IndexState, { directory, readOnly }: SharedLog, appliedSeq: number) {
    this.#state = state
    this.#directory = directory
    this.#readOnly = readOnly
    this.appliedSeq = appliedSeq
  }

  get broken(): WalError | undefined {
    return this.#broken
  }

  get isSettled(): boolean {
    return this.#underWay === 0
  }

  /** Called by the log, at each place in its order. Answers whether it had an effect. */
  take(unit: SharedUnit): boolean {
    if (this.#broken) return true
    const { seq, entries, own, transactionId } = unit
    try {
      const [first] = entries
      const deletion = own && transactionId === undefined ? onlyDeletion(entries) : undefined
      const existed = deletion && this.#state.catalog.has(deletion.id)
      const began = monotonicMs()
      const impossible = unfitIn(entries, this.#state.index.dimensions) ?? this.#state.apply(unit)
      this.#state.logged.applyMs += monotonicMs() - began
      this.appliedSeq = seq
      if (impossible) this.#state.voids.add(seq)
      const identity = first && indexIdentity(first)
      this.identity ??= identity
      if (identity === undefined) this.counts[impossible ? 'voided' : 'replayed']++
      if (own) this.#outcomes.set(seq, { impossible, existed })
      else this.#applied()
      return impossible === undefined
    } catch (cause) {
      this.#broken = failedToApply(this.#directory, seq, cause)
      return true
    }
  }

  /** @throws WALV_READ_ONLY */
  needWritable(): void {
    if (!this.#readOnly) return
    const message = `The index in ${this.#directory} is only followed here. Change it where it is open for writing. Nothing was logged.`
    throw new WalError('WALV_READ_ONLY', message, { fate: 'not-logged' })
  }

  /** Retention has overtaken it: goes on from the newest snapshot. Resolves to its number. */
  async jump(log: SharedLog): Promise<number> {
    this.appliedSeq = await jumpToSnapshot(log, this.#state, this.appliedSeq)
    this.#applied()
    return this.appliedSeq
  }

  async add(logged: Promise<number>, _unit: LoggedUnit, leave: () => void): Promise<Applied> {
    this.#underWay++
    try {
      const seq = await logged
      this.needWhole()
      const outcome = this.#outcomes.get(seq)
      this.#outcomes.delete(seq)
      const impossible = outcome?.impossible
      if (impossible?.code === 'repeated') return { ...impossible.first, isRepeated: true }
      if (impossible) throw impossibleError(impossible, seq)
      return { seq, existed: outcome?.existed }
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
