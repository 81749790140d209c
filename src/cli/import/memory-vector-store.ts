/**
 * The vectors of a LangChain `MemoryVectorStore`, which has no format of its own: the JSON of its
 * `memoryVectors`, an array of `{ content, embedding, metadata, id? }`. They become documents as
 * `walv/langchain` has them; one without an id gets its row number.
 */

import type { JsonValue } from '../../mod.ts'
import { quote } from '../text.ts'
import { sizeOf, type VectorFile } from './file.ts'
import { asVectorFile, documentMetadata, invalidStore, isObject, readJson, type StoreItem } from './store.ts'

const HINT = 'Write JSON.stringify(store.memoryVectors) to a file, and name that.'

/** @throws WALV_INVALID_FILE, also while reading; WALV_PERMISSION, WALV_IO */
export async function openMemoryVectorStore(path: string): Promise<VectorFile> {
  const bytes = await sizeOf(path, HINT)
  const vectors = await readJson(path, HINT)
  if (!Array.isArray(vectors)) throw invalidStore(path, 'it is not an array', HINT)
  const items = (): Iterable<StoreItem> => readItems(path, vectors)
  return asVectorFile({ format: 'memory-vector-store', path, bytes, count: vectors.length, items })
}

function* readItems(path: string, vectors: readonly JsonValue[]): Generator<StoreItem> {
  for (const [row, vector] of vectors.entries()) yield toItem(path, vector, row)
}

function toItem(path: string, value: JsonValue, row: number): StoreItem {
  const where = `row ${row}`
  if (!isObject(value)) throw invalidStore(path, `${where} is not an object`, HINT)
  const { content, embedding = null, metadata, id, ...others } = value
  const other = Object.keys(others)[0]
  if (other !== undefined) {
    const what = `${where} has ${quote(other)}, which a MemoryVectorStore does not`
    throw invalidStore(path, what, 'Move that into the metadata.')
  }
  return {
    id: id ?? String(row),
    vector: embedding,
    metadata: documentMetadata(path, where, content, metadata),
    where,
  }
}
