/**
 * The folder of a vectra index (format version 1, JSON): `index.json` with ids, vectors, their
 * lengths and the indexed metadata; an item's whole metadata, where there is more of it, in a file
 * of its own. Metadata is taken as it is. The folder of a `LocalDocumentIndex` also has
 * `catalog.json` and the documents' texts: its chunks become documents of `walv/langchain`, with
 * the chunk's text, and the document's `uri` added to the metadata.
 */

import { access } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { JsonValue } from '../../mod.ts'
import { cut, quote } from '../text.ts'
import { sizeOf, type VectorFile } from './file.ts'
import {
  asVectorFile,
  invalidStore,
  isObject,
  type JsonObject,
  readJson,
  readText,
  type StoreItem,
} from './store.ts'

const HINT = 'Name the folder of a vectra index; if it is damaged, restore it from a copy.'
const LENGTH_TOLERANCE = 1e-9

/** @throws WALV_INVALID_FILE, also while reading; WALV_PERMISSION, WALV_IO */
export async function openVectra(path: string): Promise<VectorFile> {
  if (await exists(join(path, 'index.pb'))) {
    const hint = `Convert it to JSON first: npx vectra migrate ${path} --to json`
    throw invalidStore(path, 'it is in the protobuf format (index.pb)', `${hint}.`)
  }
  const file = join(path, 'index.json')
  const bytes = await sizeOf(file, HINT)
  const index = await readJson(file, HINT)
  if (!isObject(index) || !Array.isArray(index.items))
    throw invalidStore(file, 'it has no array of items', HINT)
  if (index.version !== 1)
    throw invalidStore(file, `it has version ${cut(JSON.stringify(index.version))}`, 'Version 1 can be read.')
  const catalog = await readCatalog(join(path, 'catalog.json'))
  const items = (): AsyncIterable<StoreItem> => readItems(path, index.items as readonly JsonValue[], catalog)
  return asVectorFile({ format: 'vectra', path, bytes, count: index.items.length, metric: 'cosine', items })
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  )

/** The documents' addresses by their ids; undefined for an index that has no documents. */
async function readCatalog(file: string): Promise<JsonObject | undefined> {
  if (!(await exists(file))) return undefined
  const catalog = await readJson(file, HINT)
  if (isObject(catalog) && isObject(catalog.idToUri)) return catalog.idToUri
  throw invalidStore(file, 'it does not name the documents', HINT)
}

async function* readItems(
  path: string,
  items: readonly JsonValue[],
  catalog: JsonObject | undefined,
): AsyncGenerator<StoreItem> {
  const texts = new LastText(path)
  for (const [row, item] of items.entries()) {
    const where = `item ${row}`
    if (!isObject(item)) throw invalidStore(path, `${where} is not an object`, HINT)
    const { id = null, vector = null, norm } = item
    if (Array.isArray(vector) && !hasLength(vector, norm)) {
      const what = `the vector of ${where} does not have the length that its "norm" says`
      throw invalidStore(path, what, HINT)
    }
    const metadata = await wholeMetadata(path, where, item)
    yield {
      id,
      vector,
      metadata: catalog ? await toDocument(path, where, metadata, catalog, texts) : metadata,
      where,
    }
  }
}

/** vectra computes it from the same numbers. */
function hasLength(vector: readonly JsonValue[], norm: JsonValue | undefined): boolean {
  const length = Math.sqrt(vector.reduce<number>((sum, element) => sum + Number(element) ** 2, 0))
  return typeof norm === 'number' && Math.abs(length - norm) <= LENGTH_TOLERANCE * Math.max(length, norm)
}

/** A file of its own holds what index.json has, and more. */
async function wholeMetadata(path: string, where: string, item: JsonObject): Promise<JsonObject> {
  const { metadata = {}, metadataFile } = item
  if (!isObject(metadata)) throw invalidStore(path, `the metadata of ${where} is not an object`, HINT)
  if (metadataFile === undefined) return metadata
  if (typeof metadataFile !== 'string' || basename(metadataFile) !== metadataFile)
    throw invalidStore(path, `the "metadataFile" of ${where} is not the name of a file`, HINT)
  const file = join(path, metadataFile)
  const whole = await readJson(file, HINT)
  if (
    isObject(whole) &&
    Object.entries(metadata).every(([key, value]) => isDeepStrictEqual(whole[key], value))
  )
    return whole
  throw invalidStore(file, `it does not have the metadata that index.json has of ${where}`, HINT)
}

async function toDocument(
  path: string,
  where: string,
  metadata: JsonObject,
  catalog: JsonObject,
  texts: LastText,
): Promise<JsonObject> {
  const { documentId, startPos, endPos } = metadata
  const uri =
    typeof documentId === 'string' && Object.hasOwn(catalog, documentId) ? catalog[documentId] : undefined
  if (typeof uri !== 'string')
    throw invalidStore(path, `${where} is of no document that catalog.json names`, HINT)
  if (metadata.uri !== undefined && metadata.uri !== uri) {
    const what = `${where} has a "uri" in its metadata that is not that of its document`
    throw invalidStore(path, what, 'Give it another name.')
  }
  const text = await texts.read(documentId as string)
  const from = Number(startPos)
  const through = Number(endPos)
  if (
    !(
      Number.isInteger(from) &&
      Number.isInteger(through) &&
      from >= 0 &&
      through < text.length &&
      from <= through + 1
    )
  )
    throw invalidStore(path, `${where} is no part of the text of ${uri}`, HINT)
  return { pageContent: text.slice(from, through + 1), metadata: { ...metadata, uri } }
}

/** A document's chunks follow each other, so that its text is read once. */
class LastText {
  readonly #path: string
  #id: string | undefined
  #text = ''

  constructor(path: string) {
    this.#path = path
  }

  async read(documentId: string): Promise<string> {
    if (documentId === this.#id) return this.#text
    if (basename(documentId) !== documentId)
      throw invalidStore(this.#path, `${quote(documentId)} is not the name of a file`, HINT)
    this.#text = await readText(join(this.#path, `${documentId}.txt`), HINT)
    this.#id = documentId
    return this.#text
  }
}
