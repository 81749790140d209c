/**
 * The shapes in which embedding services and vector databases give out vectors, as rows of one
 * shape.
 *
 * - OpenAI: an answer (`data` of `{ embedding, index }`), and a line of a batch's output
 *   (`custom_id`, `response.body`).
 * - Cohere: an answer (`embeddings`, or `embeddings.float`, beside `texts`).
 * - Chroma: what `collection.get()` answers (`ids`, `embeddings`, `metadatas`, `documents`, each an
 *   array).
 * - Pinecone: `{ vectors }`, an array or an object by id, of `{ id, values, metadata }`.
 * - Qdrant: a page of points (`result.points`, or `points`) of `{ id, vector, payload }`.
 *
 * Whatever is none of these is one row.
 */
import type { JsonValue } from '../../mod.ts'
import { quote } from '../text.ts'
import { isObject, type JsonObject } from './store.ts'

/** One row as it stands, or why there is none: `problemOf`. */
export type Shaped = { readonly [member: string]: JsonValue | undefined }

/** In the place of rows that cannot be had. */
const noRows = (problem: string): Shaped => ({ [PROBLEM]: problem })
const PROBLEM = '\0problem'

export const problemOf = (shaped: Shaped): string | undefined => shaped[PROBLEM] as string | undefined

export function* shapedRows(value: JsonObject): Generator<Shaped, void, void> {
  const { custom_id, response, data, ids, embeddings, vectors, result, points } = value
  if (custom_id !== undefined && 'response' in value) yield* batchRows(custom_id, response, value.error)
  else if (isListOf(data, 'embedding')) yield* data.map(openaiRow)
  else if (Array.isArray(ids) && Array.isArray(embeddings)) yield* chromaRows(value, ids, embeddings)
  else if (isObject(embeddings) && Array.isArray(embeddings.float) && isVectors(embeddings.float))
    yield* cohereRows(embeddings.float, value.texts)
  else if (isVectors(embeddings)) yield* cohereRows(embeddings, value.texts)
  else if (isListOf(vectors, 'values')) yield* vectors
  else if (isObject(vectors) && isListOf(Object.values(vectors), 'values'))
    for (const [id, vector] of Object.entries(vectors)) yield { id, ...(vector as JsonObject) }
  else if (isObject(result) && isListOf(result.points, 'vector')) yield* result.points
  else if (isListOf(points, 'vector')) yield* points
  else yield value
}

/** Where a scroll of Qdrant goes on behind this page; undefined if it does not, or is none. */
export function nextPageIn(value: JsonObject): string | undefined {
  const { result, points } = value
  const page = isObject(result) && Array.isArray(result.points) ? result : Array.isArray(points) ? value : {}
  const next = (page as JsonObject).next_page_offset
  return typeof next === 'string' || typeof next === 'number' ? String(next) : undefined
}

const isListOf = (value: JsonValue | undefined, member: string): value is readonly JsonObject[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => isObject(each) && member in each)

const isVectors = (value: JsonValue | undefined): value is readonly JsonValue[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => Array.isArray(each))

const openaiRow = (item: JsonValue): Shaped => {
  const { embedding } = item as JsonObject
  return { embedding }
}

/** Several texts of one request are told apart by their places. */
function* batchRows(
  id: JsonValue | undefined,
  response: JsonValue | undefined,
  error: JsonValue | undefined,
): Generator<Shaped, void, void> {
  const status = isObject(response) ? response.status_code : undefined
  const body = isObject(response) ? response.body : undefined
  const data = isObject(body) ? body.data : undefined
  if ((error !== undefined && error !== null) || status !== 200 || !isListOf(data, 'embedding')) {
    yield noRows(`is the answer to request ${quote(String(id))}, which failed (status ${String(status)})`)
    return
  }
  for (const [place, { embedding, index = place }] of data.entries())
    yield { id: data.length === 1 ? id : `${id}-${index}`, embedding }
}

function* cohereRows(
  embeddings: readonly JsonValue[],
  texts: JsonValue | undefined,
): Generator<Shaped, void, void> {
  const some = Array.isArray(texts) ? texts : []
  for (const [row, embedding] of embeddings.entries())
    yield { embedding, ...(some[row] !== undefined && { metadata: { text: some[row] } }) }
}

/** A document becomes the member `document` of the metadata, as Chroma has them apart. */
function* chromaRows(
  { metadatas, documents }: JsonObject,
  ids: readonly JsonValue[],
  embeddings: readonly JsonValue[],
): Generator<Shaped, void, void> {
  if (ids.length !== embeddings.length) {
    yield noRows(`has ${ids.length} ids and ${embeddings.length} embeddings`)
    return
  }
  for (const [row, id] of ids.entries()) {
    const metadata = Array.isArray(metadatas) ? metadatas[row] : undefined
    const document = Array.isArray(documents) ? documents[row] : undefined
    if (isObject(metadata) && 'document' in metadata && typeof document === 'string') {
      yield noRows(`has a document and also "document" in the metadata of ${quote(String(id))}`)
      return
    }
    const all = { ...(isObject(metadata) ? metadata : {}), ...(typeof document === 'string' && { document }) }
    yield { id, embedding: embeddings[row], ...(Object.keys(all).length > 0 && { metadata: all }) }
  }
}
