import type { JsonValue, UpdateEntry, VectorInput } from '../../entry.ts'
import type { OptionNames } from '../../option-names.ts'
import { acceptorOf } from '../filter/accept.ts'
import type { Filter, FilterFunction } from '../filter/filter.ts'
import type { Changes } from './changes.ts'
import { type ChangeInput, checkUpdate } from './checked-change.ts'
import type { AppliedUnit, PlannedUnit } from './conditional-changes.ts'
import { CHANGE_OPTIONS, CONDITIONAL_OPTIONS, checkedOptions, UPSERT_OPTIONS } from './expectations.ts'
import type { ChangeArguments, IndexTransaction } from './index-transaction.ts'
import type { InsertManyItem, InsertManyOptions, InsertManyProgress } from './insert-many.ts'
import { IndexWithPast } from './time/index-with-past.ts'
import type { ChangeOptions, ConditionalOptions, IndexEntry, UpsertOptions } from './types.ts'

/**
 * What can be done to an index: its writing side. Each call resolves when its change is durable and
 * searches see it. Options that there are not, and such as contradict each other, are refused with
 * `WALV_INVALID_OPTION` before anything is logged.
 */
export abstract class IndexWriter<Metadata = JsonValue, Input = Metadata> extends IndexWithPast<Metadata> {
  /** @internal */
  protected abstract get writing(): Changes<Input, Metadata>

  /**
   * Adds a new id. @throws WALV_DUPLICATE_ID if it exists or is being inserted, and what
   * `Wal.append` and validation throw
   */
  insert(
    id: string,
    vector: VectorInput,
    ...[metadata, options]: ChangeArguments<Input, ChangeOptions>
  ): Promise<void> {
    const item = { id, vector, metadata: metadata as JsonValue }
    if (options === undefined) return this.writing.insert(item, false)
    return this.#addIf('insert', { type: 'insert', ...item }, options, CHANGE_OPTIONS)
  }

  /**
   * Inserts all items of an iterable or async iterable, in their order, in bounded memory: at most
   * 1,024 of them, or what `maxPendingBytes` allows, are on their way at a time. Each is a change
   * of its own, so that searches see the first while the last are still to come. Resolves to how
   * many there were. The first that is refused ends it: what came before is durable, nothing behind
   * it is tried. `detail` of the error says how far it came and where it ended, `cause` is why; go
   * on from there, with `replace: true` after a crash.
   * @throws what `insert` throws, WALV_ABORTED where `signal`, `onProgress` or the items themselves
   * end it
   */
  async insertMany(
    items: Iterable<InsertManyItem<Input>> | AsyncIterable<InsertManyItem<Input>>,
    options: InsertManyOptions = {},
  ): Promise<InsertManyProgress> {
    return this.writing.insertMany(items, options)
  }

  /**
   * Sets vector and metadata of an id, new or not.
   * @throws WALV_CONFLICT if the id is not as `options` expect it: `detail` has the number that it
   * was to have, `ifSeq`, and the one that it has, `seq`; `null` is an id that is not there
   */
  upsert(
    id: string,
    vector: VectorInput,
    ...[metadata, options]: ChangeArguments<Input, UpsertOptions>
  ): Promise<void> {
    const item = { id, vector, metadata: metadata as JsonValue }
    if (options === undefined) return this.writing.insert(item, true)
    return this.#addIf('upsert', { type: 'insert', ...item, replace: true }, options, UPSERT_OPTIONS)
  }

  /**
   * Changes vector, metadata or both of an id; metadata alone does not log the vector again.
   * @throws WALV_NOT_FOUND; WALV_CONFLICT as `upsert` does
   */
  async update(
    id: string,
    change: { readonly vector?: VectorInput; readonly metadata?: Input },
    options?: ConditionalOptions,
  ): Promise<void> {
    checkUpdate(change)
    const entry = { type: 'update', id, ...change } as UpdateEntry<VectorInput>
    return options ? this.#addIf('update', entry, options, CONDITIONAL_OPTIONS) : this.writing.add(entry)
  }

  /**
   * Removes an id. Resolves to whether it existed; if not, nothing is logged.
   * @throws WALV_CONFLICT as `upsert` does
   */
  async delete(id: string, options?: ConditionalOptions): Promise<boolean> {
    const checked = checkedOptions('delete', options, CONDITIONAL_OPTIONS)
    if (checked?.ifSeq === undefined && checked?.idempotencyKey === undefined) return this.writing.delete(id)
    const applied = await this.writing.addIf({ type: 'delete', id }, checked)
    return applied?.existed ?? true
  }

  /**
   * Applies several changes whole or not at all, in their order; a later one sees an earlier one.
   * What they expect of ids is about what is there before the first of them.
   * @throws WALV_CONFLICT as `upsert` does
   */
  batch(entries: readonly IndexEntry<Input>[], options: ChangeOptions = {}): Promise<void> {
    const batch = { type: 'batch', entries: entries as readonly ChangeInput[] } as const
    return this.#addIf('batch', batch, options, CHANGE_OPTIONS)
  }

  async #addIf<Options extends UpsertOptions>(
    call: string,
    input: ChangeInput,
    options: Options,
    names: OptionNames<Options>,
  ): Promise<void> {
    await this.writing.addIf(input, checkedOptions(call, options, names) ?? {})
  }

  /**
   * Removes every entry that a filter takes, all of them or none; resolves to how many. Every
   * change that was called before is applied first, and those that are called later come behind it:
   * the filter is asked about exactly what is there at the deletion's place in the log. It looks at
   * every entry, in one step. More than one record can hold is removed by a transaction, with its
   * ids reserved until then. In a directory that several processes write, it is asked again where
   * an entry that it took was changed before the deletion's place.
   * @throws WALV_INVALID_OPTION, WALV_LIMIT; WALV_CONFLICT if an open transaction has touched one
   * of them, or others change them again and again
   */
  async deleteWhere(filter: Filter<Metadata> | FilterFunction<Metadata>): Promise<number> {
    this.needOpen()
    const accepts = acceptorOf(filter)
    const { count } = await this.writing.planned(() => {
      const ids = this.idsThatPass(accepts)
      return {
        entries: ids.map((id) => ({ type: 'delete', id })),
        expects: ids.map((id) => ({ id, seq: this.seqOf(id) })),
      }
    })
    return count
  }

  /**
   * Runs `work` with a transaction and commits it; if `work` throws, nothing of it takes effect and
   * the error is passed on. The ids that it touches are reserved for it until then: others' changes
   * of them are refused with `WALV_CONFLICT`. Searches see its changes only after the commit.
   *
   * With an idempotency key: where a transaction with this key has taken effect, `work` is not run,
   * or what it did has no effect, and this resolves to undefined.
   */
  transaction<T>(work: (transaction: IndexTransaction<Input, Metadata>) => Promise<T> | T): Promise<T>
  transaction<T>(
    work: (transaction: IndexTransaction<Input, Metadata>) => Promise<T> | T,
    options: ChangeOptions,
  ): Promise<T | undefined>
  async transaction<T>(
    work: (transaction: IndexTransaction<Input, Metadata>) => Promise<T> | T,
    options: ChangeOptions = {},
  ): Promise<T | undefined> {
    return this.writing.transaction(work, checkedOptions('transaction', options, CHANGE_OPTIONS) ?? {})
  }

  /** @internal */
  protected override applyPlanned(plan: () => PlannedUnit): Promise<AppliedUnit> {
    return this.writing.planned(plan)
  }
}
