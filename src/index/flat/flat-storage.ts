import { assert } from '../../errors.ts'
import { allocate, release } from '../kernel/arena.ts'
import { scratchAddress } from '../kernel/kernel.ts'
import type { Metric } from '../vector-index.ts'
import { chunkAt, chunkBytes, type OwnChunk, rowsPerChunk } from './chunk.ts'
import { squaredNorm } from './distance.ts'
import { scaleOf } from './screen.ts'

/**
 * Labelled vectors in contiguous slots 0 … count − 1, in chunks of equal size. Every chunk is full
 * except the last, and none is empty, so memory follows `count` down as well as up.
 */
export class FlatStorage {
  readonly dimensions: number
  readonly rowsPerChunk: number
  readonly #metric: Metric
  readonly #chunks: OwnChunk[] = []
  readonly #frozen = new Set<FrozenRows>()
  /** Of each search under way in other threads, the slots that were written since. */
  readonly #watches = new Set<Set<number>>()
  #count = 0

  constructor(dimensions: number, metric: Metric) {
    this.dimensions = dimensions
    this.#metric = metric
    this.rowsPerChunk = rowsPerChunk(dimensions)
  }

  get count(): number {
    return this.#count
  }

  get chunks(): readonly OwnChunk[] {
    return this.#chunks
  }

  /** How many rows of a chunk are in use. */
  rowsIn(chunk: number): number {
    return Math.min(this.rowsPerChunk, this.#count - chunk * this.rowsPerChunk)
  }

  chunkOf(slot: number): OwnChunk {
    return this.#chunks[Math.floor(slot / this.rowsPerChunk)]!
  }

  /** Adds a row at the end; returns its slot. */
  append(label: number, vector: Float32Array): number {
    const slot = this.#count
    if (slot === this.#chunks.length * this.rowsPerChunk) this.#chunks.push(this.#emptyChunk())
    this.write(slot, label, vector)
    this.#count++
    return slot
  }

  /**
   * Where the vectors of the next chunk go, when all before are full: whoever writes them there
   * calls `adopt` for each.
   */
  nextChunk(): OwnChunk {
    assert(this.#count % this.rowsPerChunk === 0, 'the chunk before is not full')
    const chunk = this.#emptyChunk()
    this.#chunks.push(chunk)
    return chunk
  }

  /** Counts a row whose vector is there already; returns its slot. */
  adopt(label: number): number {
    const slot = this.#count++
    const chunk = this.chunkOf(slot)
    const row = slot % this.rowsPerChunk
    chunk.labels[row] = label
    chunk.scales[row] = this.#scaleOf(chunk, row)
    return slot
  }

  write(slot: number, label: number, vector: Float32Array): void {
    assert(
      vector.length === this.dimensions,
      `a vector of ${vector.length} in an index of ${this.dimensions} dimensions`,
    )
    const chunk = this.chunkOf(slot)
    const row = slot % this.rowsPerChunk
    if (this.#frozen.size > 0) for (const frozen of this.#frozen) frozen.preserve(slot, chunk)
    if (this.#watches.size > 0) for (const written of this.#watches) written.add(slot)
    chunk.labels[row] = label
    chunk.vectors.set(vector, row * this.dimensions)
    chunk.scales[row] = this.#scaleOf(chunk, row)
  }

  #scaleOf({ block, vectors, vectorsAddress }: OwnChunk, row: number): number {
    if (this.#metric === 'l2') return 0
    const { dimensions } = this
    const at = row * dimensions
    if (block.region === undefined)
      return scaleOf(this.#metric, squaredNorm(vectors.subarray(at, at + dimensions)))
    const address = vectorsAddress + at * Float32Array.BYTES_PER_ELEMENT
    block.region.kernel.innerProducts(address, address, 1, dimensions, scratchAddress(0))
    return scaleOf(this.#metric, block.region.sum[0]!)
  }

  /** Notes the slots that are written from now on, until `unwatch`. */
  watch(): Set<number> {
    const written = new Set<number>()
    this.#watches.add(written)
    return written
  }

  unwatch(written: Set<number>): void {
    this.#watches.delete(written)
  }

  /** A copy, bit for bit. */
  read(slot: number): Float32Array {
    return vectorIn(this.chunkOf(slot), slot % this.rowsPerChunk, this.dimensions)
  }

  /** The row itself. */
  view(slot: number): Float32Array {
    const at = (slot % this.rowsPerChunk) * this.dimensions
    return this.chunkOf(slot).vectors.subarray(at, at + this.dimensions)
  }

  /**
   * Removes a row by moving the last one into its slot; returns the label that moved, or
   * `undefined` if none had to.
   */
  remove(slot: number): number | undefined {
    const last = this.#count - 1
    const moved = last === slot ? undefined : this.#move(last, slot)
    this.#count--
    if (last % this.rowsPerChunk === 0) this.#drop(this.#chunks.pop()!)
    return moved
  }

  /** Lets go of all rows; it is not used any more. */
  clear(): void {
    for (const chunk of this.#chunks.splice(0)) this.#drop(chunk)
    this.#count = 0
  }

  /** What somebody still reads is given back when nobody refers to it any more. */
  #drop({ block }: OwnChunk): void {
    if (this.#frozen.size === 0 && this.#watches.size === 0) release(block)
  }

  /**
   * The rows as they are now, until `release`. Costs one step a chunk; then every row that changes
   * costs one copy of its old vector.
   */
  freeze(): FrozenRows {
    const frozen = new FrozenRows(this.#chunks.slice(), this.#count, this.rowsPerChunk, this.dimensions)
    this.#frozen.add(frozen)
    return frozen
  }

  release(frozen: FrozenRows): void {
    this.#frozen.delete(frozen)
  }

  /** Whether `frozen` is not yet released. */
  holds(frozen: FrozenRows): boolean {
    return this.#frozen.has(frozen)
  }

  #move(from: number, to: number): number {
    const label = this.chunkOf(from).labels[from % this.rowsPerChunk]!
    this.write(to, label, this.read(from))
    return label
  }

  #emptyChunk(): OwnChunk {
    const block = allocate(chunkBytes(this.dimensions))
    return { block, ...chunkAt(block.buffer, block.address, this.dimensions) }
  }
}

/**
 * The rows of one moment, while the storage goes on changing: the chunks of that moment, which the
 * storage still writes to, and the old content of every row that was written since. Preserving rows
 * and not whole chunks keeps the cost of a change the same with and without a frozen view.
 */
export class FrozenRows {
  readonly count: number
  readonly #chunks: readonly OwnChunk[]
  readonly #rowsPerChunk: number
  readonly #dimensions: number
  readonly #overwritten = new Map<number, { readonly label: number; readonly vector: Float32Array }>()

  constructor(chunks: readonly OwnChunk[], count: number, rowsPerChunk: number, dimensions: number) {
    this.#chunks = chunks
    this.count = count
    this.#rowsPerChunk = rowsPerChunk
    this.#dimensions = dimensions
  }

  /** To be called before the row of `slot` in `chunk` is written. */
  preserve(slot: number, chunk: OwnChunk): void {
    // A chunk that is not the frozen one was made later, in the place of one that the storage
    // dropped.
    if (this.#chunkOf(slot) !== chunk || this.#overwritten.has(slot)) return
    const row = slot % this.#rowsPerChunk
    this.#overwritten.set(slot, { label: chunk.labels[row]!, vector: vectorIn(chunk, row, this.#dimensions) })
  }

  label(slot: number): number {
    return this.#overwritten.get(slot)?.label ?? this.#chunkOf(slot).labels[slot % this.#rowsPerChunk]!
  }

  /**
   * The vectors side by side, in blocks of at most 1 MiB. A block is valid until the next is asked
   * for.
   */
  *vectors(): Generator<Float32Array> {
    const block = new Float32Array(this.#rowsPerChunk * this.#dimensions)
    for (const [number, chunk] of this.#chunks.entries()) {
      const first = number * this.#rowsPerChunk
      const rows = Math.min(this.#rowsPerChunk, this.count - first)
      block.set(chunk.vectors)
      for (let row = 0; row < rows; row++) {
        const overwritten = this.#overwritten.get(first + row)
        if (overwritten) block.set(overwritten.vector, row * this.#dimensions)
      }
      yield block.subarray(0, rows * this.#dimensions)
    }
  }

  #chunkOf(slot: number): OwnChunk {
    return this.#chunks[Math.floor(slot / this.#rowsPerChunk)]!
  }
}

/**
 * Between arrays of one element type `slice` and `set` copy bytes, so the payload of a NaN
 * survives.
 */
function vectorIn(chunk: OwnChunk, row: number, dimensions: number): Float32Array {
  return chunk.vectors.slice(row * dimensions, (row + 1) * dimensions)
}
