/** A transaction that is kept in memory until its commit, and logged whole. */
import {
  type BatchMember,
  type EntryInput,
  type JsonValue,
  type Transaction,
  type TransactionState,
  type VectorInput,
  WalError,
} from '../../src/mod.ts'
import { stored } from './stored-entry.ts'

interface Owner {
  needOpen(): void
  commit(id: number, members: BatchMember[]): Promise<number>
}

export class MemoryTransaction implements Transaction {
  readonly id: number
  state: TransactionState = 'open'
  readonly #members: BatchMember[] = []
  readonly #owner: Owner

  constructor(id: number, owner: Owner) {
    this.id = id
    this.#owner = owner
  }

  insert(id: string, vector: VectorInput, metadata: JsonValue = null): void {
    this.append({ type: 'insert', id, vector, metadata })
  }

  upsert(id: string, vector: VectorInput, metadata: JsonValue = null): void {
    this.append({ type: 'insert', id, vector, metadata, replace: true })
  }

  update(id: string, change: { readonly vector?: VectorInput; readonly metadata?: JsonValue }): void {
    this.append({ type: 'update', id, ...change })
  }

  delete(id: string): void {
    this.append({ type: 'delete', id })
  }

  append(entry: EntryInput): void {
    this.#needOpen()
    this.#owner.needOpen()
    this.#members.push(stored(entry))
  }

  async prepare(): Promise<void> {
    this.#needOpen()
    throw new WalError('WALV_UNSUPPORTED_FEATURE', 'This log has no two-phase commit. Nothing was logged.')
  }

  async commit(): Promise<number> {
    this.#needOpen()
    this.#owner.needOpen()
    this.state = 'committed'
    return this.#owner.commit(this.id, this.#members)
  }

  async abort(): Promise<void> {
    this.#needOpen()
    this.state = 'aborted'
  }

  #needOpen(): void {
    if (this.state === 'open') return
    throw new WalError('WALV_TRANSACTION_ENDED', `The transaction is ${this.state}. Nothing was logged.`)
  }
}
