import { nextTurn } from '../../clock.ts'
import { echo } from '../../echo.ts'
import type { JsonValue, VectorInput } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { wholeNumber } from '../../log/options.ts'
import { checkOptions } from '../../option-names.ts'
import { type Accept, acceptorOf } from '../filter/accept.ts'
import type { Filter, FilterFunction } from '../filter/filter.ts'
import type { Metric, Neighbour, VectorIndex } from '../vector-index.ts'
import type { Catalog, CatalogEntry } from './catalog.ts'
import { checkedQuery, ownVector } from './checked-change.ts'
import type { IndexState } from './index-state.ts'
import { type Hit, SEARCH_OPTIONS, type SearchOptions, type StoredVector } from './types.ts'

interface Request {
  readonly k: number
  readonly accepts: Accept | undefined
}

/**
 * What can be asked of an index: its reading side. It sees what is applied, as it is at the moment
 * of each look.
 */
export abstract class IndexReader<Metadata = JsonValue> {
  readonly #catalog: Catalog
  readonly #index: VectorIndex

  /** @internal */
  constructor({ catalog, index }: IndexState) {
    this.#catalog = catalog
    this.#index = index
  }

  /** @throws WALV_CLOSED, WALV_POISONED */
  protected abstract needOpen(): void

  get size(): number {
    return this.#catalog.size
  }

  get dimensions(): number {
    return this.#index.dimensions
  }

  get metric(): Metric {
    return this.#index.metric
  }

  /** @throws WALV_CLOSED */
  has(id: string): boolean {
    this.needOpen()
    return typeof id === 'string' && this.#catalog.has(id)
  }

  /** @throws WALV_CLOSED */
  get(id: string): StoredVector<Metadata> | undefined {
    this.needOpen()
    const entry = typeof id === 'string' ? this.#catalog.get(id) : undefined
    return entry && this.#stored(entry)
  }

  /** What `get` answers for each id, in their order. */
  getMany(ids: Iterable<string>): (StoredVector<Metadata> | undefined)[] {
    this.needOpen()
    return Array.from(ids, (id) => this.get(id))
  }

  /** In the order in which they were inserted. While the index changes, as `entries`. */
  ids(): IterableIterator<string> {
    this.needOpen()
    return this.#catalog.ids()
  }

  /**
   * Every id with its vector and metadata, in the order in which the ids were inserted:
   * `new Map(index.entries())`. The index may change meanwhile, as a `Map` may: each entry is as it
   * is when it is reached, what is removed before is left out, and what is inserted comes at the
   * end; an id that is removed and inserted again may come twice.
   */
  entries(): IterableIterator<[id: string, stored: StoredVector<Metadata>]> {
    this.needOpen()
    return this.#entries()
  }

  *#entries(): Generator<[id: string, stored: StoredVector<Metadata>], void, void> {
    for (const entry of this.#catalog.entries()) yield [entry.id, this.#stored(entry)]
  }

  /**
   * How many entries a filter takes; without one, all. Looks at every entry, in one step.
   * @throws WALV_INVALID_OPTION, WALV_LIMIT, WALV_CLOSED
   */
  async count(filter?: Filter<Metadata> | FilterFunction<Metadata>): Promise<number> {
    this.needOpen()
    return filter === undefined ? this.size : this.idsThatPass(acceptorOf(filter)).length
  }

  /** @internal The number of an id's last change; null where it is not there. */
  protected seqOf(id: string): number | null {
    return this.#catalog.seqOf(id) ?? null
  }

  /** @internal */
  protected idsThatPass(accepts: Accept): string[] {
    const passing: string[] = []
    for (const { id, metadata } of this.#catalog.filtered()) if (accepts(metadata, id)) passing.push(id)
    return passing
  }

  /**
   * The nearest vectors, nearest first.
   * @throws WALV_INVALID_VECTOR, WALV_INVALID_OPTION, WALV_LIMIT, WALV_CLOSED
   */
  async search(query: VectorInput, options: SearchOptions<Metadata> = {}): Promise<Hit<Metadata>[]> {
    this.needOpen()
    const request = requestOf('search', options)
    return this.#nearest(this.#queryOf(query, 'the query'), request)
  }

  /**
   * What is nearest to the vector of an id, without that id itself.
   * @throws WALV_NOT_FOUND, WALV_INVALID_ID, and what `search` throws
   */
  async searchById(id: string, options: SearchOptions<Metadata> = {}): Promise<Hit<Metadata>[]> {
    this.needOpen()
    const request = requestOf('searchById', options)
    if (typeof id !== 'string')
      throw new WalError('WALV_INVALID_ID', `An id must be a string, not ${echo(id)}.`)
    const entry = this.#catalog.get(id)
    if (entry === undefined)
      throw new WalError('WALV_NOT_FOUND', `There is no ${echo(id)} to search by.`, { id })
    return this.#nearest(this.#queryOf(this.#index.get(entry.label), id), request, entry)
  }

  /**
   * The answers of `search` to several queries, in their order, with the same options. An index may
   * search them together, as `flat` does with up to 64 where it is large: several times as many a
   * second. Otherwise they are searched one after the other, each in what is there when its turn
   * comes. Other work has its turn meanwhile. All queries are checked before the first is searched.
   * @throws what `search` throws, with the place of the query
   */
  async searchMany(
    queries: readonly VectorInput[],
    options: SearchOptions<Metadata> = {},
  ): Promise<Hit<Metadata>[][]> {
    this.needOpen()
    const request = requestOf('searchMany', options)
    if (!Array.isArray(queries))
      throw new WalError(
        'WALV_INVALID_VECTOR',
        `The queries must be an array of vectors, not ${echo(queries)}.`,
      )
    // Copies: what the caller does with them meanwhile changes no answer.
    const vectors = Array.from(queries, (query, at) => this.#queryOf(query, `query ${at}`).slice())
    return this.#index.searchMany ? this.#together(vectors, request) : this.#inTurn(vectors, request)
  }

  async #together(vectors: readonly Float32Array[], request: Request): Promise<Hit<Metadata>[][]> {
    const entryOf = this.#lookup(request)
    const accept = request.accepts && ((label: number): boolean => entryOf(label) !== undefined)
    const found = await this.#index.searchMany!(vectors, request.k, accept)
    return found.map((neighbours) => hitsOf(neighbours, entryOf))
  }

  async #inTurn(vectors: readonly Float32Array[], request: Request): Promise<Hit<Metadata>[][]> {
    const answers: Hit<Metadata>[][] = []
    for (const vector of vectors) {
      answers.push(await this.#nearest(vector, request))
      // What else waits has its turn between two searches.
      if (answers.length < vectors.length) await nextTurn()
    }
    return answers
  }

  #queryOf(query: VectorInput, what: string): Float32Array {
    return checkedQuery(ownVector(query, what), this.#index, what, true)
  }

  async #nearest(vector: Float32Array, request: Request, except?: CatalogEntry): Promise<Hit<Metadata>[]> {
    const entryOf = this.#lookup(request, except)
    const accept =
      request.accepts || except ? (label: number): boolean => entryOf(label) !== undefined : undefined
    return hitsOf(await this.#index.search(vector, request.k, accept), entryOf)
  }

  /** Finds the entry of a label, if it is one that is asked for. */
  #lookup({ accepts }: Request, except?: CatalogEntry): Lookup {
    // An engine that answers later may ask about, and name, what was removed or changed meanwhile.
    return (label) => {
      if (label === except?.label) return undefined
      const entry = accepts ? this.#catalog.filteredByLabel(label) : this.#catalog.byLabel(label)
      return entry && (!accepts || accepts(entry.metadata, entry.id)) ? entry : undefined
    }
  }

  #stored({ label, metadata, seq }: CatalogEntry): StoredVector<Metadata> {
    return { vector: this.#index.get(label), metadata: metadata as Metadata, seq }
  }
}

type Lookup = (label: number) => CatalogEntry | undefined

const hitsOf = <Metadata>(neighbours: readonly Neighbour[], entryOf: Lookup): Hit<Metadata>[] =>
  neighbours.flatMap(({ label, distance }) => {
    const entry = entryOf(label)
    return entry ? [{ id: entry.id, distance, metadata: entry.metadata as Metadata }] : []
  })

/** @throws WALV_INVALID_OPTION, WALV_LIMIT */
function requestOf<Metadata>(call: string, options: SearchOptions<Metadata>): Request {
  checkOptions(call, options, SEARCH_OPTIONS)
  const { k = 10, filter } = options
  return { k: wholeNumber('k', k, 1), accepts: filter === undefined ? undefined : acceptorOf(filter) }
}
