import { echo } from '../../echo.ts'
import type { BatchMember, DataEntry, DeleteEntry, JsonValue } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { isShared, type Log, type Transaction } from '../../log/log.ts'
import { Admission, isBackpressure } from './admission.ts'
import type { ApplyOrder } from './apply-order.ts'
import { type ChangeInput, type ChangeRules, checkedEntry, checkedItem } from './checked-change.ts'
import { InFlight } from './in-flight.ts'
import { dataEntries, type IndexState, isData } from './index-state.ts'
import { IndexTransaction } from './index-transaction.ts'
import {
  type InsertManyItem,
  type InsertManyOptions,
  type InsertManyProgress,
  insertMany,
} from './insert-many.ts'
import type { MetadataSchema } from './metadata-schema.ts'
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
  /** What to tell when the index is closed. */
  readonly #listeners = new Set<() => void>()

  constructor(way: ChangeWay) {
    const { log, state, queue, metadataSchema } = way
    this.#way = way
    this.#pool = log.copiesEntries ? new VectorPool(state.index.dimensions) : undefined
    this.#rules = { index: state.index, metadataSchema, pool: this.#pool }
    this.#inFlight = new InFlight(state.catalog, isShared(log))
    this.#admission = new Admission(log, queue, state.index)
  }

  /** Not an async function: one promise less for each change. */
  add(input: ChangeInput): Promise<void> {
    try {
      this.#way.needOpen()
      const entry = checkedEntry(input, this.#rules)
      // What is no deletion has no answer.
      return this.#admission.enter(() => this.#append(entry) as Promise<never>)
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
      admission: this.#admission,
      checked: (item, replace) => {
        this.#way.needOpen()
        return checkedItem(item, replace, this.#rules)
      },
      append: (entry, refused) => this.#append(entry, refused),
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
  #append(entry: BatchMember, refused?: (error: unknown) => void): Promise<boolean | undefined> {
    this.#way.queue.needWhole()
    return isData(entry) ? this.#appendOne(entry, refused) : this.#appendSeveral(entry, refused)
  }

  /** What most changes are: nothing is made for it that several would need. */
  #appendOne(
    change: DataEntry,
    refused: ((error: unknown) => void) | undefined,
  ): Promise<boolean | undefined> {
    const { id } = change
    let logged: Promise<number>
    try {
      this.#inFlight.checkFree(id)
      this.#inFlight.checkPossible(change, this.#inFlight.exists(id))
      logged = this.#submit(change, refused)
    } catch (error) {
      if (!isBackpressure(error)) this.#giveBack(change)
      throw error
    }
    this.#inFlight.enterOne(id, change.type !== 'delete')
    const leave = (): void => {
      this.#inFlight.leave(id)
      this.#giveBack(change)
    }
    return this.#way.queue.add(logged, [change], leave)
  }

  #giveBack(change: DataEntry): void {
    if (change.type !== 'delete' && change.vector) this.#pool?.give(change.vector)
  }

  #appendSeveral(
    entry: BatchMember,
    refused: ((error: unknown) => void) | undefined,
  ): Promise<boolean | undefined> {
    const outcome = new Map<string, boolean>()
    for (const change of dataEntries([entry])) {
      this.#inFlight.checkFree(change.id)
      this.#inFlight.checkPossible(change, outcome.get(change.id) ?? this.#inFlight.exists(change.id))
      outcome.set(change.id, change.type !== 'delete')
    }
    const logged = this.#submit(entry, refused)
    return this.#way.queue.add(logged, [entry], this.#inFlight.enter(outcome))
  }

  #submit(entry: BatchMember, refused: ((error: unknown) => void) | undefined): Promise<number> {
    const logged = this.#way.log.submit(entry)
    if (refused) logged.catch(refused)
    return logged
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
