import type { BatchMember, DataEntry, EntryInput, JsonValue, UpdateEntry, VectorInput } from '../../entry.ts'
import type { Transaction } from '../../log/log.ts'
import type { Admission } from './admission.ts'
import { type ChangeRules, checkedEntry, checkUpdate } from './checked-change.ts'
import type { InFlight } from './in-flight.ts'
import { dataEntries } from './index-state.ts'
import { WatchedPromise } from './watched-promise.ts'

/** Metadata as an argument: may be left out where it may be null. */
export type MetadataArgument<Input> = null extends Input ? [metadata?: Input] : [metadata: Input]

interface Refused {
  /** Counts the calls. */
  readonly place: number
  readonly operation: WatchedPromise<unknown>
  readonly error: unknown
}

/**
 * The changes of one transaction of an index. What each holds is copied when it is called, and it
 * is logged at once, or, where the log is full, when there is room; the order is that of the calls.
 * Await them, so that no more wait than there is room for. One that is refused is not part of the
 * transaction; if nobody awaits it, nothing of the transaction takes effect, and `transaction`
 * rejects with its error.
 */
export class IndexTransaction<Input = JsonValue> {
  readonly entries: BatchMember[] = []
  readonly outcome: Map<string, boolean> = new Map()
  readonly #rules: ChangeRules
  readonly #inFlight: InFlight
  readonly #admission: Admission
  readonly #transaction: Transaction
  readonly #underWay = new Set<Promise<void>>()
  readonly #refused: Refused[] = []
  #calls = 0
  #hasEnded = false

  /** @internal */
  constructor(rules: ChangeRules, inFlight: InFlight, admission: Admission, transaction: Transaction) {
    this.#rules = rules
    this.#inFlight = inFlight
    this.#admission = admission
    this.#transaction = transaction
  }

  /** @throws WALV_DUPLICATE_ID, WALV_CONFLICT, WALV_TRANSACTION_ENDED and what validation throws */
  insert(id: string, vector: VectorInput, ...[metadata]: MetadataArgument<Input>): Promise<void> {
    return this.#change({ type: 'insert', id, vector, metadata: metadata as JsonValue })
  }

  upsert(id: string, vector: VectorInput, ...[metadata]: MetadataArgument<Input>): Promise<void> {
    return this.#change({ type: 'insert', id, vector, metadata: metadata as JsonValue, replace: true })
  }

  /** @throws WALV_NOT_FOUND and what `insert` throws */
  update(id: string, change: { readonly vector?: VectorInput; readonly metadata?: Input }): Promise<void> {
    return this.#operation(async () => {
      checkUpdate(change)
      await this.#enter({ type: 'update', id, ...change } as UpdateEntry<VectorInput>)
    })
  }

  /** Resolves to whether the id existed. */
  delete(id: string): Promise<boolean> {
    return this.#operation(async () => {
      const entry = checkedEntry({ type: 'delete', id }, this.#rules)
      return this.#admission.enter(() => {
        const existed = this.#exists(id)
        // What removes it and is in flight may still be refused: then this must be, too.
        if (existed || this.#inFlight.decides(id)) this.#add(entry)
        return existed
      })
    })
  }

  #change(input: EntryInput): Promise<void> {
    return this.#operation(() => this.#enter(input))
  }

  async #enter(input: EntryInput): Promise<void> {
    const entry = checkedEntry(input, this.#rules)
    await this.#admission.enter(() => this.#add(entry))
  }

  #operation<T>(run: () => Promise<T>): Promise<T> {
    // Nobody is left whom a refusal could be told but its caller.
    if (this.#hasEnded) return run()
    const place = this.#calls++
    const outcome = run()
    const operation = WatchedPromise.of(outcome)
    const ended = outcome.then(
      () => {},
      (error) => void this.#refused.push({ place, operation, error }),
    )
    this.#underWay.add(ended)
    ended.then(() => this.#underWay.delete(ended))
    return operation
  }

  #exists(id: string): boolean {
    return this.outcome.get(id) ?? this.#inFlight.exists(id)
  }

  #add(entry: BatchMember): void {
    for (const change of dataEntries([entry])) {
      this.#inFlight.checkFree(change.id, this)
      this.#inFlight.checkPossible(change, this.#exists(change.id))
    }
    this.#transaction.append(entry)
    for (const { id, type } of dataEntries([entry])) {
      this.#inFlight.reserve(id, this)
      this.outcome.set(id, type !== 'delete')
    }
    this.entries.push(entry)
  }

  /**
   * @internal Resolves when every change that was asked for is logged or refused.
   * @throws why the first was refused that was and that nobody awaited
   */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
    const [first] = this.#refused
      .filter(({ operation }) => !operation.isAsked)
      .sort((a, b) => a.place - b.place)
    if (first) throw first.error
  }

  /** @internal Adds changes of as many ids. From the call on, nobody else can change these. */
  async addAll(entries: readonly DataEntry[]): Promise<void> {
    for (const { id } of entries) this.#inFlight.checkFree(id, this)
    for (const { id } of entries) {
      this.#inFlight.reserve(id, this)
      this.outcome.set(id, this.#inFlight.exists(id))
    }
    for (const entry of entries) await this.#admission.enter(() => this.#add(entry))
  }

  /** @internal */
  end(): void {
    this.#hasEnded = true
    this.#inFlight.unreserve(this.outcome.keys())
  }
}
