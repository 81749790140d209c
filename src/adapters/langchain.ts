/**
 * `walv/langchain`: a vector store for LangChain.js whose documents survive. Needs
 * `npm install @langchain/core`; without it Node says on import that it cannot find that package.
 */

import { Document, type DocumentInterface } from '@langchain/core/documents'
import type { EmbeddingsInterface } from '@langchain/core/embeddings'
import { maximalMarginalRelevance } from '@langchain/core/utils/math'
import { type MaxMarginalRelevanceSearchOptions, VectorStore } from '@langchain/core/vectorstores'
import { nodeDisk } from '../disk/node-disk.ts'
import { echo } from '../echo.ts'
import type { JsonValue } from '../entry.ts'
import { WalError } from '../errors.ts'
import { DurableIndex } from '../index/durable/durable-index.ts'
import { DURABLE_INDEX_OPTIONS, type DurableIndexOptions, type Hit } from '../index/durable/types.ts'
import { decided, noFilter } from '../index/filter/accept.ts'
import { compileFilter } from '../index/filter/compile.ts'
import type { Filter, FilterFunction } from '../index/filter/filter.ts'
import { flat } from '../index/flat/flat.ts'
import type { Metric, VectorIndex } from '../index/vector-index.ts'
import { readDirectory } from '../log/recover/directory.ts'
import { checkOptions, type OptionNames, wrongKind } from '../option-names.ts'
import {
  documentOf,
  type MetadataPolicy,
  needAsMany,
  type Prepared,
  prepare,
  storedDocument,
} from './langchain/documents.ts'
import { checkPeer, findPeer, type Peer } from './peer.ts'

/** Before 0.3 documents lose their ids. */
const PACKAGE: Peer = { adapter: 'langchain', name: '@langchain/core', version: '1.4.0', from: '0.3.0' }

export interface WalvVectorStoreConfig extends Omit<DurableIndexOptions, 'index'> {
  /**
   * An empty index, for example `flat({ dimensions: 1536 })`; its metric decides what scores are.
   * Default: the exact index under `cosine`, with the dimensions of what the model makes of one
   * word, which costs a call of the model at each opening.
   */
  readonly index?: VectorIndex
  /**
   * What becomes of metadata that JSON cannot hold, as some loaders make it. `'strict'` (default):
   * the document is refused, and named. `'sanitize'`: what JSON makes of it is stored: dates as
   * texts, instances of classes as their members, without functions.
   */
  readonly metadata?: MetadataPolicy
}

const STORE_OPTIONS: OptionNames<WalvVectorStoreConfig> = { ...DURABLE_INDEX_OPTIONS, metadata: true }

export type { MetadataPolicy } from './langchain/documents.ts'

/**
 * What documents a search, or a deletion, takes: a function of the document, which must not change
 * it and answers at once; or a `Filter` of its metadata, as in `docs/filters.md`.
 */
export type WalvFilter = ((document: DocumentInterface) => boolean) | Filter

/**
 * `ids`: one for each document, in their order. Without them: a document's own, else a new UUID.
 */
export interface AddOptions {
  readonly ids?: readonly string[]
}

const ADD_OPTIONS: OptionNames<AddOptions> = { ids: true }

/** Which documents to delete: either by their ids or by a filter. */
export type WalvDeleteParams =
  | { readonly ids: readonly string[]; readonly filter?: never }
  | { readonly filter: WalvFilter; readonly ids?: never }

type Upsert = {
  readonly type: 'insert'
  readonly id: string
  readonly vector: number[]
  readonly metadata: JsonValue
  readonly replace: true
}

/**
 * A LangChain vector store on a `DurableIndex`. What a call has added or deleted when it resolves
 * is durable, and found by every later search; a call that rejects has added or deleted nothing,
 * unless the error's `fate` is `unknown`.
 *
 * Scores: greater is more similar. Under `cosine` the cosine similarity (−1 to 1), under `ip` the
 * inner product, under `l2` 1 / (1 + squared distance) (0 to 1).
 */
export class WalvVectorStore extends VectorStore {
  declare FilterType: WalvFilter
  /** The index below: for checkpoints, figures, and what LangChain's interface does not have. */
  readonly index: DurableIndex
  readonly #policy: MetadataPolicy

  static override lc_name(): string {
    return 'WalvVectorStore'
  }

  /**
   * Over an index that is open already and holds nothing but documents. `close` closes it.
   * @throws WALV_ENGINE, WALV_INVALID_OPTION
   */
  constructor(
    embeddings: EmbeddingsInterface,
    over: { readonly index: DurableIndex; readonly metadata?: MetadataPolicy },
  ) {
    checkVersion()
    checkOptions('new WalvVectorStore', over, { index: true, metadata: true })
    super(embeddings, {})
    this.index = over.index
    this.#policy = policyOf(over.metadata)
  }

  /**
   * Opens the store in a directory, which is made if missing.
   * @throws WALV_ENGINE if `@langchain/core` is older than 0.3.0; WALV_INDEX_MISMATCH if it holds
   * something else than documents; what `DurableIndex.open` and the model throw
   */
  static async open(
    embeddings: EmbeddingsInterface,
    config: WalvVectorStoreConfig,
  ): Promise<WalvVectorStore> {
    checkVersion()
    checkOptions('WalvVectorStore.open', config, STORE_OPTIONS)
    if (typeof embeddings?.embedQuery !== 'function')
      throw wrongKind('embeddings', embeddings, 'an Embeddings')
    const { metadata = 'strict', ...options } = config
    policyOf(metadata)
    const index = config.index ?? flat({ dimensions: (await embeddings.embedQuery('dimensions')).length })
    const opened = await DurableIndex.open({ ...options, index })
    try {
      needDocuments(opened)
    } catch (error) {
      await opened.close()
      throw error
    }
    return new WalvVectorStore(embeddings, { index: opened, metadata })
  }

  /**
   * Opens the store in a directory where there is one.
   * @throws WALV_NO_DIRECTORY if there is nothing, or nothing of walv's, and what `open` throws
   */
  static async fromExistingIndex(
    embeddings: EmbeddingsInterface,
    config: WalvVectorStoreConfig,
  ): Promise<WalvVectorStore> {
    checkOptions('WalvVectorStore.fromExistingIndex', config, STORE_OPTIONS)
    await needLog(config)
    return WalvVectorStore.open(embeddings, config)
  }

  /**
   * Opens the store and adds a document for each text. A single `metadatas` is that of every text.
   */
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
   * Embeds the documents and adds all of them or none. Resolves to their ids: those of
   * `options.ids`, else a document's own, else a new UUID. A document whose id exists replaces it.
   * What cannot be stored is refused before the model is asked.
   * @throws WALV_INVALID_METADATA, WALV_DUPLICATE_ID and what `DurableIndex.batch` throws
   */
  async addDocuments(documents: DocumentInterface[], options: AddOptions = {}): Promise<string[]> {
    checkOptions('addDocuments', options, ADD_OPTIONS)
    const prepared = prepare(documents, options.ids, this.#policy)
    const vectors = await this.embeddings.embedDocuments(prepared.map(({ metadata }) => metadata.pageContent))
    return this.#add(vectors, prepared)
  }

  /** The same, with vectors that are there already: `vectors[i]` is that of `documents[i]`. */
  async addVectors(
    vectors: number[][],
    documents: DocumentInterface[],
    options: AddOptions = {},
  ): Promise<string[]> {
    checkOptions('addVectors', options, ADD_OPTIONS)
    return this.#add(vectors, prepare(documents, options.ids, this.#policy))
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
   * `k` documents that are similar to the query and differ from each other, chosen among the
   * `fetchK` (default 20) most similar. `lambda` (default 0.5) weighs similarity (1) against
   * difference (0), both measured by cosine whatever the metric.
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
    return this.index.search(query, { k, ...(filter !== undefined && { filter: acceptor(filter) }) })
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

const invalidOption = (message: string): WalError => new WalError('WALV_INVALID_OPTION', message)

function policyOf(metadata: MetadataPolicy = 'strict'): MetadataPolicy {
  if (metadata === 'strict' || metadata === 'sanitize') return metadata
  throw invalidOption(`The option metadata must be 'strict' or 'sanitize', not ${echo(metadata)}.`)
}

/** Makes sure that opening will not make a log among files of others. */
async function needLog({ directory, disk = nodeDisk }: WalvVectorStoreConfig): Promise<void> {
  // Opening refuses it.
  if (typeof directory !== 'string') return
  const found = await readDirectory(disk, directory).catch((error: WalError) => {
    if (error.code === 'WALV_NO_DIRECTORY') return undefined
    throw error
  })
  if (found && (found.segments.length > 0 || found.reach !== undefined || found.damage.length > 0)) return
  throw new WalError(
    'WALV_NO_DIRECTORY',
    `There is no index in ${directory}. Check the path, or use WalvVectorStore.open to make one.`,
    { file: directory },
  )
}

/**
 * Looks at one entry: an index holds either documents or something else. @throws
 * WALV_INDEX_MISMATCH
 */
function needDocuments(index: DurableIndex): void {
  for (const id of index.ids()) {
    storedDocument(index.get(id)!.metadata, id)
    return
  }
}

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
  if (typeof filter !== 'object' || filter === null || Array.isArray(filter))
    throw noFilter(filter, 'a document')
  const accepts = compileFilter(filter)
  return (stored, id) => accepts(storedDocument(stored, id).metadata)
}

function score(metric: Metric, distance: number): number {
  return metric === 'l2' ? 1 / (1 + distance) : 1 - distance
}
