import type { BatchMember, DataEntry } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { type ChangeKey, type Condition, conditionEntry, type Expectation } from '../../format/condition.ts'
import { isShared } from '../../log/log.ts'
import type { Admission } from './admission.ts'
import type { Applied } from './apply-order.ts'
import type { ChangeWay } from './change-way.ts'
import { impossibleError, isConditionConflict } from './impossible-error.ts'
import type { InFlight } from './in-flight.ts'
import { KeyedCalls, type Within } from './keyed-calls.ts'
import { changedIn, repeatedIn } from './unit.ts'

/** How often others may come first before a change that is looked up anew is given up. */
const MAX_TRIES = 32

/** Changes that take effect together, with what they expect of ids. */
export interface PlannedUnit {
  readonly entries: readonly DataEntry[]
  readonly expects: readonly Expectation[]
}

/** What became of a planned unit. */
export interface AppliedUnit {
  /** How many changes it had. */
  readonly count: number
  /** Where they took effect; undefined where there were none. */
  readonly seq: number | undefined
}

/** How changes without a condition are logged. What is refused is thrown. */
export interface Appending {
  /** One change, or a batch. What became of it, where more is known than that it took effect. */
  one(entry: BatchMember): Promise<Applied | undefined>
  /** As one record, or, where one cannot hold them, as a transaction. */
  together(entries: readonly DataEntry[], expects: readonly Expectation[] | undefined): Promise<Applied>
}

/**
 * Changes that depend on what there is. Where one process writes, that is known when a change is
 * let through to the log: what is refused is not logged, and what is not needs no condition there.
 * Where several do, the condition is logged with the change, and decides at its place.
 */
export class ConditionalChanges {
  readonly #way: ChangeWay
  readonly #inFlight: InFlight
  readonly #admission: Admission
  readonly #append: Appending
  readonly #isShared: boolean
  readonly #keyed = new KeyedCalls()

  constructor(way: ChangeWay, inFlight: InFlight, admission: Admission, append: Appending) {
    this.#way = way
    this.#inFlight = inFlight
    this.#admission = admission
    this.#append = append
    this.#isShared = isShared(way.log)
  }

  /** Logs a change that was checked, under its conditions. */
  add(
    entry: BatchMember,
    expects: readonly Expectation[],
    key: ChangeKey | undefined,
  ): Promise<Applied | undefined> {
    const call = (): Promise<Applied | undefined> =>
      this.#isShared
        ? this.#admission.enter(() => this.#append.one(withCondition(entry, { expects, key })))
        : this.#admission.enterWhen(
            // Only where something in flight decides what is expected it has to be waited for.
            () => expects.some(({ id }) => this.#inFlight.decides(id)),
            () => this.#decideHere(entry, expects, key),
          )
    return key ? this.#keyed.run(key.text, call) : call()
  }

  #decideHere(
    entry: BatchMember,
    expects: readonly Expectation[],
    key: ChangeKey | undefined,
  ): Promise<Applied | undefined> {
    const repeated = key && this.repeated(key)
    if (repeated) return Promise.resolve(repeated)
    for (const { id, seq } of expects) {
      this.#inFlight.checkFree(id)
      const changed = changedIn(this.#way.state, id, seq)
      if (changed) throw impossibleError(changed)
    }
    return this.#append.one(key ? withCondition(entry, { expects: [], key }) : entry)
  }

  /** Runs what is known by a key, one after the other; code of a caller by what `call` is given. */
  keyed<T>(key: string, call: (within: Within) => Promise<T>): Promise<T> {
    return this.#keyed.run(key, call)
  }

  /**
   * What became of a change that took effect under this key, as far as is known here.
   * @throws WALV_CONFLICT if that was another
   */
  repeated(key: ChangeKey): Applied | undefined {
    const { state, log } = this.#way
    // Where others write as well: of what is known of the log, which all comes before the change.
    const timestamp = this.#isShared
      ? Math.max(state.lastTimestamp, log.stats().lastCheckpointAt ?? 0)
      : timeOf(log.lastTimestamp)
    const impossible = repeatedIn(state, key, timestamp)
    if (impossible?.code === 'repeated') return { ...impossible.first, isRepeated: true }
    if (impossible) throw impossibleError(impossible)
    return undefined
  }

  /**
   * Applies together what `plan` answers when everything before is applied: no id twice, no update.
   * Where others change the log, too, and one of the ids was changed before its place, it is asked
   * again.
   * @throws WALV_CONFLICT where that happens too often
   */
  async planned(plan: () => PlannedUnit): Promise<AppliedUnit> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#admission.enterToLook(() => this.#appendPlanned(plan()))
      } catch (error) {
        if (!this.#isShared || !isConditionConflict(error) || tries === MAX_TRIES) throw error
      }
    }
  }

  async #appendPlanned({ entries, expects }: PlannedUnit): Promise<AppliedUnit> {
    if (entries.length === 0) return { count: 0, seq: undefined }
    const { seq } = await this.#append.together(entries, this.#isShared ? expects : undefined)
    return { count: entries.length, seq }
  }
}

/** A change with its condition, as one record. */
function withCondition(entry: BatchMember, condition: Condition): BatchMember {
  const entries = entry.type === 'batch' ? entry.entries : [entry]
  return { type: 'batch', entries: [conditionEntry(condition), ...entries] }
}

/** @throws WALV_INVALID_OPTION */
function timeOf(timestamp: number | undefined): number {
  if (timestamp !== undefined) return timestamp
  throw new WalError(
    'WALV_INVALID_OPTION',
    'The log of this index does not tell when its records are logged (lastTimestamp), so that it cannot be told how long an idempotency key is kept. Nothing was logged.',
    { fate: 'not-logged' },
  )
}
