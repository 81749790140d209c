import type { BatchMember, EntryInput, JsonValue, UpdateEntry, VectorInput } from '../entry.ts'
import type { Transaction } from '../log/transactions.ts'
import { type ChangeRules, checkedEntry, checkUpdate } from './checked-change.ts'
import type { InFlight } from './in-flight.ts'
import { dataEntries } from './index-state.ts'

/** Metadata as an argument: may be left out where it may be null. */
export type MetadataArgument<Input> = null extends Input ? [metadata?: Input] : [metadata: Input]

/** The changes of one transaction of an index. Each is validated at once, against what is there, in flight and in the transaction itself. */
export class IndexTransaction<Input = JsonValue> {
  readonly entries: BatchMember[] = []
  readonly outcome: Map<string, boolean> = new Map()
  readonly #rules: ChangeRules
  readonly #inFlight: InFlight
  readonly #transaction: Transaction

  /** @internal */
  constructor(rules: ChangeRules, inFlight: InFlight, transaction: Transaction) {
    this.#rules = rules
    this.#inFlight = inFlight
    this.#transaction = transaction
  }

  /** @throws WALV_DUPLICATE_ID, WALV_CONFLICT, WALV_TRANSACTION_ENDED and what validation throws; the transaction goes on without this change */
  insert(id: string, vector: VectorInput, ...[metadata]: MetadataArgument<Input>): void {
    this.#add({ type: 'insert', id, vector, metadata: metadata as JsonValue })
  }

  upsert(id: string, vector: VectorInput, ...[metadata]: MetadataArgument<Input>): void {
    this.#add({ type: 'insert', id, vector, metadata: metadata as JsonValue, replace: true })
  }

  /** @throws WALV_NOT_FOUND and what `insert` throws */
  update(id: string, change: { readonly vector?: VectorInput; readonly metadata?: Input }): void {
    checkUpdate(change)
    this.#add({ type: 'update', id, ...change } as UpdateEntry<VectorInput>)
  }

  /** Returns whether the id existed. */
  delete(id: string): boolean {
    const existed = this.#exists(id)
    // What removes it and is in flight may still be refused: then this must be, too.
    if (existed || this.#inFlight.decides(id)) this.#add({ type: 'delete', id })
    return existed
  }

  #exists(id: string): boolean {
    return this.outcome.get(id) ?? this.#inFlight.exists(id)
  }

  #add(input: EntryInput & { readonly id: string }): void {
    const entry = checkedEntry(input, this.#rules)
    this.#inFlight.checkFree(input.id, this)
    for (const change of dataEntries([entry])) this.#inFlight.checkPossible(change, this.#exists(change.id))
    this.#transaction.append(entry)
    this.#inFlight.reserve(input.id, this)
    this.outcome.set(input.id, input.type !== 'delete')
    this.entries.push(entry)
  }

  /** @internal */
  end(): void {
    this.#inFlight.unreserve(this.outcome.keys())
  }
}
