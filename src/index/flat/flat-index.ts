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
import { measure } from './distance.ts'
import { decodeSnapshot, encodeSnapshot, SNAPSHOT_FILE } from './flat-snapshot.ts'
import { FlatStorage } from './flat-storage.ts'
import { TopK } from './top-k.ts'

/** What `flat` makes; see there. */
export class FlatIndex implements VectorIndex {
  readonly kind = 'flat'
  readonly dimensions: number
  readonly metric: Metric
  readonly acceptsNonFinite: boolean
  #storage: FlatStorage
  /** The slot of every label; as many as the storage counts. */
  #slots = new LabelMap<number>()
  readonly #allRows: Int32Array

  constructor(dimensions: number, metric: Metric, acceptsNonFinite: boolean) {
    this.dimensions = dimensions
    this.metric = metric
    this.acceptsNonFinite = acceptsNonFinite
    this.#storage = this.#emptyStorage()
    this.#allRows = Int32Array.from({ length: this.#storage.rowsPerChunk }, (_, row) => row)
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

  search(query: Float32Array, k: number, accept?: (label: number) => boolean): Neighbour[] {
    assert(
      query.length === this.dimensions,
      `a query of ${query.length} in an index of ${this.dimensions} dimensions`,
    )
    if (k === 0) return []
    const storage = this.#storage
    const nearest = new TopK(Math.min(k, storage.count))
    const accepted = new Int32Array(accept ? storage.rowsPerChunk : 0)
    const distances = new Float64Array(storage.rowsPerChunk + 1)
    for (const [number, chunk] of storage.chunks.entries()) {
      let rows = this.#allRows
      let count = storage.rowsIn(number)
      if (accept) {
        count = select(chunk.labels, count, accept, accepted)
        rows = accepted
      }
      measure(this.metric, query, chunk, rows, count, distances)
      for (let i = 0; i < count; i++) {
        if (!(distances[i]! > nearest.limit)) nearest.offer(distances[i]!, chunk.labels[rows[i]!]!)
      }
    }
    return nearest.neighbours()
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
    const nearest = new TopK(Math.min(k, labels.length))
    const row = new Int32Array(1)
    const distance = new Float64Array(2)
    for (const label of labels) {
      const slot = this.#slotOf(label)
      row[0] = slot % this.#storage.rowsPerChunk
      measure(this.metric, query, this.#storage.chunkOf(slot), row, 1, distance)
      nearest.offer(distance[0]!, label)
    }
    return nearest.neighbours()
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
    await decodeSnapshot(files.read(SNAPSHOT_FILE), this, work, (label, vector) => {
      if (slots.has(label)) return false
      slots.set(label, storage.append(label, vector))
      return true
    })
    this.#storage = storage
    this.#slots = slots
  }

  clear(): void {
    this.#storage = this.#emptyStorage()
    this.#slots = new LabelMap<number>()
  }

  #emptyStorage(): FlatStorage {
    return new FlatStorage(this.dimensions, this.metric === 'cosine')
  }

  #slotOf(label: number): number {
    const slot = this.#slots.get(label)
    assert(slot !== undefined, `label ${label} is not in the index`)
    return slot
  }
}

/** Lists the rows whose labels are accepted; returns how many. */
function select(
  labels: Float64Array,
  count: number,
  accept: (label: number) => boolean,
  rows: Int32Array,
): number {
  let accepted = 0
  for (let row = 0; row < count; row++) if (accept(labels[row]!)) rows[accepted++] = row
  return accepted
}
