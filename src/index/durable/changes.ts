import { echo } from '../../echo.ts'
import type { BatchMember, DataEntry, DeleteEntry, JsonValue } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { isShared, type Log, type Transaction } from '../../log/log.ts'
import { Admission, isBackpressure } from './admission.ts'
import type { ApplyOrder } from './apply-order.ts'
import { ApplyQueue } from './apply-queue.ts'
import {
  type ChangeInput,
  type ChangeRules,
  checkedEntry,
  checkedInsert,
  checkedItem,
} from './checked-change.ts'
import { expectedOf, InFlight } from './in-flight.ts'
import { dataEntries, type IndexState, isData } from './index-state.ts'
import { IndexTransaction } from './index-transaction.ts'
import {
  type InsertManyItem,
  type InsertManyOptions,
  type InsertManyProgress,
  insertMany,
} from './insert-many.ts'
import type { MetadataSchema } from './metadata-schema.ts'
import { type Asker, CalledChange, type ChangeHome, NumberedChange, type OneChange } from './one-change.ts'
import { VectorPool } from './vector-pool.ts'

/** What the changes of an index go through. */
export interface ChangeWay {
  readonly log: Log
  readonly state: IndexState
  readonly queue: ApplyOrder
  readonly metadataSchema: MetadataSchema | undefined
  /** @throws WALV_CLOSED, WALV_POISONED */
  needOpen(): void
}

/**
 * The writing side of an index: a change is checked and copied when it is asked for, let through to
 * the log in its turn, and applied when it is durable.
 */
export class Changes<Input = JsonValue> {
  readonly #way: ChangeWay
  readonly #rules: ChangeRules
  readonly #pool: VectorPool | undefined
  readonly #inFlight: InFlight
  readonly #admission: Admission
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
    this.#admission = new Admission(log, queue, state.index)
  }

  /** Not an async function: one promise less for each change. */
  add(input: ChangeInput): Promise<void> {
    try {
      this.#way.needOpen()
      const entry = checkedEntry(input, this.#rules)
      if (this.#home && isData(entry)) return this.#let(new CalledChange(entry, this.#home))
      // What is no deletion has no answer.
      return this.#admission.enter(() => this.#append(entry) as Promise<never>)
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
      return this.#admission.enter(() => this.#submitOne(entry) as Promise<never>)
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
      return this.#append(entry).then((found) => found ?? existed)
    })
  }

  /** Removes all ids that `idsOf` names when everything before is applied. Resolves to how many. */
  async deleteAll(idsOf: () => readonly string[]): Promise<number> {
    return this.#admission.enterToLook(() => {
      const ids = idsOf()
      const entries = ids.map((id): DeleteEntry => ({ type: 'delete', id }))
      return ids.length === 0 ? 0 : this.#appendTogether(entries).then(() => ids.length)
    })
  }

  /**
   * Applies together what `entriesOf` answers when everything before is applied: no id twice, no
   * update. Resolves to how many there were.
   */
  async applyAll(entriesOf: () => readonly DataEntry[]): Promise<number> {
    return this.#admission.enterToLook(() => {
      const entries = entriesOf()
      return entries.length === 0 ? 0 : this.#appendTogether(entries).then(() => entries.length)
    })
  }

  async transaction<T>(work: (transaction: IndexTransaction<Input>) => Promise<T> | T): Promise<T> {
    this.#way.needOpen()
    if (typeof work !== 'function')
      throw new WalError(
        'WALV_INVALID_OPTION',
        `transaction takes a function of the transaction, not ${echo(work)}. Nothing was logged.`,
        { fate: 'not-logged' },
      )
    return this.#admission.enter(() => this.#transact(this.#way.log.begin(), work))
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
  #append(entry: BatchMember): Promise<boolean | undefined> {
    return isData(entry) ? this.#appendOne(entry) : this.#appendSeveral(entry)
  }

  /** What most changes are: nothing is made for it that several would need. */
  #appendOne(entry: DataEntry): Promise<boolean | undefined> {
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
  #submitOne(change: DataEntry, refused?: (error: unknown) => void): Promise<boolean | undefined> {
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
    return this.#way.queue.add(logged, [change], leave)
  }

  #giveBack(change: DataEntry): void {
    if (change.type !== 'delete' && change.vector) this.#pool?.give(change.vector)
  }

  #appendSeveral(entry: BatchMember): Promise<boolean | undefined> {
    this.#way.queue.needWhole()
    const outcome = new Map<string, boolean>()
    for (const change of dataEntries([entry])) {
      this.#inFlight.checkFree(change.id)
      this.#inFlight.checkPossible(change, outcome.get(change.id) ?? this.#inFlight.exists(change.id))
      outcome.set(change.id, change.type !== 'delete')
    }
    const logged = this.#way.log.submit(entry)
    return this.#way.queue.add(logged, [entry], this.#inFlight.enter(outcome))
  }

  /** As one record, or, where one cannot hold them, as a transaction. */
  #appendTogether(entries: readonly DataEntry[]): Promise<unknown> {
    try {
      return this.#append({ type: 'batch', entries })
    } catch (error) {
      if ((error as WalError).code !== 'WALV_LIMIT' || entries.length === 1) throw error
      return this.#transact(this.#way.log.begin(), (transaction) => transaction.addAll(entries))
    }
  }

  async #transact<T>(
    transaction: Transaction,
    work: (transaction: IndexTransaction<Input>) => Promise<T> | T,
  ): Promise<T> {
    const scope = new IndexTransaction<Input>(
      { ...this.#rules, pool: undefined },
      this.#inFlight,
      this.#admission,
      transaction,
    )
    try {
      const result = await work(scope)
      await scope.settled()
      await this.#commit(scope, transaction)
      return result
    } catch (error) {
      if (transaction.state === 'open' || transaction.state === 'failed')
        await transaction.abort().catch(() => {})
      this.#way.state.logged.add(scope.entries)
      throw error
    } finally {
      scope.end()
    }
  }

  async #commit(scope: IndexTransaction<Input>, transaction: Transaction): Promise<void> {
    this.#way.needOpen()
    const leave = this.#inFlight.enter(scope.outcome)
    await this.#way.queue.add(transaction.commit(), scope.entries, leave)
  }
}
