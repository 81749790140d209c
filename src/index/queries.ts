import { nextTurn } from '../clock.ts'
import { echo } from '../echo.ts'
import type { VectorInput } from '../entry.ts'
import { WalError } from '../errors.ts'
import { wholeNumber } from '../log/options.ts'
import { checkOptions } from '../option-names.ts'
import type { Catalog, CatalogEntry } from './catalog.ts'
import { checkedQuery, ownVector } from './checked-change.ts'
import { type Hit, SEARCH_OPTIONS, type SearchOptions, type StoredVector } from './durable-index-types.ts'
import { type Accept, acceptorOf } from './filter/accept.ts'
import type { Filter, FilterFunction } from './filter/filter.ts'
import type { IndexState } from './index-state.ts'
import type { VectorIndex } from './vector-index.ts'

interface Request {
  readonly k: number
  readonly accepts: Accept | undefined
}

/** The reading side of an index: what is applied, as it is at the moment of each look. */
export class Queries<Metadata> {
  readonly #catalog: Catalog
  readonly #index: VectorIndex

  constructor({ catalog, index }: IndexState) {
    this.#catalog = catalog
    this.#index = index
  }

  get(id: string): StoredVector<Metadata> | undefined {
    const entry = this.#catalog.get(id)
    return entry && this.#stored(entry)
  }

  getMany(ids: Iterable<string>): (StoredVector<Metadata> | undefined)[] {
    return Array.from(ids, (id) => this.get(id))
  }

  *entries(): Generator<[id: string, stored: StoredVector<Metadata>], void, void> {
    for (const entry of this.#catalog.entries()) yield [entry.id, this.#stored(entry)]
  }

  count(filter: Filter<Metadata> | FilterFunction<Metadata> | undefined): number {
    return filter === undefined ? this.#catalog.size : this.idsThatPass(acceptorOf(filter)).length
  }

  idsThatPass(accepts: Accept): string[] {
    const passing: string[] = []
    for (const { id, metadata } of this.#catalog.entries()) if (accepts(metadata, id)) passing.push(id)
    return passing
  }

  async search(query: VectorInput, options: SearchOptions<Metadata>): Promise<Hit<Metadata>[]> {
    const request = requestOf('search', options)
    return this.#nearest(this.#queryOf(query, 'the query'), request)
  }

  async searchById(id: string, options: SearchOptions<Metadata>): Promise<Hit<Metadata>[]> {
    const request = requestOf('searchById', options)
    const entry = this.#catalog.get(id)
    if (entry === undefined) throw new WalError('WALV_NOT_FOUND', `There is no ${echo(id)} to search by.`, { id })
    return this.#nearest(this.#queryOf(this.#index.get(entry.label), id), request, entry)
  }

  async searchMany(queries: readonly VectorInput[], options: SearchOptions<Metadata>): Promise<Hit<Metadata>[][]> {
    const request = requestOf('searchMany', options)
    if (!Array.isArray(queries))
      throw new WalError('WALV_INVALID_VECTOR', `The queries must be an array of vectors, not ${echo(queries)}.`)
    const vectors = Array.from(queries, (query, at) => this.#queryOf(query, `query ${at}`))
    const answers: Hit<Metadata>[][] = []
    for (const vector of vectors) {
      answers.push(await this.#nearest(vector, request))
      // What else waits has its turn between two searches.
      if (answers.length < vectors.length) await nextTurn()
    }
    return answers
  }

  /** A copy: what a filter, or the caller meanwhile, does with the query changes no answer. */
  #queryOf(query: VectorInput, what: string): Float32Array {
    return checkedQuery(ownVector(query, what), this.#index, what, true)
  }

  async #nearest(vector: Float32Array, { k, accepts }: Request, except?: CatalogEntry): Promise<Hit<Metadata>[]> {
    // An engine that answers later may ask about, and name, what was removed or changed meanwhile.
    const entryOf = (label: number): CatalogEntry | undefined => {
      const entry = label === except?.label ? undefined : this.#catalog.byLabel(label)
      return entry && (!accepts || accepts(entry.metadata, entry.id)) ? entry : undefined
    }
    const accept = accepts || except ? (label: number): boolean => entryOf(label) !== undefined : undefined
    const neighbours = await this.#index.search(vector, k, accept)
    return neighbours.flatMap(({ label, distance }) => {
      const entry = entryOf(label)
      return entry ? [{ id: entry.id, distance, metadata: entry.metadata as Metadata }] : []
    })
  }

  #stored({ label, metadata }: CatalogEntry): StoredVector<Metadata> {
    return { vector: this.#index.get(label), metadata: metadata as Metadata }
  }
}

/** @throws WALV_INVALID_OPTION, WALV_LIMIT */
function requestOf<Metadata>(call: string, options: SearchOptions<Metadata>): Request {
  checkOptions(call, options, SEARCH_OPTIONS)
  const { k = 10, filter } = options
  return { k: wholeNumber('k', k, 1), accepts: filter === undefined ? undefined : acceptorOf(filter) }
}
