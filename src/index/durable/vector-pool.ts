import { allocate, type Block } from '../kernel/arena.ts'

/** Memory that is asked for at a time, and how many vectors are made of it at most. */
const SLAB_BYTES = 256 * 1024
const MAX_SLAB_VECTORS = 1_024
/** In all. What is on its way beyond that has memory of its own. */
const MAX_BYTES = 16 * 1024 * 1024

/**
 * Memory for copies of vectors that live as long as a change is on its way. An allocation for each
 * would be memory outside of the heap, which costs more than the copy. It is not shared memory,
 * which is copied several times as slowly where it is not aligned, as in a record of the log.
 */
export class VectorPool {
  readonly #dimensions: number
  readonly #free: Float32Array[] = []
  readonly #slabs = new Set<ArrayBufferLike>()
  readonly #check: FiniteCheck
  #bytes = 0

  constructor(dimensions: number) {
    this.#dimensions = dimensions
    this.#check = new FiniteCheck(dimensions)
  }

  /** Its content is whatever was there. */
  take(): Float32Array {
    if (this.#free.length === 0 && this.#bytes < MAX_BYTES) this.#addSlab()
    return this.#free.pop() ?? new Float32Array(this.#dimensions)
  }

  /** Takes back what was taken here. One that never comes back is lost to the pool. */
  give(vector: Float32Array): void {
    if (this.#slabs.has(vector.buffer)) this.#free.push(vector)
  }

  /** Whether all elements of a vector are finite. */
  isFinite(vector: Float32Array): boolean {
    return this.#check.of(vector)
  }

  #addSlab(): void {
    const dimensions = this.#dimensions
    // Each begins at a multiple of 8 bytes.
    const stride = 2 * Math.max(1, Math.ceil(dimensions / 2)) * Float32Array.BYTES_PER_ELEMENT
    const count = Math.max(1, Math.min(MAX_SLAB_VECTORS, Math.floor(SLAB_BYTES / stride)))
    const slab = new ArrayBuffer(count * stride)
    this.#slabs.add(slab)
    this.#bytes += slab.byteLength
    for (let at = 0; at < count; at++) this.#free.push(new Float32Array(slab, at * stride, dimensions))
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
