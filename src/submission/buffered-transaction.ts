import type { BatchMember, EntryInput } from '../entry.ts'
import { WalError } from '../errors.ts'
import { type Encodable, encodableInput } from '../format/encode.ts'
import { MAX_RECORD_BYTES } from '../limits.ts'
import type { Transaction, TransactionState } from '../log/log.ts'
import { EntryCalls } from '../log/transaction/entry-calls.ts'
import type { Placed } from './own-changes.ts'

/** Of the entries of a transaction: they are handed over as one message. */
const MAX_TRANSACTION_BYTES = 16 * MAX_RECORD_BYTES

/** Takes a transaction whole; resolves to the place of its commit. */
type Commit = (payloads: readonly Encodable[], entries: readonly BatchMember[]) => Promise<Placed>

/**
 * A transaction of a log that several processes write: kept in memory until its commit, and then
 * handed over whole. Nothing of it is in the log before that.
 */
export class BufferedTransaction extends EntryCalls implements Transaction {
  #id = -1
  #state: TransactionState = 'open'
  #bytes = 0
  readonly #payloads: Encodable[] = []
  readonly #entries: BatchMember[] = []
  readonly #commit: Commit

  constructor(commit: Commit) {
    super()
    this.#commit = commit
  }

  /** −1 until it is committed: what has no place in the log has no number. */
  get id(): number {
    return this.#id
  }

  get state(): TransactionState {
    return this.#state
  }

  /** What the entry holds belongs to the transaction from here on. @throws WALV_LIMIT */
  append(entry: EntryInput): void {
    this.#needOpen()
    const payload = encodableInput(entry)
    if (this.#bytes + payload.bytes > MAX_TRANSACTION_BYTES)
      throw new WalError(
        'WALV_LIMIT',
        `A transaction of a directory that is shared may have at most ${MAX_TRANSACTION_BYTES / MAX_RECORD_BYTES} times as many bytes as a record. Nothing was logged.`,
        { fate: 'not-logged' },
      )
    this.#bytes += payload.bytes
    this.#payloads.push(payload)
    this.#entries.push(entry as BatchMember)
  }

  async prepare(): Promise<void> {
    this.#needOpen()
    throw new WalError(
      'WALV_UNSUPPORTED_FEATURE',
      'A directory that is shared has no two-phase commit: commit at once, or open it in one process with Wal. Nothing was logged.',
      { fate: 'not-logged' },
    )
  }

  async commit(): Promise<number> {
    this.#needOpen()
    this.#state = 'committed'
    try {
      const { seq, transactionId = seq } = await this.#commit(this.#payloads, this.#entries)
      this.#id = transactionId
      return seq
    } catch (error) {
      this.#state = 'failed'
      throw error
    }
  }

  async abort(): Promise<void> {
    if (this.#state === 'failed') return
    this.#needOpen()
    this.#state = 'aborted'
  }

  #needOpen(): void {
    if (this.#state === 'open') return
    throw new WalError(
      'WALV_TRANSACTION_ENDED',
      `The transaction is ${this.#state} and takes no more. Nothing was logged.`,
      { fate: 'not-logged' },
    )
  }
}
