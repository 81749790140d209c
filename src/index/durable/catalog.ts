import type { JsonValue } from '../../entry.ts'
import { MAX_ID_BYTES } from '../../limits.ts'
import { LabelMap } from '../label-map.ts'
import type { LongWork } from '../opening-work.ts'
import { decodeCatalog, encodeCatalog, mismatch } from './catalog-file.ts'
import { idAt, jsonAt, labelAt, type RecordAt, seqAt } from './entry-record.ts'
import { EntryStore } from './entry-store.ts'

/** What an index keeps of an id beside its vector. Never changed, only replaced. */
export interface CatalogEntry {
  readonly id: string
  readonly label: number
  /** Where its last change took effect in the log: the number of that record, or of the commit. */
  readonly seq: number
  /** Made of the text when it is first asked for. Frozen all through. */
  readonly metadata: JsonValue
  /**
   * The metadata's JSON text, null if there is none: what the fingerprint and the snapshot hold.
   */
  readonly json: string | null
}

/**
 * Which ids there are, under which label the index knows each, and their metadata. All of it is
 * kept as bytes; an entry is made when it is asked for.
 */
export class Catalog {
  readonly #store = new EntryStore()
  /** Entries whose metadata is asked for again and again. */
  readonly #parsed = new LabelMap<CatalogEntry>()
  #nextLabel = 0

  get size(): number {
    return this.#store.size
  }

  /** The label of the next new id: greater than all before. */
  get nextLabel(): number {
    return this.#nextLabel
  }

  has(id: string): boolean {
    return this.#store.has(id)
  }

  get(id: string): CatalogEntry | undefined {
    const record = this.#store.find(id)
    return record && new StoredEntry(record)
  }

  /** The number of an id's last change; undefined where it is not there. */
  seqOf(id: string): number | undefined {
    const record = this.#store.find(id)
    return record && seqAt(record)
  }

  byLabel(label: number): CatalogEntry | undefined {
    const record = this.#store.at(label)
    return record && new StoredEntry(record)
  }

  /** In the order in which they came: a later one has a greater label. */
  *ids(): Generator<string, void, void> {
    for (const record of this.#store.records()) yield idAt(record)
  }

  /** The same, with what is kept of them. */
  *entries(): Generator<CatalogEntry, void, void> {
    for (const record of this.#store.records()) yield new StoredEntry(record)
  }

  /** The same as it is in memory. While one is looked at nothing may change. */
  records(): Generator<RecordAt, void, void> {
    return this.#store.records()
  }

  /**
   * The same for a filter, which asks for the metadata of all: once made, it is kept until the
   * entry changes.
   */
  *filtered(): Generator<CatalogEntry, void, void> {
    for (const label of this.#store.labels()) yield this.filteredByLabel(label)!
  }

  /** One of them. */
  filteredByLabel(label: number): CatalogEntry | undefined {
    const parsed = this.#parsed.get(label)
    if (parsed) return parsed
    const entry = this.byLabel(label)
    if (entry) this.#parsed.set(label, entry)
    return entry
  }

  /**
   * Sets an id's metadata, as its JSON text, null if there is none, by the change with this number.
   * `before` is what `get` says of it now; a new id gets a label that no other ever had. Returns
   * the label.
   */
  set(id: string, json: string | null, seq: number, before: CatalogEntry | undefined = this.get(id)): number {
    const label = before?.label ?? this.#nextLabel++
    if (before) this.#parsed.delete(label)
    this.#store.set(label, id, json, seq, before === undefined)
    return label
  }

  /** The same for a new id. Returns undefined, and changes nothing, if it is known. */
  add(id: string, json: string | null, seq: number): number | undefined {
    return this.#store.add(this.#nextLabel, id, json, seq) ? this.#nextLabel++ : undefined
  }

  /** Sets the number of the last change of an id that is there. */
  renumber(id: string, seq: number): void {
    const entry = this.get(id)
    if (entry && entry.seq !== seq) this.#store.set(entry.label, id, entry.json, seq, false)
  }

  delete({ label }: Pick<CatalogEntry, 'label'>): void {
    this.#parsed.delete(label)
    this.#store.remove(label)
  }

  /** The catalog at this moment, as the bytes of its file. */
  freeze(): () => Generator<Uint8Array, void, void> {
    const records = this.#store.frozen()
    const header = { count: this.size, nextLabel: this.#nextLabel }
    return () => encodeCatalog(header, records())
  }

  /**
   * Fills an empty catalog from the bytes of a file, of any version. That ids and metadata are
   * those that were saved, the hash of the file and the fingerprint prove: their texts are not
   * looked at here. `lastSeq`: through which record the snapshot reaches. No number is beyond it:
   * those of an older version, and of the log that this one was forked from, become that.
   * @throws WALV_INDEX_MISMATCH
   */
  async load(pieces: AsyncIterable<Uint8Array>, lastSeq: number, work?: LongWork): Promise<void> {
    let expected = -1
    const store = this.#store
    await decodeCatalog(pieces, {
      begin: ({ count, nextLabel }) => {
        expected = count
        store.expect(count)
        this.#nextLabel = nextLabel
      },
      block: (memory, bytes) => store.adopt(memory, bytes, this.#nextLabel, lastSeq),
      line: (label, id, json) => this.#takeLine(label, id, json, lastSeq),
      turn: () => work?.step(this.size, expected),
    })
    if (this.size !== expected) throw mismatch(`it holds ${this.size} of ${expected} entries`)
  }

  #takeLine(label: number, id: string, json: string | null, seq: number): string | undefined {
    if (!isId(id) || this.has(id)) return `the id of label ${label} is none, or stands twice`
    if (!Number.isSafeInteger(label) || label < 0 || !(label < this.#nextLabel)) return `${label} is no label`
    if (this.#store.at(label)) return `label ${label} stands twice`
    this.#store.set(label, id, json, seq, true)
    return undefined
  }
}

const isId = (id: unknown): id is string =>
  typeof id === 'string' && id !== '' && id.isWellFormed() && Buffer.byteLength(id) <= MAX_ID_BYTES

/** An entry as long as it is asked about: what is made of its bytes is kept with it. */
class StoredEntry implements CatalogEntry {
  readonly label: number
  readonly #record: RecordAt
  #id: string | undefined
  #json: string | null | undefined
  #metadata: JsonValue | undefined

  constructor(record: RecordAt) {
    this.#record = record
    this.label = labelAt(record)
  }

  get seq(): number {
    return seqAt(this.#record)
  }

  get id(): string {
    this.#id ??= idAt(this.#record)
    return this.#id
  }

  get json(): string | null {
    if (this.#json === undefined) this.#json = jsonAt(this.#record)
    return this.#json
  }

  get metadata(): JsonValue {
    if (this.#metadata === undefined) {
      const text = this.#json === undefined ? jsonAt(this.#record) : this.#json
      this.#metadata = text === null ? null : frozenAll(JSON.parse(text))
    }
    return this.#metadata
  }
}

function frozenAll(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value
  for (const member of Object.values(value)) frozenAll(member as JsonValue)
  return Object.freeze(value)
}
