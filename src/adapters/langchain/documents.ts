/** How documents are stored in an index, and made again from it. */
import { randomUUID } from 'node:crypto'
import { Document, type DocumentInterface } from '@langchain/core/documents'
import { echo } from '../../echo.ts'
import type { JsonValue } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { checkedIdBytes } from '../../format/encode.ts'
import { encodeMetadata } from '../../format/metadata.ts'
import type { Hit } from '../../index/durable/types.ts'

/** What becomes of metadata that JSON cannot hold. */
export type MetadataPolicy = 'strict' | 'sanitize'

/** A document as it stands in the index: the metadata of its vector. */
export interface StoredDocument {
  readonly pageContent: string
  readonly metadata: { readonly [key: string]: JsonValue }
}

export interface Prepared {
  readonly id: string
  readonly metadata: StoredDocument
}

/**
 * Documents as they are stored, each with its id.
 * @throws WALV_INVALID_OPTION, WALV_DUPLICATE_ID, WALV_INVALID_ID, WALV_INVALID_METADATA,
 * WALV_LIMIT
 */
export function prepare(
  documents: readonly DocumentInterface[],
  ids: readonly string[] | undefined,
  policy: MetadataPolicy,
): Prepared[] {
  if (ids) needAsMany(ids, 'ids', documents)
  const places = new Map<string, number>()
  return documents.map((document, i) => {
    const id = ids?.[i] ?? document.id ?? randomUUID()
    const before = places.get(id)
    if (before !== undefined) {
      const what = `Documents ${before} and ${i} have the same id ${echo(id)}. Nothing was added.`
      throw new WalError('WALV_DUPLICATE_ID', what, { id })
    }
    places.set(id, i)
    return { id, metadata: checkedDocument(document, id, i, policy) }
  })
}

function checkedDocument(
  document: DocumentInterface,
  id: string,
  i: number,
  policy: MetadataPolicy,
): StoredDocument {
  checkedIdBytes(id)
  const { pageContent, metadata = {} } = policy === 'sanitize' ? sanitized(document) : document
  if (
    typeof pageContent !== 'string' ||
    typeof metadata !== 'object' ||
    metadata === null ||
    Array.isArray(metadata)
  ) {
    const what = `${nameOf(document, i)} needs a string as pageContent, and an object as metadata. Nothing was added.`
    throw new WalError('WALV_INVALID_METADATA', what, { id })
  }
  try {
    encodeMetadata({ pageContent, metadata }, id)
  } catch (cause) {
    const { code, message } = cause as WalError
    const hint =
      code === 'WALV_INVALID_METADATA' && policy === 'strict'
        ? " Or open the store with { metadata: 'sanitize' }, which stores what JSON makes of it."
        : ''
    throw new WalError(code, `${nameOf(document, i)} cannot be stored: ${message}${hint}`, { id, cause })
  }
  return { pageContent, metadata }
}

/** @throws WALV_INVALID_OPTION */
export function needAsMany(given: readonly unknown[], what: string, documents: readonly unknown[]): void {
  if (given.length === documents.length) return
  throw new WalError(
    'WALV_INVALID_OPTION',
    `There are ${given.length} ${what} for ${documents.length} documents. Nothing was added.`,
  )
}

/** Its place in the call, and its source: an id that was made just now tells nobody anything. */
function nameOf({ metadata }: DocumentInterface, i: number): string {
  const source: unknown = metadata?.source
  return typeof source === 'string' ? `Document ${i} (source ${echo(source)})` : `Document ${i}`
}

/**
 * What JSON makes of a document: dates are texts, instances of classes their members, functions and
 * `undefined` are left out, NaN and infinities are null. Beyond that, a bigint is its digits, and
 * half a surrogate pair U+FFFD. What JSON makes nothing of, such as a cycle, stays as it is, and is
 * refused.
 */
function sanitized({
  pageContent,
  metadata,
}: DocumentInterface): Pick<DocumentInterface, 'pageContent' | 'metadata'> {
  try {
    return JSON.parse(JSON.stringify({ pageContent, metadata }, plain))
  } catch {
    return { pageContent, metadata }
  }
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return typeof value === 'string' ? value.toWellFormed() : value
}

/** With metadata of its own, which the caller may change. */
export function documentOf({ id, metadata: stored }: Hit): Document {
  const { pageContent, metadata } = storedDocument(stored, id)
  return new Document({ id, pageContent, metadata: structuredClone(metadata) })
}

export function storedDocument(stored: JsonValue, id: string): StoredDocument {
  const { pageContent, metadata } = (stored ?? {}) as Partial<StoredDocument>
  if (typeof pageContent === 'string' && typeof metadata === 'object') return { pageContent, metadata }
  throw new WalError(
    'WALV_INDEX_MISMATCH',
    `What is stored under ${echo(id)} is no LangChain document: its metadata has no pageContent and metadata. Open the index with what wrote it.`,
    { id },
  )
}
