/**
 * A JSON object as a row. `id`: a string, or an integer, which becomes its decimal digits; without
 * one it is the row's number. `vector`, `embedding` or `values`: an array of numbers, or a string
 * with the base64 of little-endian float32, kept bit for bit. `metadata` or `payload`: any JSON
 * value; where there is none, whatever other members the object has become the metadata, and where
 * there is one, other members are refused. So nothing is dropped and nothing is merged.
 */
import type { JsonValue, WalError } from '../../mod.ts'
import { MAX_ID_BYTES } from '../../mod.ts'
import { floatsFromBytes } from '../floats.ts'
import { quote } from '../text.ts'
import { checkDimensions, invalidFile, type VectorRow } from './file.ts'
import { metadataProblem } from './metadata.ts'
import { nextPageIn, problemOf, type Shaped, shapedRows } from './shapes.ts'
import { isObject, type JsonObject } from './store.ts'

/** How rows are read. */
export interface RowOptions {
  /**
   * The member that is the id; of the metadata, where the row has none of that name. Default `id`.
   */
  readonly idField?: string | undefined
}

/** A JSON value at its place in a file. */
export interface Placed {
  readonly value: JsonValue
  readonly where: string
  readonly offset: number
  readonly endOffset: number
}

/** The rows of a file's values, which all have the same dimensions. */
export async function* rowsOf(
  file: string,
  values: AsyncIterable<Placed>,
  options: RowOptions,
): AsyncGenerator<VectorRow, void, void> {
  let first: VectorRow | undefined
  let last: Placed | undefined
  let number = 0
  for await (const placed of values) {
    last = placed
    if (!isObject(placed.value))
      throw invalidFile(
        file,
        placed.offset,
        `${placed.where} is not an object`,
        'Write one such as {"id":"a","vector":[1,2]}.',
      )
    let item = 0
    const isWhole = (shaped: Shaped): boolean => shaped === placed.value
    for (const shaped of shapedRows(placed.value)) {
      const where = isWhole(shaped) ? placed.where : `${placed.where}, item ${item++}`
      const row = new RowParser(file, { ...placed, where }, number++, options).parse(shaped)
      first ??= row
      if (row.vector.length !== first.vector.length) {
        const what = `${row.where} has ${row.vector.length} dimensions, where ${first.where} has ${first.vector.length}`
        throw invalidFile(file, placed.offset, what, 'All vectors of a file must have the same dimensions.')
      }
      yield row
    }
  }
  if (last) refusePart(file, last)
}

/** @throws WALV_INVALID_FILE where the last page names a next one */
function refusePart(file: string, { value, where, offset }: Placed): void {
  const next = nextPageIn(value as JsonObject)
  if (next === undefined) return
  throw invalidFile(
    file,
    offset,
    `${where} is a page that names a next one (next_page_offset: ${quote(next)}), and the file ends`,
    'Scroll on until next_page_offset is null, and write a page a line. To import this part alone, set it to null.',
  )
}

/** The names under which a vector and metadata may stand. */
const VECTORS = ['vector', 'embedding', 'values']
const METADATA = ['metadata', 'payload']

class RowParser {
  readonly #file: string
  readonly #place: Omit<Placed, 'value'>
  readonly #number: number
  readonly #idField: string | undefined

  constructor(file: string, place: Omit<Placed, 'value'>, number: number, { idField }: RowOptions) {
    this.#file = file
    this.#place = place
    this.#number = number
    this.#idField = idField
  }

  parse(shaped: Shaped): VectorRow {
    const problem = problemOf(shaped)
    if (problem !== undefined) throw this.#invalid(problem, 'Correct it, or leave it out.')
    const { where, endOffset } = this.#place
    const [vector, rest] = this.#take(shaped as JsonObject, VECTORS)
    const [metadata, others] = this.#take(rest, METADATA)
    const [id, left] = this.#takeId(others, metadata)
    const row = { id: this.#id(id), vector: this.#vector(vector), where, endOffset }
    const other = Object.keys(left).find((name) => !isVoid(name, left[name]))
    if (other === undefined)
      return metadata === undefined ? row : { ...row, metadata: this.#metadata(metadata) }
    if (/^sparse_?values$/i.test(other))
      throw this.#invalid(`has ${quote(other)}, and walv holds dense vectors only`, 'Leave them out.')
    if (metadata === undefined) return { ...row, metadata: this.#metadata(left) }
    throw this.#invalid(
      `has "${METADATA.find((name) => name in rest)}" and also ${quote(other)}`,
      'Move that into the metadata.',
    )
  }

  /** The one member that has a name of `names`, and the others. */
  #take(from: JsonObject, names: readonly string[]): [JsonValue | undefined, JsonObject] {
    const found = names.filter((name) => from[name] !== undefined)
    if (found.length > 1)
      throw this.#invalid(`has both "${found[0]}" and "${found[1]}"`, 'Leave one of them out.')
    const name = found[0]
    return name === undefined ? [undefined, from] : [from[name], without(from, name)]
  }

  #takeId(others: JsonObject, metadata: JsonValue | undefined): [JsonValue | undefined, JsonObject] {
    const name = this.#idField ?? 'id'
    if (Object.hasOwn(others, name)) return [others[name], without(others, name)]
    if (this.#idField === undefined) return [undefined, others]
    if (isObject(metadata) && Object.hasOwn(metadata, name)) return [metadata[name], others]
    throw this.#invalid(`has no ${quote(name)}`, 'Name another member with --id-field, or leave it out.')
  }

  #id(value: JsonValue | undefined): string {
    if (value === undefined) return String(this.#number)
    if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
    if (typeof value === 'number') {
      throw this.#invalid(`has the "id" ${value}, which is not an exact integer`, 'Write it as a string.')
    }
    const isFit = typeof value === 'string' && value !== '' && value.isWellFormed()
    if (isFit && Buffer.byteLength(value) <= MAX_ID_BYTES) return value
    throw this.#invalid(
      'has an unfit "id"',
      `An id is a string of 1 to ${MAX_ID_BYTES} bytes of UTF-8, or an integer.`,
    )
  }

  /** Qdrant has vectors by name. */
  #vector(value: JsonValue | undefined): Float32Array {
    if (value === undefined)
      throw this.#invalid('has no "vector", "embedding" or "values"', 'Add one of them.')
    if (typeof value === 'string') return this.#fromBase64(value)
    const named = isObject(value) ? Object.values(value) : []
    if (named.length === 0) return this.#fromArray(value)
    if (named.length === 1) return this.#fromArray(named[0]!)
    const names = Object.keys(value as JsonObject)
      .slice(0, 5)
      .map((name) => quote(name))
    throw this.#invalid(`has several vectors (${names.join(', ')})`, 'Export one of them.')
  }

  #metadata(value: JsonValue): JsonValue {
    const problem = metadataProblem(value)
    if (problem === undefined) return value
    throw this.#invalid(`has metadata ${problem}`, 'Leave that out of the metadata.')
  }

  #fromArray(value: JsonValue): Float32Array {
    if (!Array.isArray(value)) {
      throw this.#invalid(
        'has a vector that is no array',
        'Write an array of numbers, or base64 in a string.',
      )
    }
    this.#checkDimensions(value.length)
    const vector = new Float32Array(value.length)
    let unfit = -1
    for (let i = 0; i < value.length && unfit === -1; i++) {
      vector[i] = value[i]
      if (typeof value[i] !== 'number' || !Number.isFinite(vector[i])) unfit = i
    }
    if (unfit === -1) return vector
    const what = `has a vector whose element ${unfit} is not a number that fits float32`
    throw this.#invalid(what, 'Write finite numbers.')
  }

  #fromBase64(value: string): Float32Array {
    const bytes = Buffer.from(value, 'base64')
    if (bytes.length % 4 === 0 && bytes.toString('base64') === value) {
      this.#checkDimensions(bytes.length / 4)
      return floatsFromBytes(bytes)
    }
    const hint = 'Write the standard alphabet with padding, 4 bytes for each little-endian float32.'
    throw this.#invalid('has a vector that is not the base64 of float32', hint)
  }

  #checkDimensions(dimensions: number): void {
    checkDimensions(this.#file, this.#place.offset, dimensions, this.#place.where)
  }

  #invalid(what: string, hint: string, cause?: unknown): WalError {
    return invalidFile(this.#file, this.#place.offset, `${this.#place.where} ${what}`, hint, cause)
  }
}

const without = (from: JsonObject, name: string): JsonObject =>
  Object.fromEntries(Object.entries(from).filter(([key]) => key !== name)) as JsonObject

/**
 * Members of an export that say nothing of the vector: Qdrant's keys for shards, an empty list of
 * sparse values.
 */
function isVoid(name: string, value: JsonValue | undefined): boolean {
  if (name === 'shard_key' || name === 'order_value') return value === null
  return /^sparse_?values$/i.test(name) && (value === null || (isObject(value) && isEmptySparse(value)))
}

const isEmptySparse = ({ indices = [], values = [] }: JsonObject): boolean =>
  Array.isArray(indices) && Array.isArray(values) && indices.length + values.length === 0
