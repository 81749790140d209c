import { allocate, type Block } from '../kernel/arena.ts'

/** Memory that is asked for at a time, and how many vectors are made of it at most. */
const SLAB_BYTES = 256 * 1024
const MAX_SLAB_VECTORS = 1_024
/** In all. What is on its way beyond that has memory of its own. */
const MAX_BYTES = 16 * 1024 * 1024

/**
 * Memory for copies of vectors that live as long as a change is on its way. An allocation for each
 * would be memory outside of the heap, which costs more than the copy.
 */
export class VectorPool {
  readonly #dimensions: number
  readonly #free: Float32Array[] = []
  /** Held as long as the pool is, and found by the memory that its vectors are views of. */
  readonly #slabs = new Map<ArrayBufferLike, Block[]>()
  #bytes = 0

  constructor(dimensions: number) {
    this.#dimensions = dimensions
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

  /** Whether all elements are finite of a vector that was taken here. */
  isFinite(vector: Float32Array): boolean {
    const region = this.#slabs.get(vector.buffer)?.[0]!.region
    return region
      ? region.kernel.allFinite(vector.byteOffset, vector.length) === 1
      : vector.every(Number.isFinite)
  }

  #addSlab(): void {
    const bytes = this.#dimensions * Float32Array.BYTES_PER_ELEMENT
    const block = allocate(Math.max(bytes, SLAB_BYTES))
    const slabs = this.#slabs.get(block.buffer)
    if (slabs) slabs.push(block)
    else this.#slabs.set(block.buffer, [block])
    this.#bytes += block.bytes
    const count = Math.min(MAX_SLAB_VECTORS, Math.floor(block.bytes / Math.max(1, bytes)))
    for (let at = 0; at < count; at++)
      this.#free.push(new Float32Array(block.buffer, block.address + at * bytes, this.#dimensions))
  }
}
