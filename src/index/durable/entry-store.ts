import { assert } from '../../errors.ts'
import { alignUp, type ByteBuffer, byteBuffer, getUint64, setUint64 } from '../../format/byte-buffer.ts'
import { writeUtf8 } from '../../format/short-text.ts'
import { MAX_ID_BYTES } from '../../limits.ts'
import { LabelMap } from '../label-map.ts'
import {
  ASCII,
  CHUNK_BYTES,
  NO_METADATA,
  RECORD_ALIGNMENT,
  RECORD_HEADER_BYTES,
  type RecordAt,
  recordBytes,
  recordProblem,
  seqAt,
  setSeq,
} from './entry-record.ts'
import { hashOf, IdTable } from './id-table.ts'

const PLACES_PER_CHUNK = CHUNK_BYTES / RECORD_ALIGNMENT
/** So that places are below 2^32: 32 GiB of ids and metadata. */
const MAX_CHUNKS = 2 ** 19 - 1

/** A stretch of records, back to back. What was written in it is never changed. */
interface Chunk {
  readonly memory: ByteBuffer
  used: number
  /** Bytes of records that count. */
  live: number
}

/**
 * Ids, labels and metadata of an index of any size, as bytes: an entry takes its texts and about 50
 * bytes, and the garbage collector does not meet it. Found by id and by label. What is replaced or
 * removed leaves its space, which is given back a chunk at a time: a chunk of which less than half
 * counts is copied together.
 */
export class EntryStore {
  #chunks: (Chunk | undefined)[] = []
  readonly #freeNumbers: number[] = []
  /** Number of the chunk that records are added to. */
  #current = -1
  readonly #byLabel = new LabelMap<number>()
  readonly #byId = new IdTable((place) => this.#isWanted(place))
  #scratch: Buffer = Buffer.alloc(256)
  /** The id that is looked for: memory, start and length. */
  #wanted: Uint8Array = this.#scratch
  #wantedFrom = 0
  #wantedBytes = 0
  #wantedIsAscii = false

  get size(): number {
    return this.#byLabel.size
  }

  find(id: string): RecordAt | undefined {
    if (!this.#want(id)) return undefined
    const place = this.#byId.find(this.#wantedHash())
    return place < 0 ? undefined : this.#recordAt(place)
  }

  at(label: number): RecordAt | undefined {
    const place = this.#byLabel.get(label)
    return place === undefined ? undefined : this.#recordAt(place)
  }

  /** In the order of the labels, while the store changes too. */
  *records(): Generator<RecordAt, void, void> {
    for (const place of this.#byLabel.values()) yield this.#recordAt(place)
  }

  labels(): Generator<number, void, void> {
    return this.#byLabel.keys()
  }

  /** Of an id that is well-formed, new under a new label (`isNew`) or known under this one. */
  set(label: number, id: string, json: string | null, seq: number, isNew: boolean): RecordAt {
    assert(this.#want(id) && this.#wantedBytes > 0, 'an id that is none reaches the catalog')
    const chunk = this.#withRoom(RECORD_HEADER_BYTES + this.#wantedBytes, json)
    // Making room may have moved other records, this id's own too.
    this.#want(id)
    const hash = this.#wantedHash()
    const old = isNew ? -1 : this.#byId.find(hash)
    const place = this.#write(chunk, label, json, seq)
    if (old < 0) this.#byId.add(hash, place)
    else this.#byId.move(hash, old, place)
    this.#byLabel.set(label, place)
    const record = this.#recordAt(place)
    if (old >= 0) this.#letGo(old)
    return record
  }

  /** The same of an id that is new; false, and nothing happens, if it is known. */
  add(label: number, id: string, json: string | null, seq: number): boolean {
    assert(this.#want(id) && this.#wantedBytes > 0, 'an id that is none reaches the catalog')
    const hash = this.#wantedHash()
    if (this.#byId.find(hash) >= 0) return false
    const current = this.#current
    const chunk = this.#withRoom(RECORD_HEADER_BYTES + this.#wantedBytes, json)
    // Another chunk was begun, and others' records were looked at for that.
    if (this.#current !== current) this.#want(id)
    const place = this.#write(chunk, label, json, seq)
    this.#byId.add(hash, place)
    this.#byLabel.set(label, place)
    return true
  }

  has(id: string): boolean {
    return this.#want(id) && this.#byId.find(this.#wantedHash()) >= 0
  }

  remove(label: number): void {
    const place = this.#byLabel.get(label)
    if (place === undefined) return
    this.#byId.remove(this.#hashAt(place), place)
    this.#byLabel.delete(label)
    this.#letGo(place)
  }

  /** So many ids are going to come, as is said. */
  expect(count: number): void {
    this.#byId.expect(count)
  }

  /**
   * Takes a block of records over, as it was written. Returns what is wrong with it, if anything:
   * then the store is of no use any more. A number beyond `lastSeq` is of another log, which this
   * one was forked from: it becomes `lastSeq`.
   */
  adopt(memory: ByteBuffer, bytes: number, nextLabel: number, lastSeq: number): string | undefined {
    const number = this.#addChunk({ memory, used: bytes, live: bytes })
    const first = number * PLACES_PER_CHUNK
    for (let at = 0; at < bytes; at += recordBytes(memory, at)) {
      const problem = recordProblem(memory, at, bytes, nextLabel)
      if (problem !== undefined) return problem
      const label = getUint64(memory.view, at)
      if (this.#byLabel.has(label)) return `label ${label} stands twice`
      if (seqAt({ memory, at }) > lastSeq) setSeq(memory, at, lastSeq)
      const place = first + at / RECORD_ALIGNMENT
      this.#wantThatOf(place)
      if (!this.#byId.addNew(this.#wantedHash(), place)) return `the id of label ${label} stands twice`
      this.#byLabel.set(label, place)
    }
    return undefined
  }

  /** The records of this moment, in the order of their labels, however the store changes. */
  frozen(): () => Generator<RecordAt, void, void> {
    const places = this.#byLabel.frozen()
    const chunks = this.#chunks.map((chunk) => chunk?.memory)
    return function* () {
      for (const place of places()) yield { memory: chunks[numberOf(place)]!, at: offsetOf(place) }
    }
  }

  #recordAt(place: number): RecordAt {
    return { memory: this.#chunks[numberOf(place)]!.memory, at: offsetOf(place) }
  }

  /** Writes the record of the id that is wanted; returns its place. */
  #write(number: number, label: number, json: string | null, seq: number): number {
    const idBytes = this.#wantedBytes
    const start = RECORD_HEADER_BYTES + idBytes
    const chunk = this.#chunks[number]!
    const { memory, used: at } = chunk
    setUint64(memory.view, at, label)
    setSeq(memory, at, seq)
    memory.view.setUint16(at + 12, idBytes, true)
    const { bytes } = memory
    const [wanted, from, to] = [this.#wanted, this.#wantedFrom, at + RECORD_HEADER_BYTES]
    for (let i = 0; i < idBytes; i++) bytes[to + i] = wanted[from + i]!
    const jsonBytes = json === null ? 0 : writeUtf8(bytes, json, at + start)
    memory.view.setUint32(at + 8, json === null ? NO_METADATA : jsonBytes, true)
    // Only ASCII has as many bytes as characters.
    const isAscii = this.#wantedIsAscii && (json === null || jsonBytes === json.length)
    memory.view.setUint16(at + 14, isAscii ? ASCII : 0, true)
    this.#count(chunk, recordBytes(memory, at))
    return number * PLACES_PER_CHUNK + at / RECORD_ALIGNMENT
  }

  #count(chunk: Chunk, bytes: number): void {
    chunk.used += bytes
    chunk.live += bytes
  }

  /** The number of a chunk that has room for a record with this text at its end. */
  #withRoom(start: number, json: string | null): number {
    // A UTF-16 unit takes at most three bytes of UTF-8: where that fits, they need not be counted.
    const most = start + (json === null ? 0 : 3 * json.length)
    return this.#hasRoom(most) ? this.#current : this.#roomFor(start + Buffer.byteLength(json ?? ''))
  }

  #hasRoom(bytes: number): boolean {
    const chunk = this.#chunks[this.#current]
    return chunk !== undefined && chunk.used + alignUp(bytes, RECORD_ALIGNMENT) <= CHUNK_BYTES
  }

  #roomFor(bytes: number): number {
    if (this.#hasRoom(bytes)) return this.#current
    if (bytes > CHUNK_BYTES) return this.#addChunk({ memory: byteBuffer(bytes), used: 0, live: 0 })
    const before = this.#current
    this.#current = this.#addChunk({ memory: byteBuffer(CHUNK_BYTES), used: 0, live: 0 })
    if (before < 0) return this.#current
    this.#tidy(before)
    return this.#roomFor(bytes)
  }

  #addChunk(chunk: Chunk): number {
    const number = this.#freeNumbers.pop() ?? this.#chunks.length
    assert(number < MAX_CHUNKS, 'ids and metadata take more than 32 GiB')
    this.#chunks[number] = chunk
    return number
  }

  /** A record does not count any more. */
  #letGo(place: number): void {
    const number = numberOf(place)
    const chunk = this.#chunks[number]!
    chunk.live -= recordBytes(chunk.memory, offsetOf(place))
    this.#tidy(number)
  }

  /** Copies what still counts of a chunk that is full and mostly waste, and gives it back. */
  #tidy(number: number): void {
    const chunk = this.#chunks[number]
    if (chunk === undefined || number === this.#current || 2 * chunk.live >= chunk.used) return
    const { memory, used } = chunk
    for (let at = 0; at < used && chunk.live > 0; at += recordBytes(memory, at)) {
      const place = number * PLACES_PER_CHUNK + at / RECORD_ALIGNMENT
      if (this.#byLabel.get(getUint64(memory.view, at)) === place) this.#moveOut(chunk, place)
    }
    this.#chunks[number] = undefined
    this.#freeNumbers.push(number)
  }

  #moveOut(chunk: Chunk, from: number): void {
    const at = offsetOf(from)
    const bytes = recordBytes(chunk.memory, at)
    const number = this.#roomFor(bytes)
    const target = this.#chunks[number]!
    const to = number * PLACES_PER_CHUNK + target.used / RECORD_ALIGNMENT
    chunk.memory.bytes.copy(target.memory.bytes, target.used, at, at + bytes)
    this.#count(target, bytes)
    chunk.live -= bytes
    this.#byId.move(this.#hashAt(from), from, to)
    this.#byLabel.set(getUint64(chunk.memory.view, at), to)
  }

  #hashAt(place: number): number {
    this.#wantThatOf(place)
    return this.#wantedHash()
  }

  /** Makes an id the one that is looked for; false if no id is like that. */
  #want(id: string): boolean {
    const { length } = id
    if (length > MAX_ID_BYTES) return false
    if (this.#scratch.length < 3 * length) this.#scratch = Buffer.alloc(6 * length)
    this.#wanted = this.#scratch
    this.#wantedFrom = 0
    this.#wantedBytes = length
    this.#wantedIsAscii = true
    for (let at = 0; at < length; at++) {
      const unit = id.charCodeAt(at)
      if (unit > 0x7f) return this.#wantUnicode(id)
      this.#scratch[at] = unit
    }
    return true
  }

  #wantUnicode(id: string): boolean {
    this.#wantedIsAscii = false
    this.#wantedBytes = this.#scratch.write(id)
    return this.#wantedBytes <= MAX_ID_BYTES && id.isWellFormed()
  }

  #wantThatOf(place: number): void {
    const { bytes, view } = this.#chunks[numberOf(place)]!.memory
    const at = offsetOf(place)
    this.#wanted = bytes
    this.#wantedFrom = at + RECORD_HEADER_BYTES
    this.#wantedBytes = view.getUint16(at + 12, true)
  }

  #wantedHash(): number {
    return hashOf(this.#wanted, this.#wantedFrom, this.#wantedFrom + this.#wantedBytes)
  }

  #isWanted(place: number): boolean {
    const { bytes, view } = this.#chunks[numberOf(place)]!.memory
    const at = offsetOf(place)
    const length = this.#wantedBytes
    if (view.getUint16(at + 12, true) !== length) return false
    const [wanted, from, start] = [this.#wanted, this.#wantedFrom, at + RECORD_HEADER_BYTES]
    for (let i = 0; i < length; i++) if (bytes[start + i] !== wanted[from + i]) return false
    return true
  }
}

const numberOf = (place: number): number => Math.floor(place / PLACES_PER_CHUNK)
const offsetOf = (place: number): number => (place % PLACES_PER_CHUNK) * RECORD_ALIGNMENT
