import { nextTurn } from '../../clock.ts'
import { assert } from '../../errors.ts'
import type { SnapshotWriter } from '../../log/log.ts'
import { LabelMap } from '../label-map.ts'
import type {
  FrozenIndex,
  LongWork,
  Metric,
  Neighbour,
  SnapshotReader,
  VectorIndex,
} from '../vector-index.ts'
import { decodeSnapshot, encodeSnapshot, SNAPSHOT_FILE } from './flat-snapshot.ts'
import { FlatStorage } from './flat-storage.ts'
import { LargeSearch } from './large-search.ts'
import { Scan } from './scan.ts'

/** Vectors of more bytes are not searched in one step: that would take a millisecond and more. */
const LARGE_BYTES = 8 * 1024 * 1024

/** So many queries are searched in one pass over the memory. */
const MOST_TOGETHER = 64

/** So many rows side by side are worth asking for bounds. */
const LEAST_RUN = 4

/** What `flat` makes; see there. */
export class FlatIndex implements VectorIndex {
  readonly kind = 'flat'
  readonly dimensions: number
  readonly metric: Metric
  readonly acceptsNonFinite: boolean
  #storage: FlatStorage
  /** The slot of every label; as many as the storage counts. */
  #slots = new LabelMap<number>()

  constructor(dimensions: number, metric: Metric, acceptsNonFinite: boolean) {
    this.dimensions = dimensions
    this.metric = metric
    this.acceptsNonFinite = acceptsNonFinite
    this.#storage = this.#emptyStorage()
  }

  get size(): number {
    return this.#slots.size
  }

  set(label: number, vector: Float32Array): void {
    const slot = this.#slots.get(label)
    if (slot === undefined) this.#slots.set(label, this.#storage.append(label, vector))
    else this.#storage.write(slot, label, vector)
  }

  remove(label: number): void {
    const slot = this.#slotOf(label)
    const moved = this.#storage.remove(slot)
    this.#slots.delete(label)
    if (moved !== undefined) this.#slots.set(moved, slot)
  }

  get(label: number): Float32Array {
    return this.#storage.read(this.#slotOf(label))
  }

  peek(label: number): Float32Array {
    return this.#storage.view(this.#slotOf(label))
  }

  /** Answers at once where the index is small, and otherwise without stopping the process. */
  search(
    query: Float32Array,
    k: number,
    accept?: (label: number) => boolean,
  ): Neighbour[] | Promise<Neighbour[]> {
    assert(
      query.length === this.dimensions,
      `a query of ${query.length} in an index of ${this.dimensions} dimensions`,
    )
    if (k === 0) return []
    if (!this.#isLarge) return this.#searchAtOnce(query, k, accept)
    return this.#searchLarge([query.slice()], k, accept).then(([answer]) => answer!)
  }

  get #isLarge(): boolean {
    return this.size * (this.dimensions + 1) * Float32Array.BYTES_PER_ELEMENT > LARGE_BYTES
  }

  #searchAtOnce(query: Float32Array, k: number, accept?: (label: number) => boolean): Neighbour[] {
    const storage = this.#storage
    const scan = new Scan(this.metric, query, Math.min(k, storage.count), 0)
    for (const [number, chunk] of storage.chunks.entries())
      scan.rows(chunk.block.region, chunk, 0, storage.rowsIn(number), accept)
    return scan.nearest.neighbours()
  }

  /** The same for several queries. */
  async searchMany(
    queries: readonly Float32Array[],
    k: number,
    accept?: (label: number) => boolean,
  ): Promise<Neighbour[][]> {
    const own = queries.map((query) => query.slice())
    const answers: Neighbour[][] = []
    while (answers.length < own.length) {
      if (answers.length > 0) await nextTurn()
      const rest = own.slice(answers.length)
      if (k > 0 && this.#isLarge)
        answers.push(...(await this.#searchLarge(rest.slice(0, MOST_TOGETHER), k, accept)))
      else answers.push(await this.search(rest[0]!, k, accept))
    }
    return answers
  }

  /**
   * Several queries of the caller's own, as the index is at the end of the search.
   */
  async #searchLarge(
    queries: readonly Float32Array[],
    k: number,
    accept?: (label: number) => boolean,
  ): Promise<Neighbour[][]> {
    const storage = this.#storage
    const found = await new LargeSearch(storage, this.#slots, this.metric, queries, k).run(accept)
    if (this.#storage !== storage) return Promise.all(queries.map((query) => this.search(query, k, accept)))
    return found.map((neighbours, at) => neighbours ?? this.#searchAtOnce(queries[at]!, k, accept))
  }

  has(label: number): boolean {
    return this.#slots.has(label)
  }

  labels(): IterableIterator<number> {
    return this.#slots.keys()
  }

  /**
   * The `k` nearest of some labels, known ones, each given once: at the distances that `search`
   * gives, in its order.
   */
  rank(query: Float32Array, k: number, labels: readonly number[]): Neighbour[] {
    const scan = new Scan(this.metric, query, Math.min(k, labels.length), 0)
    const storage = this.#storage
    // Side by side they are ruled out together, and often they were set one after the other.
    const slots = Int32Array.from(labels, (label) => this.#slotOf(label)).sort()
    for (let at = 0; at < slots.length; ) {
      const first = slots[at]!
      const row = first % storage.rowsPerChunk
      let end = at + 1
      while (slots[end] === first + end - at && row + end - at < storage.rowsPerChunk) end++
      const chunk = storage.chunkOf(first)
      if (end - at < LEAST_RUN) for (let i = row; i < row + end - at; i++) scan.row(chunk, i)
      else scan.rows(chunk.block.region, chunk, row, end - at)
      at = end
    }
    return scan.nearest.neighbours()
  }

  freeze(): FrozenIndex {
    const { dimensions, metric } = this
    const storage = this.#storage
    const rows = storage.freeze()
    return {
      save: async (files: SnapshotWriter) => {
        assert(storage.holds(rows), 'a frozen index is saved after its release')
        await files.write(SNAPSHOT_FILE, encodeSnapshot(rows, dimensions, metric))
      },
      release: () => storage.release(rows),
    }
  }

  async load(files: SnapshotReader, work?: LongWork): Promise<void> {
    assert(this.size === 0, 'a snapshot is loaded into an index that is not empty')
    const storage = this.#emptyStorage()
    const slots = new LabelMap<number>()
    const add = (label: number): boolean => {
      if (slots.has(label)) return false
      slots.set(label, storage.adopt(label))
      return true
    }
    await decodeSnapshot(files.read(SNAPSHOT_FILE), this, work, add, () => storage.nextChunk())
    this.#storage = storage
    this.#slots = slots
  }

  clear(): void {
    this.#storage.clear()
    this.#storage = this.#emptyStorage()
    this.#slots = new LabelMap<number>()
  }

  #emptyStorage(): FlatStorage {
    return new FlatStorage(this.dimensions, this.metric)
  }

  #slotOf(label: number): number {
    const slot = this.#slots.get(label)
    assert(slot !== undefined, `label ${label} is not in the index`)
    return slot
  }
}
