import { inspect } from 'node:util'
import { assert, WalError } from '../errors.ts'
import { MAX_DIMENSIONS } from '../limits.ts'
import { measure } from './distance.ts'
import { decodeSnapshot, encodeSnapshot, SNAPSHOT_FILE } from './flat-snapshot.ts'
import { FlatStorage } from './flat-storage.ts'
import { TopK } from './top-k.ts'
import type { FrozenIndex, Metric, Neighbour, SnapshotReader, SnapshotWriter, VectorIndex } from './vector-index.ts'

export interface FlatOptions {
  /** Elements of every vector: an integer from 0 to 65 535. */
  readonly dimensions: number
  /** Default `cosine`. */
  readonly metric?: Metric
  /** Whether vectors may hold NaN or infinities. Default `false`. */
  readonly allowNonFinite?: boolean
}

/**
 * The built-in exact index: compares the query with every vector, so it always finds the true nearest, in time that grows with the number of
 * vectors. Memory: 4 bytes an element, 16 bytes a vector and its entry in a `Map`, in chunks of 1 MiB that are released as vectors are removed.
 *
 * Distances are computed in double precision and do not depend on what else the index holds. Under `cosine` a vector with the same bits as the query
 * is at exactly 0, and where one of the two is all zeros the distance is 1. With `allowNonFinite` a vector that holds NaN is at distance NaN, and so
 * is one that holds an infinity under `cosine`; under `l2` that is at infinity, under `ip` at an infinity or NaN. NaN comes after every number.
 *
 * Freezing takes one step a chunk and copies no vector. Until the frozen state is released, the first change of each vector keeps a copy of the old
 * one, and removed memory stays.
 *
 * Throws `WALV_INVALID_OPTION`. Loading a snapshot written with other options, or one that is not whole, throws `WALV_INDEX_MISMATCH` and leaves
 * the index empty.
 */
export function flat(options: FlatOptions): VectorIndex {
  const { dimensions, metric = 'cosine', allowNonFinite = false, ...unknown } = options
  for (const name of Object.keys(unknown)) throw new WalError('WALV_INVALID_OPTION', `flat: there is no option ${name}`)
  if (!Number.isInteger(dimensions) || dimensions < 0 || dimensions > MAX_DIMENSIONS) {
    throw invalidOption('dimensions', dimensions, `an integer from 0 to ${MAX_DIMENSIONS}`)
  }
  if (!METRICS.includes(metric)) throw invalidOption('metric', metric, `one of ${METRICS.join(', ')}`)
  if (typeof allowNonFinite !== 'boolean') throw invalidOption('allowNonFinite', allowNonFinite, 'true or false')
  return new FlatIndex(dimensions, metric, allowNonFinite)
}

const METRICS: readonly Metric[] = ['cosine', 'l2', 'ip']

class FlatIndex implements VectorIndex {
  readonly kind = 'flat'
  readonly dimensions: number
  readonly metric: Metric
  readonly acceptsNonFinite: boolean
  #storage: FlatStorage
  /** The slot of every label; as many as the storage counts. */
  #slots = new Map<number, number>()
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
    assert(query.length === this.dimensions, `a query of ${query.length} in an index of ${this.dimensions} dimensions`)
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

  async load(files: SnapshotReader): Promise<void> {
    assert(this.size === 0, 'a snapshot is loaded into an index that is not empty')
    const storage = this.#emptyStorage()
    const slots = new Map<number, number>()
    await decodeSnapshot(files.read(SNAPSHOT_FILE), this, storage.rowsPerChunk, (label, vector) => {
      if (slots.has(label)) return false
      slots.set(label, storage.append(label, vector))
      return true
    })
    this.#storage = storage
    this.#slots = slots
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
function select(labels: Float64Array, count: number, accept: (label: number) => boolean, rows: Int32Array): number {
  let accepted = 0
  for (let row = 0; row < count; row++) if (accept(labels[row]!)) rows[accepted++] = row
  return accepted
}

function invalidOption(name: string, value: unknown, accepted: string): WalError {
  const problem = `flat: option ${name} must be ${accepted}, and it is ${inspect(value, { depth: 0 })}`
  return new WalError('WALV_INVALID_OPTION', problem)
}
