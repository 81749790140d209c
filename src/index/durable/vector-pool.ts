import { allocate, type Block } from '../kernel/arena.ts'

/** Memory that is asked for at a time, and how many vectors are made of it at most. */
const SLAB_BYTES = 256 * 1024
const MAX_SLAB_VECTORS = 1_024
/** In all, of what is used again. What is on its way beyond that is forgotten with its slab. */
const MAX_BYTES = 16 * 1024 * 1024

/**
 * Memory for copies of vectors that live as long as a change is on its way. An allocation for each
 * would be memory outside of the heap, which costs more than the copy. It is not shared memory,
 * which is copied several times as slowly where it is not aligned, as in a record of the log.
 */
export class VectorPool {
  readonly #dimensions: number
  /** Each vector begins at a multiple of 8 bytes. */
  readonly #stride: number
  readonly #free: Float32Array[] = []
  /** Those whose vectors are used again. */
  readonly #kept = new Set<ArrayBufferLike>()
  readonly #check: FiniteCheck
  #keptBytes = 0
  /** The last slab, and where what was not yet given out of it begins. */
  #slab = new ArrayBuffer(0)
  #at = 0

  constructor(dimensions: number) {
    this.#dimensions = dimensions
    this.#stride = 2 * Math.max(1, Math.ceil(dimensions / 2)) * Float32Array.BYTES_PER_ELEMENT
    this.#check = new FiniteCheck(dimensions)
  }

  /** Its content is whatever was there. */
  take(): Float32Array {
    return this.#free.pop() ?? this.#next()
  }

  /** Takes back what was taken here. One that never comes back is lost to the pool. */
  give(vector: Float32Array): void {
    if (this.#kept.has(vector.buffer)) this.#free.push(vector)
  }

  /** Whether all elements of a vector are finite. */
  isFinite(vector: Float32Array): boolean {
    return this.#check.of(vector)
  }

  #next(): Float32Array {
    if (this.#at + this.#stride > this.#slab.byteLength) this.#addSlab()
    const vector = new Float32Array(this.#slab, this.#at, this.#dimensions)
    this.#at += this.#stride
    return vector
  }

  #addSlab(): void {
    const count = Math.max(1, Math.min(MAX_SLAB_VECTORS, Math.floor(SLAB_BYTES / this.#stride)))
    this.#slab = new ArrayBuffer(count * this.#stride)
    this.#at = 0
    if (this.#keptBytes >= MAX_BYTES) return
    this.#kept.add(this.#slab)
    this.#keptBytes += this.#slab.byteLength
  }
}

/** A copy and a look in SIMD are a fifth of a loop. */
class FiniteCheck {
  readonly #block: Block
  readonly #floats: Float32Array

  constructor(dimensions: number) {
    this.#block = allocate(dimensions * Float32Array.BYTES_PER_ELEMENT)
    this.#floats = new Float32Array(this.#block.buffer, this.#block.address, dimensions)
  }

  of(vector: Float32Array): boolean {
    const { region, address } = this.#block
    if (region === undefined) return vector.every(Number.isFinite)
    this.#floats.set(vector)
    return region.kernel.allFinite(address, vector.length) === 1
  }
}
