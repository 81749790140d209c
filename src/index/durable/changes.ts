import { echo } from '../../echo.ts'
import type { BatchMember, DataEntry, JsonValue } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { type ChangeKey, conditionEntry, type Expectation, NO_DIGEST } from '../../format/condition.ts'
import { isShared, type Transaction } from '../../log/log.ts'
import { Admission, isBackpressure } from './admission.ts'
import type { Applied } from './apply-order.ts'
import { ApplyQueue } from './apply-queue.ts'
import type { ChangeWay } from './change-way.ts'
import {
  type ChangeInput,
  type ChangeRules,
  checkedEntry,
  checkedInsert,
  checkedItem,
} from './checked-change.ts'
import { type AppliedUnit, ConditionalChanges, type PlannedUnit } from './conditional-changes.ts'
import { changeKey, expectationsOf } from './expectations.ts'
import { expectedOf, InFlight } from './in-flight.ts'
import { IndexTransaction } from './index-transaction.ts'
import {
  type InsertManyItem,
  type InsertManyOptions,
  type InsertManyProgress,
  insertMany,
} from './insert-many.ts'
import { type Asker, CalledChange, type ChangeHome, NumberedChange, type OneChange } from './one-change.ts'
import type { ChangeOptions, UpsertOptions } from './types.ts'
import { dataEntries, isData } from './unit.ts'
import { VectorPool } from './vector-pool.ts'

/**
 * The writing side of an index: a change is checked and copied when it is asked for, let through to
 * the log in its turn, and applied when it is durable.
 */
export class Changes<Input = JsonValue, Metadata = Input> {
  readonly #way: ChangeWay
  readonly #rules: ChangeRules
  /** Of changes that do not stand alone. */
  readonly #unitRules: ChangeRules
  readonly #pool: VectorPool | undefined
  readonly #inFlight: InFlight
  readonly #admission: Admission
  readonly #conditional: ConditionalChanges
  /** Where changes that stand alone are, if the log tells of them without promises. */
  readonly #home: ChangeHome | undefined
  /** What to tell when the index is closed. */
  readonly #listeners = new Set<() => void>()

  constructor(way: ChangeWay) {
    const { log, state, queue, metadataSchema } = way
    this.#way = way
    this.#pool = log.copiesEntries ? new VectorPool(state.index.dimensions) : undefined
    this.#inFlight = new InFlight(state.catalog, isShared(log))
    if (queue instanceof ApplyQueue && log.hand !== undefined)
      this.#home = { queue, inFlight: this.#inFlight, pool: this.#pool, hand: (change) => this.#hand(change) }
    const takesText = this.#home !== undefined
    this.#rules = { index: state.index, metadataSchema, pool: this.#pool, takesText }
    this.#unitRules = { ...this.#rules, pool: undefined, takesText: false }
    this.#admission = new Admission(log, queue, state.index)
    this.#conditional = new ConditionalChanges(way, this.#inFlight, this.#admission, {
      one: (entry) => this.#append(entry),
      together: (entries, expects) => this.#appendTogether(entries, expects),
    })
  }

  /** Not an async function: one promise less for each change. */
  add(input: ChangeInput): Promise<void> {
    try {
      this.#way.needOpen()
      const entry = checkedEntry(input, this.#rules)
      if (this.#home && isData(entry)) return this.#let(new CalledChange(entry, this.#home))
      return this.#admission.enter(() => this.#append(entry)).then(noAnswer)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** The same for what most changes are. */
  insert(item: InsertManyItem, replace: boolean): Promise<void> {
    try {
      this.#way.needOpen()
      const entry = checkedInsert(item, replace, this.#rules)
      if (this.#home) return this.#let(new CalledChange(entry, this.#home))
      return this.#admission.enter(() => this.#submitOne(entry)).then(noAnswer)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async insertMany(
    items: Iterable<InsertManyItem<Input>> | AsyncIterable<InsertManyItem<Input>>,
    options: InsertManyOptions,
  ): Promise<InsertManyProgress> {
    this.#way.needOpen()
    return insertMany(items, options, {
      isFull: () => this.#admission.isFull,
      checked: (item, replace) => {
        this.#way.needOpen()
        return checkedItem(item, replace, this.#rules)
      },
      start: (entry, asker, number) => this.#start(entry, asker, number),
      needOpen: () => this.#way.needOpen(),
      whenClosed: (call) => {
        this.#listeners.add(call)
        return () => this.#listeners.delete(call)
      },
    })
  }

  async delete(id: string): Promise<boolean> {
    this.#way.needOpen()
    const entry = checkedEntry({ type: 'delete', id }, this.#rules)
    return this.#admission.enter(() => {
      this.#inFlight.checkFree(id)
      const existed = this.#inFlight.exists(id)
      // Another call in flight may be what removes it. The answer holds if that one succeeds; if it
      // is refused, so is what is logged behind it.
      if (!existed && !this.#inFlight.decides(id)) return false
      return this.#append(entry).then((applied) => applied?.existed ?? existed)
    })
  }

  /** The same of any change, under conditions. What became of it, where more is known. */
  async addIf(input: ChangeInput, options: UpsertOptions): Promise<Applied | undefined> {
    this.#way.needOpen()
    const { idempotencyKey: key } = options
    const entry = checkedEntry(input, key === undefined ? this.#rules : this.#unitRules)
    const expectations = expectationsOf(input)
    if ('id' in input) expectations.take(input.id, options)
    if (expectations.size === 0 && key === undefined) return this.#admission.enter(() => this.#append(entry))
    return this.#conditional.add(entry, expectations.list, key === undefined ? key : changeKey(key, entry))
  }

  /**
   * Applies together what `plan` answers when everything before is applied: no id twice, no update.
   * Where others change the log as well, and one of the ids that the plan names has changed before
   * its place, it is asked anew.
   * @throws WALV_CONFLICT where that happens again and again
   */
  planned(plan: () => PlannedUnit): Promise<AppliedUnit> {
    return this.#conditional.planned(plan)
  }

  /** Where a transaction with this key has taken effect, nothing is done: undefined. */
  async transaction<T>(
    work: (transaction: IndexTransaction<Input, Metadata>) => Promise<T> | T,
    { idempotencyKey: text }: ChangeOptions,
  ): Promise<T | undefined> {
    this.#way.needOpen()
    if (typeof work !== 'function')
      throw new WalError(
        'WALV_INVALID_OPTION',
        `transaction takes a function of the transaction, not ${echo(work)}. Nothing was logged.`,
        { fate: 'not-logged' },
      )
    if (text === undefined) return this.#admission.enter(() => this.#run(work))
    const key = { text, digest: NO_DIGEST }
    return this.#conditional.keyed(text, (within) =>
      this.#admission.enter(() =>
        this.#conditional.repeated(key) ? undefined : this.#run((scope) => within(() => work(scope)), key),
      ),
    )
  }

  /** Once no more is taken: resolves when no call waits for room in the log. */
  end(): Promise<void> {
    for (const tell of this.#listeners) tell()
    return this.#admission.end()
  }

  /**
   * Everything from here to the append is synchronous: what validation sees is what the log's order
   * will be. What is refused is thrown.
   */
  #append(entry: BatchMember): Promise<Applied | undefined> {
    return isData(entry) ? this.#appendOne(entry) : this.#appendSeveral(entry)
  }

  /** What most changes are: nothing is made for it that several would need. */
  #appendOne(entry: DataEntry): Promise<Applied | undefined> {
    if (this.#home === undefined) return this.#submitOne(entry)
    const change = new CalledChange(entry, this.#home)
    change.submit()
    return change.outcome()
  }

  /** Lets a change through in its turn. */
  #let(change: CalledChange): Promise<void> {
    const outcome = change.outcome()
    this.#admission.let(change)
    return outcome
  }

  /** The same for one of many, whose asker is told what becomes of it. */
  #start(entry: DataEntry, asker: Asker, number: number): void {
    if (this.#home) {
      this.#admission.let(new NumberedChange(entry, this.#home, asker, number))
      return
    }
    const submit = (): Promise<unknown> => {
      asker.needGoOn()
      try {
        return this.#submitOne(entry, (error) => asker.refused(number, error))
      } catch (error) {
        if (!isBackpressure(error)) asker.refused(number, error)
        throw error
      }
    }
    this.#admission.enter(submit).then(
      () => asker.applied(number, entry.id),
      (error) => asker.failed(number, error),
    )
  }

  /** What is refused is thrown, and nothing has happened. */
  #hand(change: OneChange): void {
    const { queue, inFlight } = this.#home!
    queue.needWhole()
    const entry = change.change
    this.#check(entry)
    this.#way.log.hand!(entry, change)
    inFlight.enterOne(change)
    queue.push(change)
  }

  #check(change: DataEntry): void {
    this.#inFlight.checkFree(change.id)
    this.#inFlight.checkPossible(change, this.#inFlight.exists(change.id))
  }

  /** The same for a log that answers with promises. */
  #submitOne(change: DataEntry, refused?: (error: unknown) => void): Promise<Applied> {
    this.#way.queue.needWhole()
    let logged: Promise<number>
    try {
      this.#check(change)
      logged = this.#way.log.submit(change)
    } catch (error) {
      if (!isBackpressure(error)) this.#giveBack(change)
      throw error
    }
    if (refused) logged.catch(refused)
    const expected = expectedOf(change.id, change.type !== 'delete')
    this.#inFlight.enterOne(expected)
    const leave = (): void => {
      this.#inFlight.leave(expected)
      this.#giveBack(change)
    }
    return this.#way.queue.add(logged, { entries: [change] }, leave)
  }

  #giveBack(change: DataEntry): void {
    if (change.type !== 'delete' && change.vector) this.#pool?.give(change.vector)
  }

  #appendSeveral(entry: BatchMember): Promise<Applied> {
    this.#way.queue.needWhole()
    const outcome = new Map<string, boolean>()
    for (const change of dataEntries([entry])) {
      this.#inFlight.checkFree(change.id)
      this.#inFlight.checkPossible(change, outcome.get(change.id) ?? this.#inFlight.exists(change.id))
      outcome.set(change.id, change.type !== 'delete')
    }
    const logged = this.#way.log.submit(entry)
    const unit = { entries: [entry], timestamp: this.#timestamp }
    return this.#way.queue.add(logged, unit, this.#inFlight.enter(outcome))
  }

  /** As one record, or, where one cannot hold them, as a transaction. */
  #appendTogether(
    entries: readonly DataEntry[],
    expects: readonly Expectation[] | undefined,
  ): Promise<Applied> {
    const condition = expects && [conditionEntry({ expects })]
    try {
      return this.#appendSeveral({ type: 'batch', entries: [...(condition ?? []), ...entries] })
    } catch (error) {
      if ((error as WalError).code !== 'WALV_LIMIT' || entries.length === 1) throw error
      return this.#transact((scope) => scope.addAll(entries, expects ?? []), undefined).then(
        ([, applied]) => applied,
      )
    }
  }

  /** Runs a transaction of a caller; undefined where one with this key came first elsewhere. */
  async #run<T>(
    work: (transaction: IndexTransaction<Input, Metadata>) => Promise<T> | T,
    key?: ChangeKey,
  ): Promise<T | undefined> {
    const [result, { isRepeated }] = await this.#transact(work, key)
    return isRepeated ? undefined : result
  }

  async #transact<T>(
    work: (transaction: IndexTransaction<Input, Metadata>) => Promise<T> | T,
    key: ChangeKey | undefined,
  ): Promise<[result: T, applied: Applied]> {
    const transaction = this.#way.log.begin()
    const scope = new IndexTransaction<Input, Metadata>(
      this.#unitRules,
      this.#way.state,
      this.#inFlight,
      this.#admission,
      transaction,
    )
    try {
      const result = await work(scope)
      await scope.settled()
      return [result, await this.#commit(scope, transaction, key)]
    } catch (error) {
      if (transaction.state === 'open' || transaction.state === 'failed')
        await transaction.abort().catch(() => {})
      this.#way.state.logged.add(scope.entries)
      throw error
    } finally {
      scope.end()
    }
  }

  async #commit(
    scope: IndexTransaction<Input, Metadata>,
    transaction: Transaction,
    key: ChangeKey | undefined,
  ): Promise<Applied> {
    const { expects } = scope
    if (expects.length > 0 || key)
      await this.#admission.enter(() => scope.append(conditionEntry({ expects, key })))
    this.#way.needOpen()
    const leave = this.#inFlight.enter(scope.outcome)
    const logged = transaction.commit()
    return this.#way.queue.add(logged, { entries: scope.entries, timestamp: this.#timestamp }, leave)
  }

  /** When what was handed to the log just now is logged; undefined where its units say it. */
  get #timestamp(): number | undefined {
    return this.#way.log.lastTimestamp
  }
}

/** To a caller, a change that takes effect is answered with nothing more. */
const noAnswer = (): void => {}
