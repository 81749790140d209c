/**
 * What the stores of other libraries have in common: JSON that was written at one go, and items
 * that are checked in the same way.
 */

import { constants } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { type JsonValue, MAX_DIMENSIONS, type Metric, WalError } from '../../mod.ts'
import { quote } from '../text.ts'
import { readError, type StoreFormat, sizeOf, type VectorFile, type VectorRow } from './file.ts'
import { metadataProblem } from './metadata.ts'

export type JsonObject = { readonly [key: string]: JsonValue }

/** A vector as a store has it, not yet checked. */
export interface StoreItem {
  readonly id: JsonValue
  readonly vector: JsonValue | Float32Array
  readonly metadata: JsonValue
  /** Its place, for messages. */
  readonly where: string
}

/**
 * A file with one JSON value. `hint` says what to do if it is none. @throws WALV_INVALID_FILE,
 * WALV_PERMISSION, WALV_IO
 */
export async function readJson(file: string, hint: string): Promise<JsonValue> {
  const text = await readText(file, hint)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw invalidStore(file, `it is not JSON (${(cause as Error).message})`, hint, cause)
  }
}

/** A file of UTF-8. */
export async function readText(file: string, hint: string): Promise<string> {
  const bytes = await sizeOf(file, hint)
  if (bytes > constants.MAX_STRING_LENGTH)
    throw invalidStore(file, `it has ${bytes} bytes, more than a string can hold`, 'Split it.')
  const content = await readFile(file).catch((error: unknown) => {
    throw readError(file, error)
  })
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch (cause) {
    throw invalidStore(file, 'it is not UTF-8', hint, cause)
  }
}

/** A store, opened: what its items are, each time anew. */
export interface Store {
  readonly format: StoreFormat
  readonly path: string
  readonly bytes: number
  readonly count: number
  /** Undefined where the store does not say. */
  readonly metric?: Metric
  items(): AsyncIterable<StoreItem> | Iterable<StoreItem>
}

/**
 * A store as a file of vectors. It holds a set of ids, each with a vector of the same dimensions;
 * what is not so is refused.
 * @throws WALV_INVALID_FILE, also while reading
 */
export async function asVectorFile(store: Store): Promise<VectorFile> {
  const { format, bytes, count, metric } = store
  const read = (): AsyncGenerator<VectorRow> => checkedRows(store)
  for await (const { vector } of read()) {
    return { format, bytes, rows: count, dimensions: vector.length, ...(metric && { metric }), read }
  }
  throw invalidStore(store.path, 'it holds no vectors', 'Check the path.')
}

async function* checkedRows({ path, bytes, count, items }: Store): AsyncGenerator<VectorRow> {
  const places = new Map<string, string>()
  let first: VectorRow | undefined
  for await (const { id: given, vector: elements, metadata, where } of items()) {
    const id = checkedId(path, where, given)
    const before = places.get(id)
    if (before !== undefined) {
      const hint = 'Give one of them another id. One without an id of its own has its row number.'
      throw invalidStore(path, `${before} and ${where} have the same id ${quote(id)}`, hint)
    }
    places.set(id, where)
    const problem = metadataProblem(metadata)
    if (problem)
      throw invalidStore(path, `${where} has metadata ${problem}`, 'Leave that out of the metadata.')
    const vector = checkedVector(path, where, elements)
    const row = { id, vector, metadata, where, endOffset: Math.round((bytes * places.size) / count) }
    first ??= row
    if (vector.length !== first.vector.length) {
      const what = `${where} has ${vector.length} dimensions, where ${first.where} has ${first.vector.length}`
      throw invalidStore(path, what, 'All vectors of a store must have the same dimensions.')
    }
    yield row
  }
}

function checkedId(path: string, where: string, id: JsonValue): string {
  if (typeof id === 'string' && id.isWellFormed()) return id
  throw invalidStore(
    path,
    `${where} has an id that is no string, or has half a surrogate pair`,
    'Correct it.',
  )
}

function checkedVector(path: string, where: string, elements: JsonValue | Float32Array): Float32Array {
  if (!(elements instanceof Float32Array) && !Array.isArray(elements))
    throw invalidStore(
      path,
      `${where} has no array of numbers as its vector`,
      'Add the vector, or leave out the item.',
    )
  if (elements.length < 1 || elements.length > MAX_DIMENSIONS) {
    const hint = `A vector has 1 to ${MAX_DIMENSIONS} dimensions.`
    throw invalidStore(path, `${where} has ${elements.length} dimensions`, hint)
  }
  const vector = Float32Array.from(elements as readonly number[])
  const wrong = vector.findIndex((value, i) => typeof elements[i] !== 'number' || !Number.isFinite(value))
  if (wrong === -1) return vector
  throw invalidStore(
    path,
    `element ${wrong} of ${where} is not a number that fits float32`,
    'Write finite numbers.',
  )
}

/** `what` is a clause, `hint` a sentence that says what to do. */
export function invalidStore(file: string, what: string, hint: string, cause?: unknown): WalError {
  return new WalError('WALV_INVALID_FILE', `Cannot import ${file}: ${what}. ${hint}`, { file, cause })
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * What `walv/langchain` stores of a document. @throws WALV_INVALID_FILE
 */
export function documentMetadata(
  path: string,
  where: string,
  pageContent: unknown,
  metadata: unknown = {},
): JsonValue {
  if (typeof pageContent === 'string' && isObject(metadata as JsonValue))
    return { pageContent, metadata: metadata as JsonObject }
  const what = `${where} has no text, or metadata that is no object`
  throw invalidStore(path, what, 'Correct it, or leave out the item.')
}
