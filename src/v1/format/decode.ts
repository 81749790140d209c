import {
  MAX_V1_BATCH_NESTING,
  MAX_V1_ITEMS,
  V1_VARIANTS,
  type V1BatchEntry,
  type V1DataEntry,
  type V1Entry,
} from './entry.ts'
import { type ByteCursor, readVarint } from './varint.ts'

export type V1Decoded =
  | { readonly ok: true; readonly entry: V1Entry; readonly trailingBytes: number }
  | { readonly ok: false; readonly failure: V1DecodeFailure }

export interface V1DecodeFailure {
  /** What is wrong, as part of a sentence. */
  readonly reason: string
  /** Where in the payload. */
  readonly at: number
  /** Ids that could be read before that. */
  readonly ids: readonly string[]
}

/**
 * The entry that a payload begins with. Any bytes give an entry or a failure; nothing throws. Takes
 * no memory for what is not there, and for what is at most `MAX_V1_ITEMS` objects. The entry holds
 * copies, no views of `payload`.
 */
export function decodeV1Entry(payload: Uint8Array): V1Decoded {
  const reader = new PayloadReader(payload)
  try {
    const entry = reader.entry(0)
    return { ok: true, entry, trailingBytes: payload.length - reader.at }
  } catch (failure) {
    if (!(failure instanceof Unreadable)) throw failure
    return { ok: false, failure: { reason: failure.reason, at: reader.at, ids: reader.ids } }
  }
}

/**
 * Thrown and caught in this file only. Not an `Error`: a stack trace for every bad record of a
 * damaged file would cost more than the reading.
 */
class Unreadable {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

/** A kind, a timestamp, and an id, a count or a number. */
const SMALLEST_ENTRY_BYTES = 3
/** Two empty strings. */
const SMALLEST_PAIR_BYTES = 2

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class PayloadReader implements ByteCursor {
  readonly #bytes: Uint8Array
  readonly view: DataView
  at = 0
  readonly ids: string[] = []
  #items = 0

  constructor(payload: Uint8Array) {
    this.#bytes = payload
    this.view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  }

  entry(nesting: number): V1Entry {
    const type = this.#variant()
    switch (type) {
      case 'insert':
      case 'update':
        return this.#data(type)
      case 'delete':
        return { type, id: this.#id(), timestamp: this.#integer('the timestamp') }
      case 'batch':
        return this.#batch(nesting + 1)
      case 'checkpoint':
        return {
          type,
          sequenceNumber: this.#integer('the sequence number'),
          timestamp: this.#integer('the timestamp'),
        }
      default:
        return {
          type,
          transactionId: this.#integer('the transaction id'),
          timestamp: this.#integer('the timestamp'),
        }
    }
  }

  #variant(): V1Entry['type'] {
    const variant = this.#varint('the kind of entry')
    const type = typeof variant === 'number' ? V1_VARIANTS[variant] : undefined
    if (type === undefined) throw new Unreadable(`there is no kind of entry ${variant}`)
    return type
  }

  #data(type: 'insert' | 'update'): V1DataEntry {
    return {
      type,
      id: this.#id(),
      vector: this.#vector(),
      metadata: this.#metadata(),
      timestamp: this.#integer('the timestamp'),
    }
  }

  #batch(nesting: number): V1BatchEntry {
    if (nesting > MAX_V1_BATCH_NESTING)
      throw new Unreadable(`batches are nested deeper than ${MAX_V1_BATCH_NESTING}`)
    const count = this.#itemCount(SMALLEST_ENTRY_BYTES, 'entries')
    const entries: V1Entry[] = []
    while (entries.length < count) entries.push(this.entry(nesting))
    return { type: 'batch', entries, timestamp: this.#integer('the timestamp') }
  }

  #id(): string {
    const id = this.#text('the id')
    this.ids.push(id)
    return id
  }

  /**
   * Copied as bytes: a float that passes through a JavaScript number may lose the payload of its
   * NaN.
   */
  #vector(): Float32Array {
    const count = this.#count('the number of dimensions')
    const bytes = this.#take(count * 4, 'the vector')
    const vector = new Float32Array(count)
    new Uint8Array(vector.buffer).set(bytes)
    return vector
  }

  #metadata(): Map<string, string> | null {
    const tag = this.#take(1, 'the metadata')[0]
    if (tag === 0) return null
    if (tag !== 1) {
      this.at--
      throw new Unreadable(`the metadata begins with ${tag}, neither 0 for none nor 1 for some`)
    }
    const count = this.#itemCount(SMALLEST_PAIR_BYTES, 'metadata pairs')
    const metadata = new Map<string, string>()
    for (let pair = 0; pair < count; pair++) {
      metadata.set(this.#text('a metadata key'), this.#text('a metadata value'))
    }
    return metadata
  }

  #text(what: string): string {
    const bytes = this.#take(this.#count(`the length of ${what}`), what)
    try {
      return utf8.decode(bytes)
    } catch {
      this.at -= bytes.length
      throw new Unreadable(`${what} is not valid UTF-8`)
    }
  }

  /**
   * A count may be larger than a number holds exactly, but then it is larger than any input too.
   */
  #count(what: string): number {
    return Number(this.#varint(what))
  }

  #integer(what: string): bigint {
    return BigInt(this.#varint(what))
  }

  #varint(what: string): number | bigint {
    const value = readVarint(this)
    if (value !== undefined) return value
    const tag = this.#bytes[this.at]
    throw new Unreadable(
      tag !== undefined && tag >= 254 ? `${what} has the reserved tag ${tag}` : `${what} is cut short`,
    )
  }

  #take(length: number, what: string): Uint8Array {
    const left = this.#bytes.length - this.at
    if (length > left) throw new Unreadable(`${what} needs ${length} bytes where ${left} are left`)
    this.at += length
    return this.#bytes.subarray(this.at - length, this.at)
  }

  /**
   * Refuses a count that cannot be true, or would take too much memory, before anything is made of
   * it.
   */
  #itemCount(smallestBytes: number, what: string): number {
    const count = this.#count(`the number of ${what}`)
    const left = this.#bytes.length - this.at
    if (count * smallestBytes > left)
      throw new Unreadable(`there is no room for ${count} ${what} in ${left} bytes`)
    this.#items += count
    if (this.#items > MAX_V1_ITEMS)
      throw new Unreadable(`it holds more than ${MAX_V1_ITEMS} entries and metadata pairs`)
    return count
  }
}
