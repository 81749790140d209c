import { assert } from '../errors.ts'
import { type Rows, squaredNorm } from './distance.ts'

/** Bytes of vectors in one chunk: what one copy-on-write copies, one piece of a snapshot holds, and an almost empty index takes. */
const CHUNK_BYTES = 1024 * 1024
/** Bounds a chunk's labels where vectors are short. */
const MAX_ROWS_PER_CHUNK = 4096

export interface Chunk extends Rows {
  readonly labels: Float64Array
  /** How many frozen views hold this chunk. While there is one, the chunk is never written: a writer replaces it by a copy. */
  readers: number
}

/** Rows as they were at one moment. Valid until `release`. */
export interface FrozenRows {
  readonly count: number
  readonly rowsPerChunk: number
  readonly chunks: readonly Chunk[]
  release(): void
}

/**
 * Labelled vectors in contiguous slots 0 … count − 1, in chunks of equal size. Every chunk is full except the last, and none is empty, so memory
 * follows `count` down as well as up.
 */
export class FlatStorage {
  readonly dimensions: number
  readonly rowsPerChunk: number
  readonly #keepsNorms: boolean
  readonly #chunks: Chunk[] = []
  #count = 0

  constructor(dimensions: number, keepsNorms: boolean) {
    this.dimensions = dimensions
    this.#keepsNorms = keepsNorms
    const rowBytes = Math.max(1, dimensions) * Float32Array.BYTES_PER_ELEMENT
    this.rowsPerChunk = Math.min(MAX_ROWS_PER_CHUNK, Math.floor(CHUNK_BYTES / rowBytes))
  }

  get count(): number {
    return this.#count
  }

  get chunks(): readonly Chunk[] {
    return this.#chunks
  }

  /** How many rows of a chunk are in use. */
  rowsIn(chunk: number): number {
    return rowsIn(this, chunk)
  }

  /** Adds a row at the end; returns its slot. */
  append(label: number, vector: Float32Array): number {
    const slot = this.#count
    if (slot === this.#chunks.length * this.rowsPerChunk) this.#chunks.push(this.#emptyChunk())
    this.write(slot, label, vector)
    this.#count++
    return slot
  }

  write(slot: number, label: number, vector: Float32Array): void {
    assert(
      vector.length === this.dimensions,
      `a vector of ${vector.length} in an index of ${this.dimensions} dimensions`,
    )
    const chunk = this.#writable(slot)
    const row = slot % this.rowsPerChunk
    chunk.labels[row] = label
    chunk.vectors.set(vector, row * this.dimensions)
    if (this.#keepsNorms) chunk.squaredNorms[row] = squaredNorm(vector)
  }

  /** A copy, bit for bit: between arrays of one element type bytes are copied, so NaN payloads survive. */
  read(slot: number): Float32Array {
    const start = (slot % this.rowsPerChunk) * this.dimensions
    return this.#chunkOf(slot).vectors.slice(start, start + this.dimensions)
  }

  /** Removes a row by moving the last one into its slot; returns the label that moved, or `undefined` if none had to. */
  remove(slot: number): number | undefined {
    const last = this.#count - 1
    const moved = last === slot ? undefined : this.#move(last, slot)
    this.#count--
    if (last % this.rowsPerChunk === 0) this.#chunks.pop()
    return moved
  }

  /** Costs one step a chunk and copies no vector; later changes copy each chunk they touch once. */
  freeze(): FrozenRows {
    const chunks = this.#chunks.slice()
    for (const chunk of chunks) chunk.readers++
    let released = false
    const release = (): void => {
      if (!released) for (const chunk of chunks) chunk.readers--
      released = true
    }
    return { count: this.#count, rowsPerChunk: this.rowsPerChunk, chunks, release }
  }

  #move(from: number, to: number): number {
    const row = from % this.rowsPerChunk
    const source = this.#chunkOf(from)
    const label = source.labels[row]!
    this.write(to, label, source.vectors.subarray(row * this.dimensions, (row + 1) * this.dimensions))
    return label
  }

  #chunkOf(slot: number): Chunk {
    return this.#chunks[Math.floor(slot / this.rowsPerChunk)]!
  }

  #writable(slot: number): Chunk {
    const chunk = this.#chunkOf(slot)
    if (chunk.readers === 0) return chunk
    const copy: Chunk = {
      labels: chunk.labels.slice(),
      vectors: chunk.vectors.slice(),
      squaredNorms: chunk.squaredNorms.slice(),
      readers: 0,
    }
    this.#chunks[Math.floor(slot / this.rowsPerChunk)] = copy
    return copy
  }

  #emptyChunk(): Chunk {
    return {
      labels: new Float64Array(this.rowsPerChunk),
      vectors: new Float32Array(this.rowsPerChunk * this.dimensions),
      squaredNorms: new Float64Array(this.#keepsNorms ? this.rowsPerChunk : 0),
      readers: 0,
    }
  }
}

/** How many rows of chunk number `chunk` are in use, when all before it are full. */
export function rowsIn(rows: { readonly count: number; readonly rowsPerChunk: number }, chunk: number): number {
  return Math.min(rows.rowsPerChunk, rows.count - chunk * rows.rowsPerChunk)
}
