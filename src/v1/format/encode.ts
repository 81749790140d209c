import { types } from 'node:util'
import { echo } from '../../echo.ts'
import { WalError } from '../../errors.ts'
import {
  MAX_V1_BATCH_NESTING,
  MAX_V1_INTEGER,
  MAX_V1_ITEMS,
  MAX_V1_PAYLOAD_BYTES,
  V1_VARIANTS,
  type V1DataEntry,
  type V1Entry,
} from './entry.ts'
import { MAX_VARINT_BYTES, writeVarint } from './varint.ts'

/**
 * The payload of an entry, byte for byte as the original writes it; metadata pairs in the order of
 * the map.
 * @throws WALV_INVALID_ENTRY for what v1 cannot hold: a string with half a surrogate pair, an
 * integer outside 0 to 2^64 - 1, batches nested deeper than `MAX_V1_BATCH_NESTING`, more than
 * `MAX_V1_ITEMS` items, a payload longer than `MAX_V1_PAYLOAD_BYTES`.
 */
export function encodeV1Entry(entry: V1Entry): Uint8Array {
  const writer = new PayloadWriter()
  writer.entry(entry, 0)
  return writer.finish()
}

class PayloadWriter {
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #at = 0
  #items = 0

  finish(): Uint8Array {
    if (this.#at > MAX_V1_PAYLOAD_BYTES) throw tooLong()
    return this.#bytes.slice(0, this.#at)
  }

  entry(entry: V1Entry, nesting: number): void {
    const variant = V1_VARIANTS.indexOf(entry.type)
    if (variant < 0) throw refusal(`there is no kind of entry ${echo(entry.type)}`)
    this.#varint(variant)
    this.#body(entry, nesting)
    this.#integer(entry.timestamp, `the timestamp of ${nameOf(entry)}`)
  }

  #body(entry: V1Entry, nesting: number): void {
    switch (entry.type) {
      case 'insert':
      case 'update':
        this.#text(entry.id, 'the id')
        this.#vector(entry)
        this.#metadata(entry)
        break
      case 'delete':
        this.#text(entry.id, 'the id')
        break
      case 'batch':
        this.#batch(entry.entries, nesting + 1)
        break
      case 'checkpoint':
        this.#integer(entry.sequenceNumber, 'the sequence number of a checkpoint')
        break
      default:
        this.#integer(entry.transactionId, 'the id of a transaction')
    }
  }

  #batch(entries: readonly V1Entry[], nesting: number): void {
    if (nesting > MAX_V1_BATCH_NESTING)
      throw refusal(`batches are nested deeper than ${MAX_V1_BATCH_NESTING}`)
    this.#countItems(entries.length)
    this.#varint(entries.length)
    for (const entry of entries) this.entry(entry, nesting)
  }

  #vector(entry: V1DataEntry): void {
    const { vector } = entry
    if (!types.isFloat32Array(vector)) throw refusal(`the vector of ${nameOf(entry)} is no Float32Array`)
    this.#varint(vector.length)
    this.#append(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength))
  }

  #metadata(entry: V1DataEntry): void {
    this.#varint(entry.metadata === null ? 0 : 1)
    if (entry.metadata === null) return
    this.#countItems(entry.metadata.size)
    this.#varint(entry.metadata.size)
    for (const [key, value] of entry.metadata) {
      this.#text(key, `a metadata key of ${nameOf(entry)}`)
      this.#text(value, `a metadata value of ${nameOf(entry)}`)
    }
  }

  #text(text: string, what: string): void {
    if (typeof text !== 'string') throw refusal(`${what} is no string`)
    if (!text.isWellFormed()) throw refusal(`${what} holds half a surrogate pair, which UTF-8 cannot say`)
    const bytes = Buffer.from(text, 'utf8')
    this.#varint(bytes.length)
    this.#append(bytes)
  }

  #integer(value: bigint, what: string): void {
    if (typeof value !== 'bigint' || value < 0n || value > MAX_V1_INTEGER) {
      throw refusal(`${what} is ${echo(value)}, not a bigint of 0 to 2^64 - 1`)
    }
    this.#varint(value)
  }

  #varint(value: number | bigint): void {
    this.#reserve(MAX_VARINT_BYTES)
    this.#at = writeVarint(this.#view, this.#at, value)
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #reserve(length: number): void {
    const needed = this.#at + length
    if (needed <= this.#bytes.length) return
    if (needed > MAX_V1_PAYLOAD_BYTES + MAX_VARINT_BYTES) throw tooLong()
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes)
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }

  #countItems(count: number): void {
    this.#items += count
    if (this.#items > MAX_V1_ITEMS)
      throw refusal(`it holds more than ${MAX_V1_ITEMS} entries and metadata pairs`)
  }
}

const tooLong = (): WalError => refusal(`its payload is longer than ${MAX_V1_PAYLOAD_BYTES} bytes`)

const nameOf = (entry: V1Entry): string =>
  'id' in entry ? `${entry.type} ${echo(entry.id)}` : `a ${entry.type}`

function refusal(problem: string): WalError {
  return new WalError(
    'WALV_INVALID_ENTRY',
    `Format v1 cannot hold this entry: ${problem}. Nothing was written.`,
  )
}
