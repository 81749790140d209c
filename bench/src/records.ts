/** Seeded, so that every run and every peer has the same vectors. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return state / 2 ** 31
  }
}

/** Vectors of random numbers in one piece of memory each. */
export function randomVectors(count: number, dimensions: number, seed = 1): Float32Array[] {
  const random = randomNumbers(seed)
  return Array.from({ length: count }, () => Float32Array.from({ length: dimensions }, random))
}

/** How many different vectors are appended, over and over. */
const VECTORS = 1024

/** Made before anything is measured. Ids are all different; vectors repeat. */
export class Records {
  readonly ids: readonly string[]
  readonly #vectors: readonly Float32Array[]

  constructor(count: number, dimensions: number) {
    this.ids = Array.from({ length: count }, (_, i) => `doc-${i}`)
    this.#vectors = randomVectors(VECTORS, dimensions)
  }

  /** They repeat, too, when there are no more. */
  id(n: number): string {
    return this.ids[n % this.ids.length]!
  }

  vector(n: number): Float32Array {
    return this.#vectors[n % VECTORS]!
  }

  vectors(first: number, count: number): Float32Array[] {
    return Array.from({ length: count }, (_, i) => this.vector(first + i))
  }
}
