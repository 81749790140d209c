import type { BatchMember, DataEntry, JsonValue, UpdateEntry, VectorInput } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import type { Expectation } from '../../format/condition.ts'
import { checkedIdBytes } from '../../format/encode.ts'
import type { Transaction } from '../../log/log.ts'
import type { OptionNames } from '../../option-names.ts'
import type { Admission } from './admission.ts'
import { type ChangeInput, type ChangeRules, checkedEntry, checkUpdate } from './checked-change.ts'
import { checkedOptions, Expectations, IF_SEQ, IF_SEQ_OR_ABSENT } from './expectations.ts'
import { impossibleError } from './impossible-error.ts'
import type { InFlight } from './in-flight.ts'
import type { IndexState } from './index-state.ts'
import { OwnImages, type TransactionVector } from './own-images.ts'
import type { IfSeq, IfSeqOrAbsent, StoredVector } from './types.ts'
import { dataEntries } from './unit.ts'
import { WatchedPromise } from './watched-promise.ts'

/** Metadata as an argument: may be left out where it may be null. */
export type MetadataArgument<Input> = null extends Input ? [metadata?: Input] : [metadata: Input]

/** The same with options behind it. */
export type ChangeArguments<Input, Options> = null extends Input
  ? [metadata?: Input | undefined, options?: Options]
  : [metadata: Input, options?: Options]

type OneInput = Exclude<ChangeInput, { readonly type: 'batch' | 'custom' }>

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
export class IndexTransaction<Input = JsonValue, Metadata = Input> {
  readonly entries: BatchMember[] = []
  readonly outcome: Map<string, boolean> = new Map()
  readonly #rules: ChangeRules
  readonly #state: IndexState
  readonly #inFlight: InFlight
  readonly #admission: Admission
  readonly #transaction: Transaction
  readonly #underWay = new Set<Promise<void>>()
  readonly #refused: Refused[] = []
  readonly #expectations = new Expectations()
  readonly #own = new OwnImages()
  /** What was read and what was changed. */
  readonly #reserved = new Set<string>()
  #calls = 0
  #hasEnded = false

  /** @internal */
  constructor(
    rules: ChangeRules,
    state: IndexState,
    inFlight: InFlight,
    admission: Admission,
    transaction: Transaction,
  ) {
    this.#rules = rules
    this.#state = state
    this.#inFlight = inFlight
    this.#admission = admission
    this.#transaction = transaction
  }

  /**
   * What is stored under an id, as this transaction would leave it. Nobody else's change of the id
   * comes between this and the commit: where one process writes, the id is reserved; where several
   * do, the transaction is refused with `WALV_CONFLICT` if one does.
   * @throws WALV_INVALID_ID, WALV_CONFLICT, WALV_TRANSACTION_ENDED
   */
  async get(id: string): Promise<TransactionVector<Metadata> | undefined> {
    checkedIdBytes(id)
    return this.#admission.enterWhen(
      () => this.#waitsFor(id),
      () => {
        if (this.#hasEnded) throw ended()
        this.#inFlight.checkFree(id, this)
        return this.#own.imageOf(id, this.entries, () => this.#read(id)) as TransactionVector<Metadata>
      },
    )
  }

  /** @throws WALV_DUPLICATE_ID, WALV_CONFLICT, WALV_TRANSACTION_ENDED and what validation throws */
  insert(id: string, vector: VectorInput, ...[metadata]: MetadataArgument<Input>): Promise<void> {
    return this.#change({ type: 'insert', id, vector, metadata: metadata as JsonValue })
  }

  /** @throws what `insert` throws; WALV_CONFLICT if the id is not as `options` expect it */
  upsert(
    id: string,
    vector: VectorInput,
    ...[metadata, options]: ChangeArguments<Input, IfSeqOrAbsent>
  ): Promise<void> {
    const entry = { type: 'insert', id, vector, metadata: metadata as JsonValue, replace: true } as const
    return this.#change(entry, options, IF_SEQ_OR_ABSENT)
  }

  /** @throws WALV_NOT_FOUND and what `upsert` throws */
  update(
    id: string,
    change: { readonly vector?: VectorInput; readonly metadata?: Input },
    options?: IfSeq,
  ): Promise<void> {
    return this.#operation(async () => {
      checkUpdate(change)
      await this.#enter({ type: 'update', id, ...change } as UpdateEntry<VectorInput>, options, IF_SEQ)
    })
  }

  /** Resolves to whether the id existed. @throws what `update` throws */
  delete(id: string, options?: IfSeq): Promise<boolean> {
    return this.#operation(async () => {
      const entry = checkedEntry({ type: 'delete', id }, this.#rules)
      const ifSeq = expectedIn(id, checkedOptions('delete', options, IF_SEQ))
      return this.#admission.enterWhen(this.#looks(id, ifSeq), () => {
        const existed = this.#exists(id)
        // What removes it and is in flight may still be refused: then this must be, too.
        if (existed || ifSeq !== undefined || this.#inFlight.decides(id)) this.#add(entry, id, ifSeq)
        return existed
      })
    })
  }

  #change(
    input: OneInput,
    options?: IfSeqOrAbsent,
    names: OptionNames<IfSeqOrAbsent> = IF_SEQ_OR_ABSENT,
  ): Promise<void> {
    return this.#operation(() => this.#enter(input, options, names))
  }

  async #enter<Options extends IfSeqOrAbsent>(
    input: OneInput,
    options: Options | undefined,
    names: OptionNames<Options>,
  ): Promise<void> {
    const { id, type } = input
    const entry = checkedEntry(input, this.#rules)
    const ifSeq = expectedIn(id, checkedOptions(type === 'insert' ? 'upsert' : type, options, names))
    await this.#admission.enterWhen(this.#looks(id, ifSeq), () => this.#add(entry, id, ifSeq))
  }

  #looks(id: string, ifSeq: number | null | undefined): () => boolean {
    return () => ifSeq !== undefined && this.#waitsFor(id)
  }

  /** Whether something that is on its way decides what the id is. */
  #waitsFor(id: string): boolean {
    return !this.#inFlight.isShared && this.#inFlight.decides(id)
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

  /** What the index has, which nobody may change until the commit. */
  #read(id: string): StoredVector | undefined {
    const entry = this.#state.catalog.get(id)
    this.#expect(id, entry?.seq ?? null)
    return entry && { vector: this.#state.index.get(entry.label), metadata: entry.metadata, seq: entry.seq }
  }

  #expectedOf(id: string, otherwise: number | null): number | null {
    const expected = this.#expectations.of(id)
    return expected === undefined ? otherwise : expected
  }

  /** @throws WALV_CONFLICT */
  #expect(id: string, ifSeq: number | null): void {
    const seq = this.#state.seqOf(id) ?? null
    const expected = this.#inFlight.isShared ? this.#expectedOf(id, ifSeq) : seq
    // Two numbers of one id cannot both be right.
    if (expected !== ifSeq)
      throw impossibleError({ code: 'WALV_CONFLICT', id, ifSeq: expected === seq ? ifSeq : expected, seq })
    if (this.#inFlight.isShared) this.#expectations.add(id, ifSeq)
    this.#inFlight.reserve(id, this)
    this.#reserved.add(id)
  }

  #add(entry: BatchMember, id: string, ifSeq?: number | null): void {
    this.#inFlight.checkFree(id, this)
    if (ifSeq !== undefined) this.#expect(id, ifSeq)
    for (const change of dataEntries([entry])) this.#inFlight.checkPossible(change, this.#exists(id))
    this.append(entry)
    this.#inFlight.reserve(id, this)
    this.#reserved.add(id)
    this.outcome.set(id, (entry as DataEntry).type !== 'delete')
  }

  /** @internal What it expects that nobody else sees to. */
  get expects(): Expectation[] {
    return this.#expectations.list
  }

  /** @internal */
  append(entry: BatchMember): void {
    this.#transaction.append(entry)
    this.entries.push(entry)
    this.#own.note(entry)
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

  /**
   * @internal Adds changes of as many ids. From the call on, nobody else can change these.
   * `expects`: what is expected where others write as well.
   */
  async addAll(entries: readonly DataEntry[], expects: readonly Expectation[]): Promise<void> {
    for (const { id } of entries) this.#inFlight.checkFree(id, this)
    for (const { id } of entries) {
      this.#inFlight.reserve(id, this)
      this.#reserved.add(id)
      this.outcome.set(id, this.#inFlight.exists(id))
    }
    for (const { id, seq } of expects) this.#expectations.add(id, seq)
    for (const entry of entries) await this.#admission.enter(() => this.#add(entry, entry.id))
  }

  /** @internal */
  end(): void {
    this.#hasEnded = true
    this.#inFlight.unreserve(this.#reserved)
  }
}

/** What options expect of an id; undefined where they expect nothing. */
function expectedIn(id: string, options: IfSeqOrAbsent | undefined): number | null | undefined {
  if (options === undefined) return undefined
  const expectations = new Expectations()
  expectations.take(id, options)
  return expectations.of(id)
}

const ended = (): WalError =>
  new WalError('WALV_TRANSACTION_ENDED', 'The transaction has ended: nothing can be read in it any more.')
