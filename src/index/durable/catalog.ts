import type { JsonValue } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { LabelMap } from '../label-map.ts'
import { OF_NEWER_WALV } from '../newer-walv.ts'
import { TextMap } from './text-map.ts'

/** What an index keeps of an id beside its vector. Never changed, only replaced. */
export interface CatalogEntry {
  readonly id: string
  readonly label: number
  /** Frozen all through. */
  readonly metadata: JsonValue
  /**
   * The metadata's JSON text, null if there is none: what the fingerprint and the snapshot hold.
   */
  readonly json: string | null
}

export const CATALOG_FILE = 'catalog.jsonl'
const VERSION = 1
/** Appends wait while a piece is made. */
const PIECE_CHARACTERS = 32 * 1024

/** Which ids there are, under which label the index knows each, and their metadata. */
export class Catalog {
  readonly #byId = new TextMap<CatalogEntry>()
  readonly #byLabel = new LabelMap<CatalogEntry>()
  #nextLabel = 0

  get size(): number {
    return this.#byLabel.size
  }

  /** The label of the next new id: greater than all before. */
  get nextLabel(): number {
    return this.#nextLabel
  }

  get(id: string): CatalogEntry | undefined {
    return this.#byId.get(id)
  }

  byLabel(label: number): CatalogEntry | undefined {
    return this.#byLabel.get(label)
  }

  /** In the order in which they came: a later one has a greater label. */
  *ids(): Generator<string, void, void> {
    for (const { id } of this.#byLabel.values()) yield id
  }

  /** The same, with what is kept of them. */
  entries(): Generator<CatalogEntry, void, void> {
    return this.#byLabel.values()
  }

  /**
   * Sets an id's metadata; a new id gets a label that no other ever had. `json` is what `metadata`
   * is as JSON text, null if there is none, for who has it already.
   */
  set(id: string, metadata: JsonValue, json: string | null = jsonOf(metadata)): CatalogEntry {
    const label = this.#byId.get(id)?.label ?? this.#nextLabel++
    return this.#put({ id, label, metadata: deepFreeze(metadata), json })
  }

  delete({ id, label }: CatalogEntry): void {
    this.#byId.delete(id)
    this.#byLabel.delete(label)
  }

  #put(entry: CatalogEntry): CatalogEntry {
    this.#byId.set(entry.id, entry)
    this.#byLabel.set(entry.label, entry)
    return entry
  }

  /**
   * The catalog at this moment, as lines of JSON: a header, then label, id and metadata of every
   * entry.
   */
  freeze(): () => Generator<Uint8Array, void, void> {
    const entries = this.#byLabel.frozen()
    const header = { version: VERSION, count: this.size, nextLabel: this.#nextLabel }
    return function* () {
      let text = `${JSON.stringify(header)}\n`
      for (const { label, id, json } of entries()) {
        text += `[${label},${JSON.stringify(id)},${json ?? 'null'}]\n`
        if (text.length < PIECE_CHARACTERS) continue
        yield Buffer.from(text, 'utf8')
        text = ''
      }
      yield Buffer.from(text, 'utf8')
    }
  }

  /** @throws WALV_INDEX_MISMATCH */
  async load(pieces: AsyncIterable<Uint8Array>): Promise<void> {
    let expected = -1
    for await (const line of linesOf(pieces)) {
      const value: unknown = JSON.parse(line)
      if (expected < 0) {
        const header = value as { version: number; count: number; nextLabel: number }
        if (header.version !== VERSION)
          throw mismatch(`version ${header.version} is unknown to this walv`, OF_NEWER_WALV)
        expected = header.count
        this.#nextLabel = header.nextLabel
      } else {
        const [label, id, metadata] = value as [number, string, JsonValue]
        this.#put({
          id,
          label,
          metadata: deepFreeze(metadata),
          json: jsonOf(metadata),
        })
      }
    }
    if (this.size !== expected) throw mismatch(`it holds ${this.size} of ${expected} entries`)
  }
}

const jsonOf = (metadata: JsonValue): string | null => (metadata === null ? null : JSON.stringify(metadata))

const mismatch = (why: string, detail?: string): WalError =>
  new WalError('WALV_INDEX_MISMATCH', `The catalog of the snapshot cannot be loaded: ${why}.`, {
    file: CATALOG_FILE,
    detail,
  })

async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let rest = ''
  for await (const piece of pieces) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
    rest = lines.pop()!
    yield* lines
  }
  if (rest !== '') yield rest
}

function deepFreeze(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const member of Object.values(value)) deepFreeze(member as JsonValue)
  return Object.freeze(value)
}
