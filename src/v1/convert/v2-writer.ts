import type { Disk } from '../../disk/disk.ts'
import type { EntryInput } from '../../entry.ts'
import { assert, WalError } from '../../errors.ts'
import { encodableInput } from '../../format/encode.ts'
import { V1_NOTE_KIND } from '../../format/own-kinds.ts'
import type { Transaction } from '../../log/log.ts'
import { Wal } from '../../log/wal.ts'
import { encodeV1Entry } from '../format/encode.ts'
import type { V1Entry, V1Record } from '../format/entry.ts'
import {
  encodeNote,
  entryToV1,
  entryToV2,
  type Note,
  noteOf,
  timestampToV1,
  timestampToV2,
} from './translate.ts'

/** Appends under way at one time. */
const IN_FLIGHT = 512

/**
 * Appends v1 records to a new log: each as what does the same in v2, with a note where that alone
 * would not tell the record.
 */
export class V2Writer {
  alone = 0
  readonly #wal: Wal
  readonly #clock: { now: number }
  readonly #open = new Map<bigint, Transaction>()
  #innermost: bigint[] = []
  #expected = 0n
  #under: Promise<unknown>[] = []

  private constructor(wal: Wal, clock: { now: number }) {
    this.#wal = wal
    this.#clock = clock
  }

  static async open(directory: string, disk: Disk): Promise<V2Writer> {
    const clock = { now: 0 }
    const wal = await Wal.open({ directory, disk, durability: 'os', clock: () => clock.now })
    return new V2Writer(wal, clock)
  }

  async add(record: V1Record): Promise<void> {
    this.#clock.now = Math.max(this.#clock.now, timestampToV2(record.entry.timestamp))
    const { entry } = record
    if (entry.type === 'beginTransaction') this.#begin(record)
    else if (entry.type === 'commitTransaction' || entry.type === 'abortTransaction')
      this.#end(record, entry.type, entry.transactionId)
    else this.#data(record)
    this.#expected = record.seq + 1n
    if (this.#under.length >= IN_FLIGHT) await this.#settle()
  }

  #begin(record: V1Record & { entry: V1Entry }): void {
    const { transactionId } = record.entry as Extract<V1Entry, { type: 'beginTransaction' }>
    // A begin of an id that is open already means that the first was left behind.
    if (this.#open.has(transactionId)) this.#abandon(transactionId)
    const own = (id: number): V1Entry => ({
      type: 'beginTransaction',
      transactionId: BigInt(id),
      timestamp: this.#time,
    })
    this.#noteUnless(this.#tells(own(this.#wal.lastSeq + 1), record), record)
    const transaction = this.#wal.begin()
    this.#open.set(transactionId, transaction)
    this.#innermost.push(transactionId)
  }

  #end(record: V1Record, type: 'commitTransaction' | 'abortTransaction', id: bigint): void {
    const transaction = this.#open.get(id)
    if (transaction === undefined) {
      this.#keep(record)
      return
    }
    const own: V1Entry = { type, transactionId: BigInt(transaction.id), timestamp: this.#time }
    this.#noteUnless(this.#tells(own, record), record)
    this.#under.push(type === 'commitTransaction' ? transaction.commit() : transaction.abort())
    this.#forget(id)
  }

  #data(record: V1Record): void {
    const entry = entryToV2(record.entry)
    if (entry === undefined || !holds(entry)) {
      this.#keep(record)
      return
    }
    this.#noteUnless(this.#tells(entryToV1(entry, 0, this.#time), record), record)
    const id = this.#innermost.at(-1)
    if (id === undefined) this.#under.push(this.#wal.append(entry))
    else this.#open.get(id)!.append(entry)
  }

  /** Whether a record of v2, noted at the time of now, tells the v1 record byte for byte. */
  #tells(own: V1Entry, { seq, payload }: V1Record): boolean {
    return seq === this.#expected && Buffer.compare(encodeV1Entry(own), payload) === 0
  }

  get #time(): bigint {
    return timestampToV1(this.#clock.now)
  }

  #noteUnless(told: boolean, record: V1Record): void {
    if (!told) this.#note(noteOf('original', record))
  }

  #keep(record: V1Record): void {
    this.alone++
    this.#note(noteOf('alone', record))
  }

  #note(note: Note): void {
    this.#under.push(this.#wal.append({ type: 'custom', kind: V1_NOTE_KIND, data: encodeNote(note) }))
  }

  /** Ends a transaction that v1 left open, and says that this was not in v1. */
  #abandon(id: bigint): void {
    this.#note({ is: 'added' })
    this.#under.push(this.#open.get(id)!.abort())
    this.#forget(id)
  }

  #forget(id: bigint): void {
    this.#open.delete(id)
    this.#innermost = this.#innermost.filter((other) => other !== id)
  }

  async finish(): Promise<void> {
    for (const id of [...this.#open.keys()]) this.#abandon(id)
    await this.#settle()
    await this.#wal.flush()
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#under)
    this.#under = []
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#under)
    await this.#wal.close()
  }
}

function holds(entry: EntryInput): boolean {
  try {
    encodableInput(entry)
    return true
  } catch (error) {
    assert(error instanceof WalError, `an entry could not be looked at: ${error}`)
    return false
  }
}
