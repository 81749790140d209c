/**
 * `.jsonl`: one JSON object a line, in UTF-8; empty lines are passed over.
 *
 * - `id`: a string, or an integer, which becomes its decimal digits.
 * - `vector` or `embedding`: an array of numbers, or a string with the base64 of little-endian float32, kept bit for bit.
 * - `metadata`, optional: any JSON value. Where it is absent, whatever other members the object has become the metadata; where it is
 *   present, other members are refused. So nothing is dropped and nothing is merged.
 */

import type { JsonValue, WalError } from '../../mod.ts'
import { MAX_ID_BYTES } from '../../mod.ts'
import { floatsFromBytes } from '../floats.ts'
import { quote } from '../text.ts'
import { checkDimensions, invalidFile, sizeOf, type VectorFile, type VectorRow } from './file.ts'
import { type Line, readLines } from './lines.ts'
import { metadataProblem } from './metadata.ts'

type JsonObject = { readonly [key: string]: JsonValue }

/**
 * Reads the first vector, for its dimensions.
 * @throws WalError `WALV_INVALID_FILE`, also while reading. `WALV_PERMISSION`, `WALV_IO`.
 */
export async function openJsonl(file: string): Promise<VectorFile> {
  const bytes = await sizeOf(file)
  for await (const { vector } of readRows(file)) {
    return { format: 'jsonl', bytes, rows: undefined, dimensions: vector.length, read: () => readRows(file) }
  }
  throw invalidFile(file, 0, 'it holds no vectors', 'Write one object a line, such as {"id":"a","vector":[1,2]}.')
}

async function* readRows(file: string): AsyncGenerator<VectorRow> {
  let first: VectorRow | undefined
  for await (const line of readLines(file)) {
    const text = toText(file, line)
    if (text.trim() === '') continue
    const row = new LineParser(file, line).parse(text)
    first ??= row
    if (row.vector.length !== first.vector.length) {
      const what = `${row.where} has ${row.vector.length} dimensions, where ${first.where} has ${first.vector.length}`
      throw invalidFile(file, line.offset, what, 'All vectors of a file must have the same dimensions.')
    }
    yield row
  }
}

/** Drops a byte order mark. */
const utf8 = new TextDecoder('utf-8', { fatal: true })

function toText(file: string, line: Line): string {
  try {
    return utf8.decode(line.bytes)
  } catch (cause) {
    throw invalidFile(file, line.offset, `line ${line.number} is not UTF-8`, 'Write the file in UTF-8.', cause)
  }
}

/** Makes a row of one line, or says what is wrong with it. */
class LineParser {
  readonly #file: string
  readonly #line: Line
  readonly #where: string

  constructor(file: string, line: Line) {
    this.#file = file
    this.#line = line
    this.#where = `line ${line.number}`
  }

  parse(text: string): VectorRow {
    const { id, vector, embedding, metadata, ...others } = this.#object(text)
    if (vector !== undefined && embedding !== undefined) {
      throw this.#invalid('has both "vector" and "embedding"', 'Leave one of them out.')
    }
    const row = {
      id: this.#id(id),
      vector: this.#vector(vector === undefined ? embedding : vector),
      where: this.#where,
      endOffset: this.#line.endOffset,
    }
    const other = Object.keys(others)[0]
    if (other === undefined) return metadata === undefined ? row : { ...row, metadata: this.#metadata(metadata) }
    if (metadata === undefined) return { ...row, metadata: this.#metadata(others) }
    throw this.#invalid(`has "metadata" and also ${quote(other)}`, 'Move that into the metadata.')
  }

  #object(text: string): JsonObject {
    let value: JsonValue
    try {
      value = JSON.parse(text)
    } catch (cause) {
      throw this.#invalid(`is not JSON (${(cause as Error).message})`, 'Write one whole object a line.', cause)
    }
    if (isObject(value)) return value
    throw this.#invalid('is not an object', 'Write one object a line, such as {"id":"a","vector":[1,2]}.')
  }

  #id(value: JsonValue | undefined): string {
    if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
    if (typeof value === 'number') {
      throw this.#invalid(`has the "id" ${value}, which is not an exact integer`, 'Write it as a string.')
    }
    const isFit = typeof value === 'string' && value !== '' && value.isWellFormed()
    if (isFit && Buffer.byteLength(value) <= MAX_ID_BYTES) return value
    if (value === undefined) throw this.#invalid('has no "id"', 'Give each vector an "id".')
    throw this.#invalid('has an unfit "id"', `An id is a string of 1 to ${MAX_ID_BYTES} bytes of UTF-8, or an integer.`)
  }

  #vector(value: JsonValue | undefined): Float32Array {
    if (value === undefined) throw this.#invalid('has neither "vector" nor "embedding"', 'Add one of them.')
    return typeof value === 'string' ? this.#fromBase64(value) : this.#fromArray(value)
  }

  #metadata(value: JsonValue): JsonValue {
    const problem = metadataProblem(value)
    if (problem === undefined) return value
    throw this.#invalid(`has metadata ${problem}`, 'Leave that out of the metadata.')
  }

  #fromArray(value: JsonValue): Float32Array {
    if (!Array.isArray(value)) {
      throw this.#invalid('has a vector that is no array', 'Write an array of numbers, or base64 in a string.')
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
    checkDimensions(this.#file, this.#line.offset, dimensions, this.#where)
  }

  #invalid(what: string, hint: string, cause?: unknown): WalError {
    return invalidFile(this.#file, this.#line.offset, `${this.#where} ${what}`, hint, cause)
  }
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
