import type { EntryInput, Origin, TransactionMarker } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { type Encodable, encodable, encodableInput } from '../../format/encode.ts'
import { enveloped } from '../../format/envelope.ts'
import { MAX_OPEN_TRANSACTIONS } from '../../limits.ts'
import type { OldestTransaction } from '../health.ts'
import type { Transaction, TransactionState } from '../log.ts'
import type { GroupCommit } from '../write/group-commit.ts'
import { EntryCalls } from './entry-calls.ts'
import type { OpenTransaction } from './tracker.ts'

/** A transaction of an open `Wal`. */
export class WalTransaction extends EntryCalls implements Transaction {
  readonly id: number
  /** By the clock for ages, its begin, or the opening of the log that found it. */
  readonly since: number
  readonly #table: TransactionTable
  #state: TransactionState
  /** Of its begin, or of its last entry. */
  #lastSeq: number

  constructor(table: TransactionTable, id: number, state: 'open' | 'prepared', since: number) {
    super()
    this.#table = table
    this.id = id
    this.since = since
    this.#state = state
    this.#lastSeq = id
  }

  get state(): TransactionState {
    return this.#state
  }

  /**
   * Everything from this sequence number on was refused by the disk. Returns whether some of this
   * was.
   */
  refusedFrom(seq: number): boolean {
    if (this.#lastSeq < seq) return false
    this.#state = 'failed'
    return true
  }

  append(entry: EntryInput): void {
    this.#need('open')
    const seq = this.#table.append(this.id, entry)
    this.#lastSeq = seq
  }

  async prepare(): Promise<void> {
    this.#need('open')
    await this.#mark('prepareTransaction', 'prepared')
  }

  /** `origin`: who handed it over, where several processes write. */
  async commit(origin?: Origin): Promise<number> {
    this.#need('open', 'prepared')
    return this.#mark('commitTransaction', 'committed', origin)
  }

  async abort(): Promise<void> {
    // Where its begin was refused, another may have its id: nothing is logged of it any more.
    if (this.#state === 'failed') return
    this.#need('open', 'prepared')
    if (this.#state === 'prepared') {
      await this.#mark('abortTransaction', 'aborted')
      return
    }
    this.#state = 'aborted'
    this.#table.forget(this)
    await this.#table.mark(this.id, 'abortTransaction').catch(() => {})
  }

  async #mark(type: TransactionMarker['type'], state: TransactionState, origin?: Origin): Promise<number> {
    const before = this.#state
    this.#state = state
    try {
      const seq = await this.#table.mark(this.id, type, origin)
      if (state !== 'prepared') this.#table.ended(this, seq)
      return seq
    } catch (error) {
      // A marker that was refused alone left no trace: the transaction may be ended again. Together
      // with its entries it is failed by now. A failed disk ends everything.
      const refused = error instanceof WalError && error.fate === 'not-logged'
      if (this.state !== 'failed') this.#state = refused ? before : 'failed'
      throw error
    }
  }

  #need(...states: TransactionState[]): void {
    if (states.includes(this.#state)) return
    const why =
      this.#state === 'failed'
        ? 'one of its records was refused by the disk; abort it and begin again'
        : `it is ${this.#state}`
    throw new WalError(
      'WALV_TRANSACTION_ENDED',
      `Transaction ${this.id} takes no more of this: ${why}. Nothing was logged.`,
      { fate: 'not-logged' },
    )
  }
}

/**
 * Ranges of ended transactions are kept apart up to this many; beyond, the two oldest are taken
 * together, which only makes a replay start earlier.
 */
const ENDED_KEPT = 1024

/** The transactions of an open log. */
export class TransactionTable {
  readonly #writer: GroupCommit
  readonly #ageClock: () => number
  /** Oldest first. */
  readonly #open = new Map<number, WalTransaction>()
  #ended: { readonly begin: number; readonly end: number }[] = []

  constructor(writer: GroupCommit, found: Iterable<OpenTransaction>, ageClock: () => number) {
    this.#writer = writer
    this.#ageClock = ageClock
    for (const { id } of found) this.#open.set(id, new WalTransaction(this, id, 'prepared', ageClock()))
  }

  get openCount(): number {
    return this.#open.size
  }

  /** The one that began first of those that have not ended. */
  get oldest(): OldestTransaction | undefined {
    const [first] = this.#open.values()
    if (first === undefined) return undefined
    const state = first.state === 'prepared' ? 'prepared' : 'open'
    return { id: first.id, state, ageMs: this.#ageClock() - first.since, count: this.#open.size }
  }

  /** Those that were prepared before the log was opened and not ended since. */
  inDoubt(): WalTransaction[] {
    return [...this.#open.values()].filter(({ state }) => state === 'prepared')
  }

  begin(): WalTransaction {
    if (this.#open.size >= MAX_OPEN_TRANSACTIONS) {
      throw new WalError(
        'WALV_LIMIT',
        `${MAX_OPEN_TRANSACTIONS} transactions are open already. Commit or abort some. Nothing was logged.`,
        { fate: 'not-logged' },
      )
    }
    const id = this.#writer.nextSeq
    this.#appendLazily(encodable({ type: 'beginTransaction' }), id)
    const transaction = new WalTransaction(this, id, 'open', this.#ageClock())
    this.#open.set(id, transaction)
    return transaction
  }

  append(id: number, entry: EntryInput): number {
    return this.#appendLazily(encodableInput(entry), id)
  }

  /** A refusal reaches the transaction through `refusedFrom`, before its caller can commit. */
  #appendLazily(entry: ReturnType<typeof encodable>, id: number): number {
    const seq = this.#writer.nextSeq
    this.#writer.append(enveloped(entry, id), 'lazy').catch(() => {})
    return seq
  }

  async mark(id: number, type: TransactionMarker['type'], origin?: Origin): Promise<number> {
    return this.#writer.append(enveloped(encodable({ type }), id, origin), 'exempt')
  }

  /**
   * Logs a transaction that is complete, its records one behind the other. Where its begin is taken
   * the rest is, too, however much waits.
   * @throws what `begin` throws, at once
   */
  logWhole(payloads: readonly Encodable[], origin: Origin): Promise<number> {
    const transaction = this.begin()
    for (const payload of payloads)
      this.#writer.append(enveloped(payload, transaction.id), 'exempt').catch(() => {})
    return transaction.commit(origin)
  }

  ended(transaction: WalTransaction, seq: number): void {
    this.forget(transaction)
    this.#ended.push({ begin: transaction.id, end: seq })
    if (this.#ended.length > ENDED_KEPT) {
      const [first, second] = this.#ended.splice(0, 2)
      this.#ended.unshift({
        begin: Math.min(first!.begin, second!.begin),
        end: Math.max(first!.end, second!.end),
      })
    }
  }

  forget(transaction: WalTransaction): void {
    if (this.#open.get(transaction.id) === transaction) this.#open.delete(transaction.id)
  }

  /** Those that lost a record cannot commit any more: nothing is kept for them. */
  refusedFrom(seq: number): void {
    for (const transaction of this.#open.values()) {
      if (transaction.refusedFrom(seq)) this.#open.delete(transaction.id)
    }
  }

  /**
   * Where a replay on top of the state at `seq` has to begin: the begin of the oldest transaction
   * that ended later, or did not end.
   */
  replayFrom(seq: number): number {
    const later = this.#ended.filter(({ end }) => end > seq)
    return Math.min(seq + 1, ...this.#open.keys(), ...later.map(({ begin }) => begin))
  }

  /**
   * Forgets the transactions that ended by `seq`. Only for a durable checkpoint at `seq`: none that
   * follows may reach less far, one that failed says nothing of the next.
   */
  forgetEndedBy(seq: number): void {
    this.#ended = this.#ended.filter(({ end }) => end > seq)
  }
}
