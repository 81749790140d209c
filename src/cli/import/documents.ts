/**
 * Documents of `walv/langchain`: the metadata of their vectors is their text and their own
 * metadata.
 */
import { type DurableIndex, type JsonValue, WalError } from '../../mod.ts'
import { quote } from '../text.ts'
import type { VectorFile } from './file.ts'
import { invalidStore, isObject } from './store.ts'

export function isDocument(metadata: JsonValue | undefined): boolean {
  return isObject(metadata) && typeof metadata.pageContent === 'string' && isObject(metadata.metadata)
}

/**
 * The vectors of a file as documents: `field` of their metadata is the text, the rest is the
 * document's.
 */
export function asDocuments(source: VectorFile, path: string, field: string): VectorFile {
  return {
    ...source,
    async *read() {
      for await (const row of source.read()) {
        if (isDocument(row.metadata)) yield row
        else yield { ...row, metadata: documentOf(row.metadata, path, row.where, field) }
      }
    },
  }
}

/** @throws WALV_INVALID_FILE */
function documentOf(given: JsonValue | undefined, path: string, where: string, field: string): JsonValue {
  const pageContent = isObject(given) && Object.hasOwn(given, field) ? given[field] : undefined
  if (!isObject(given) || typeof pageContent !== 'string') {
    const hint = 'Name with --text-field the member of the metadata that is the text.'
    throw invalidStore(path, `${where} has no text as ${quote(field)} of its metadata`, hint)
  }
  const metadata = Object.fromEntries(Object.entries(given).filter(([name]) => name !== field))
  return { pageContent, metadata: metadata as JsonValue }
}

/**
 * Makes sure that an index of documents gets nothing else: its store would fail at every search.
 * @throws WALV_INDEX_MISMATCH
 */
export function needAlike(index: DurableIndex, areDocuments: boolean, file: string, directory: string): void {
  const [first] = index.ids()
  if (areDocuments || first === undefined || !isDocument(index.get(first)!.metadata)) return
  throw new WalError(
    'WALV_INDEX_MISMATCH',
    `${directory} holds documents of walv/langchain, and the vectors in ${file} are none. Say with --text-field which member of their metadata is the text. Nothing was written.`,
    { file: directory },
  )
}
