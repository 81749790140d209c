/**
 * `walv/langchain`: a vector store for LangChain.js whose documents survive. Needs `npm install @langchain/core`; without it Node says on import that it
 * cannot find that package.
 */

import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { Document, type DocumentInterface } from '@langchain/core/documents'
import type { EmbeddingsInterface } from '@langchain/core/embeddings'
import { maximalMarginalRelevance } from '@langchain/core/utils/math'
import { type MaxMarginalRelevanceSearchOptions, VectorStore } from '@langchain/core/vectorstores'
import { echo } from '../echo.ts'
import type { JsonValue } from '../entry.ts'
import { WalError } from '../errors.ts'
import { checkedIdBytes } from '../format/encode.ts'
import { encodeMetadata } from '../format/metadata.ts'
import { DurableIndex } from '../index/durable-index.ts'
import type { DurableIndexOptions, Hit } from '../index/durable-index-types.ts'
import { decided, noFilter } from '../index/filter/accept.ts'
import { compileFilter } from '../index/filter/compile.ts'
import type { Filter, FilterFunction } from '../index/filter/filter.ts'
import { flat } from '../index/flat.ts'
import type { Metric, VectorIndex } from '../index/vector-index.ts'
import { checkOptions, type OptionNames } from '../option-names.ts'
import { checkPeer, findPeer, type Peer } from './peer.ts'

/** Before 0.3 documents lose their ids. */
const PACKAGE: Peer = { adapter: 'langchain', name: '@langchain/core', version: '1.4.0', from: '0.3.0' }

export interface WalvVectorStoreConfig extends Omit<DurableIndexOptions, 'index'> {
  /**
   * An empty index, for example `flat({ dimensions: 1536 })`; its metric decides what scores are. Default: the exact index under `cosine`, with the
   * dimensions of what the model makes of one word, which costs a call of the model at each opening.
   */
  readonly index?: VectorIndex
}

/**
 * What documents a search, or a deletion, takes: a function of the document, which must not change it and answers at
 * once; or a `Filter` of its metadata, as in `docs/filters.md`.
 */
export type WalvFilter = ((document: DocumentInterface) => boolean) | Filter

interface AddOptions {
  readonly ids?: readonly string[]
}

const ADD_OPTIONS: OptionNames<AddOptions> = { ids: true }

/** Which documents to delete: either by their ids or by a filter. */
export type WalvDeleteParams =
  | { readonly ids: readonly string[]; readonly filter?: never }
  | { readonly filter: WalvFilter; readonly ids?: never }

/** A document as it stands in the index: the metadata of its vector. */
interface StoredDocument {
  readonly pageContent: string
  readonly metadata: { readonly [key: string]: JsonValue }
}

type Upsert = {
  readonly type: 'insert'
  readonly id: string
  readonly vector: number[]
  readonly metadata: JsonValue
  readonly replace: true
}

/**
 * A LangChain vector store on a `DurableIndex`. What a call has added or deleted when it resolves is durable, and found by every later search; a call that
 * rejects has added or deleted nothing, unless the error's `fate` is `unknown`.
 *
 * Scores: greater is more similar. Under `cosine` the cosine similarity (−1 to 1), under `ip` the inner product, under `l2` 1 / (1 + squared distance)
 * (0 to 1).
 */
export class WalvVectorStore extends VectorStore {
  declare FilterType: WalvFilter
  /** The index below: for checkpoints, figures, and what LangChain's interface does not have. */
  readonly index: DurableIndex

  static override lc_name(): string {
    return 'WalvVectorStore'
  }

  /** Over an index that is open already and holds nothing but documents. `close` closes it. @throws WALV_ENGINE */
  constructor(embeddings: EmbeddingsInterface, { index }: { readonly index: DurableIndex }) {
    checkVersion()
    super(embeddings, {})
    this.index = index
  }

  /**
   * Opens the store in a directory, which is made if missing.
   * @throws WALV_ENGINE if `@langchain/core` is older than 0.3.0; what `DurableIndex.open` and the model throw
   */
  static async open(embeddings: EmbeddingsInterface, config: WalvVectorStoreConfig): Promise<WalvVectorStore> {
    checkVersion()
    const index = config.index ?? flat({ dimensions: (await embeddings.embedQuery('dimensions')).length })
    return new WalvVectorStore(embeddings, { index: await DurableIndex.open({ ...config, index }) })
  }

  /** Opens the store in a directory where there is one. @throws WALV_NO_DIRECTORY if there is nothing, and what `open` throws */
  static async fromExistingIndex(
    embeddings: EmbeddingsInterface,
    config: WalvVectorStoreConfig,
  ): Promise<WalvVectorStore> {
    const names = await readdir(config.directory).catch(() => [])
    if (names.length === 0) {
      throw new WalError(
        'WALV_NO_DIRECTORY',
        `There is no index in ${config.directory}. Check the path, or use WalvVectorStore.open to make one.`,
        { file: config.directory },
      )
    }
    return WalvVectorStore.open(embeddings, config)
  }

  /** Opens the store and adds a document for each text. A single `metadatas` is that of every text. */
  static override async fromTexts(
    texts: string[],
    metadatas: object[] | object,
    embeddings: EmbeddingsInterface,
    config: WalvVectorStoreConfig,
  ): Promise<WalvVectorStore> {
    const documents = texts.map((pageContent, i) => {
      const metadata = Array.isArray(metadatas) ? metadatas[i] : metadatas
      return new Document({ pageContent, metadata })
    })
    return WalvVectorStore.fromDocuments(documents, embeddings, config)
  }

  /** Opens the store and adds the documents, to what it holds already. */
  static override async fromDocuments(
    documents: DocumentInterface[],
    embeddings: EmbeddingsInterface,
    config: WalvVectorStoreConfig,
  ): Promise<WalvVectorStore> {
    const store = await WalvVectorStore.open(embeddings, config)
    try {
      await store.addDocuments(documents)
    } catch (error) {
      await store.close()
      throw error
    }
    return store
  }

  _vectorstoreType(): string {
    return 'walv'
  }

  /**
   * Embeds the documents and adds all of them or none. Resolves to their ids: those of `options.ids`, else a document's own, else a new UUID. A document whose
   * id exists replaces it. What cannot be stored is refused before the model is asked.
   * @throws WALV_INVALID_METADATA, WALV_DUPLICATE_ID and what `DurableIndex.batch` throws
   */
  async addDocuments(documents: DocumentInterface[], options: AddOptions = {}): Promise<string[]> {
    checkOptions('addDocuments', options, ADD_OPTIONS)
    const prepared = prepare(documents, options.ids)
    const vectors = await this.embeddings.embedDocuments(prepared.map(({ metadata }) => metadata.pageContent))
    return this.#add(vectors, prepared)
  }

  /** The same, with vectors that are there already: `vectors[i]` is that of `documents[i]`. */
  async addVectors(vectors: number[][], documents: DocumentInterface[], options: AddOptions = {}): Promise<string[]> {
    checkOptions('addVectors', options, ADD_OPTIONS)
    return this.#add(vectors, prepare(documents, options.ids))
  }

  async #add(vectors: number[][], documents: readonly Prepared[]): Promise<string[]> {
    needAsMany(vectors, 'vectors', documents)
    if (documents.length === 0) return []
    const entries = documents.map(
      ({ id, metadata }, i): Upsert => ({
        type: 'insert',
        id,
        vector: vectors[i]!,
        metadata: { ...metadata },
        replace: true,
      }),
    )
    await addWhole(this.index, entries)
    return documents.map(({ id }) => id)
  }

  /**
   * Deletes all that is named, or nothing. Ids that do not exist are passed over.
   * @throws WALV_INVALID_OPTION, and what `DurableIndex.deleteWhere` throws
   */
  override async delete(params: WalvDeleteParams): Promise<void> {
    const { ids, filter, ...others } = params ?? {}
    const isEither = Array.isArray(ids) ? filter === undefined : ids === undefined && filter !== undefined
    if (!isEither || Object.keys(others).length > 0)
      throw invalidOption('delete needs either { ids: [...] } or { filter }. Nothing was deleted.')
    if (filter !== undefined) await this.index.deleteWhere(acceptor(filter))
    else if (ids.length > 0) await this.index.batch(ids.map((id) => ({ type: 'delete', id })))
  }

  /** The `k` most similar documents, the most similar first, each with its score. */
  async similaritySearchVectorWithScore(
    query: number[],
    k: number,
    filter?: this['FilterType'],
  ): Promise<[Document, number][]> {
    const { metric } = this.index
    const hits = await this.#nearest(query, k, filter)
    return hits.map((hit) => [documentOf(hit), score(metric, hit.distance)])
  }

  /**
   * `k` documents that are similar to the query and differ from each other, chosen among the `fetchK` (default 20) most similar. `lambda` (default 0.5) weighs
   * similarity (1) against difference (0), both measured by cosine whatever the metric.
   */
  override async maxMarginalRelevanceSearch(
    query: string,
    { k, fetchK = 20, lambda = 0.5, filter }: MaxMarginalRelevanceSearchOptions<this['FilterType']>,
  ): Promise<Document[]> {
    const vector = await this.embeddings.embedQuery(query)
    const hits = await this.#nearest(vector, Math.max(fetchK, k), filter)
    const stored = hits.flatMap((hit) => {
      const found = this.index.get(hit.id)
      return found ? [{ hit, vector: Array.from(found.vector) }] : []
    })
    const chosen = maximalMarginalRelevance(
      vector,
      stored.map((each) => each.vector),
      lambda,
      k,
    )
    return chosen.map((i) => documentOf(stored[i]!.hit))
  }

  #nearest(query: number[], k: number, filter: WalvFilter | undefined): Promise<Hit[]> {
    return this.index.search(query, { k, ...(filter && { filter: acceptor(filter) }) })
  }

  /** Waits for what is under way and gives the directory free. Calling it again is harmless. */
  close(): Promise<void> {
    return this.index.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** @throws WALV_ENGINE */
function checkVersion(): void {
  const place = findPeer(PACKAGE, '/vectorstores')
  if (place) checkPeer(PACKAGE, place)
}

interface Prepared {
  readonly id: string
  readonly metadata: StoredDocument
}

/** @throws WALV_INVALID_OPTION, WALV_DUPLICATE_ID, WALV_INVALID_METADATA, WALV_LIMIT */
function prepare(documents: readonly DocumentInterface[], ids: readonly string[] | undefined): Prepared[] {
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
    return { id, metadata: checkedDocument(document, id, i) }
  })
}

/** @throws WALV_INVALID_ID, WALV_INVALID_METADATA, WALV_LIMIT */
function checkedDocument({ pageContent, metadata = {} }: DocumentInterface, id: string, i: number): StoredDocument {
  checkedIdBytes(id)
  if (typeof pageContent !== 'string' || typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    const what = `Document ${i} needs a string as pageContent, and an object as metadata. Nothing was added.`
    throw new WalError('WALV_INVALID_METADATA', what, { id })
  }
  encodeMetadata({ pageContent, metadata }, id)
  return { pageContent, metadata }
}

function needAsMany(given: readonly unknown[], what: string, documents: readonly unknown[]): void {
  if (given.length === documents.length) return
  throw invalidOption(`There are ${given.length} ${what} for ${documents.length} documents. Nothing was added.`)
}

const invalidOption = (message: string): WalError => new WalError('WALV_INVALID_OPTION', message)

/** One batch; what is too much for one record, as a transaction. */
async function addWhole(index: DurableIndex, entries: readonly Upsert[]): Promise<void> {
  try {
    await index.batch(entries)
  } catch (error) {
    if ((error as WalError).code !== 'WALV_LIMIT' || entries.length === 1) throw error
    await index.transaction(async (transaction) => {
      for (const { id, vector, metadata } of entries) await transaction.upsert(id, vector, metadata)
    })
  }
}

/** @throws WALV_INVALID_OPTION, WALV_LIMIT */
function acceptor(filter: WalvFilter): FilterFunction {
  if (typeof filter === 'function') {
    const accepts = decided(filter)
    return (stored, id) => accepts(new Document({ id, ...storedDocument(stored, id) }))
  }
  if (typeof filter !== 'object' || filter === null || Array.isArray(filter)) throw noFilter(filter, 'a document')
  const accepts = compileFilter(filter)
  return (stored, id) => accepts(storedDocument(stored, id).metadata)
}

/** With metadata of its own, which the caller may change. */
function documentOf({ id, metadata: stored }: Hit): Document {
  const { pageContent, metadata } = storedDocument(stored, id)
  return new Document({ id, pageContent, metadata: structuredClone(metadata) })
}

function storedDocument(stored: JsonValue, id: string): StoredDocument {
  const { pageContent, metadata } = (stored ?? {}) as Partial<StoredDocument>
  if (typeof pageContent === 'string' && typeof metadata === 'object') return { pageContent, metadata }
  throw new WalError(
    'WALV_INDEX_MISMATCH',
    `What is stored under ${echo(id)} is no LangChain document: its metadata has no pageContent and metadata. Open the index with what wrote it.`,
    { id },
  )
}

function score(metric: Metric, distance: number): number {
  return metric === 'l2' ? 1 / (1 + distance) : 1 - distance
}
