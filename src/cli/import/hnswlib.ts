/**
 * The folder that LangChain's `HNSWLib` saves: `hnswlib.index`, `docstore.json` (an array of label
 * and document) and `args.json` (space and dimensions). They are written one after the other and
 * may disagree: then the folder is refused. Its documents become those of `walv/langchain`; one
 * without an id gets its label. Points that were marked as deleted are left out.
 */

import { join } from 'node:path'
import type { JsonValue, Metric } from '../../mod.ts'
import { cut } from '../text.ts'
import { invalidFile, type VectorFile } from './file.ts'
import { type HnswlibIndex, openHnswlibIndex } from './hnswlib-index.ts'
import {
  asVectorFile,
  documentMetadata,
  invalidStore,
  isObject,
  type JsonObject,
  readJson,
  type StoreItem,
} from './store.ts'

const HINT = 'Name a folder that HNSWLib.save has written; if it is damaged, save the store again.'
const SPACES: readonly JsonValue[] = ['cosine', 'l2', 'ip'] satisfies Metric[]
/** hnswlib-node normalises in float32. */
const LENGTH_TOLERANCE = 1e-3

/** @throws WALV_INVALID_FILE, also while reading; WALV_PERMISSION, WALV_IO */
export async function openHnswlib(path: string): Promise<VectorFile> {
  const file = join(path, 'hnswlib.index')
  const index = await openHnswlibIndex(file)
  const metric = await readSpace(join(path, 'args.json'), index)
  const documents = await readDocuments(join(path, 'docstore.json'))
  const items = (): AsyncIterable<StoreItem> => readItems(path, index, documents, metric)
  return asVectorFile({ format: 'hnswlib', path, bytes: index.bytes, count: index.count, metric, items })
}

async function readSpace(file: string, index: HnswlibIndex): Promise<Metric> {
  const args = await readJson(file, HINT)
  if (!isObject(args) || !SPACES.includes(args.space!))
    throw invalidStore(file, `it names no space that is one of ${SPACES.join(', ')}`, HINT)
  if (args.numDimensions !== index.dimensions) {
    const what = `it says ${cut(JSON.stringify(args.numDimensions))} dimensions, and hnswlib.index has ${index.dimensions}`
    throw invalidStore(file, what, HINT)
  }
  return args.space as Metric
}

async function readDocuments(file: string): Promise<ReadonlyMap<string, JsonObject>> {
  const entries = await readJson(file, HINT)
  if (!Array.isArray(entries)) throw invalidStore(file, 'it is not an array', HINT)
  const documents = new Map<string, JsonObject>()
  for (const [row, entry] of entries.entries()) {
    const [label, document] = Array.isArray(entry) ? entry : []
    if (typeof label !== 'string' || !isObject(document) || documents.has(label))
      throw invalidStore(file, `entry ${row} is no pair of a new label and a document`, HINT)
    documents.set(label, document)
  }
  return documents
}

async function* readItems(
  path: string,
  index: HnswlibIndex,
  documents: ReadonlyMap<string, JsonObject>,
  metric: Metric,
): AsyncGenerator<StoreItem> {
  const file = join(path, 'hnswlib.index')
  const labels = new Set<string>()
  for await (const { label: number, vector, deleted, offset } of index.points()) {
    const label = String(number)
    const where = `label ${label}`
    if (labels.has(label)) throw invalidFile(file, offset, `${where} comes twice`, HINT)
    labels.add(label)
    if (deleted) continue
    const document = documents.get(label)
    if (!document) throw invalidFile(file, offset, `${where} has no document in docstore.json`, HINT)
    if (metric === 'cosine' && !isNormalised(vector))
      throw invalidFile(
        file,
        offset,
        `the vector of ${where} is not of length 1, as under cosine it must be`,
        HINT,
      )
    const { pageContent, metadata, id } = document
    yield { id: id ?? label, vector, metadata: documentMetadata(path, where, pageContent, metadata), where }
  }
  const missing = [...documents.keys()].find((label) => !labels.has(label))
  if (missing !== undefined)
    throw invalidStore(
      join(path, 'docstore.json'),
      `its document ${missing} has no vector in hnswlib.index`,
      HINT,
    )
}

/** Of length 1, or all zeros. */
function isNormalised(vector: Float32Array): boolean {
  const length = Math.hypot(...vector)
  return length === 0 || Math.abs(length - 1) <= LENGTH_TOLERANCE
}
