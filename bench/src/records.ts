import type { Metadata } from './peers/peer.ts'

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
  return Array.from({ length: count }, () => {
    const vector = new Float32Array(dimensions)
    for (let i = 0; i < dimensions; i++) vector[i] = random()
    return vector
  })
}

/** How many different vectors are appended, over and over. */
const VECTORS = 1024
/** Numbers that distinct vectors are cut out of, at another place each. */
const POOL = 1 << 22
/** Prime, and so is no divisor of the places there are: as many vectors as places. */
const STRIDE = 1_000_003
const METADATA_RECORDS = 1000

export interface RecordOptions {
  /** Nearly no vector is there twice: what a graph takes longest with are equal ones. */
  readonly areDistinct?: boolean
  /** Each has some small metadata. */
  readonly haveMetadata?: boolean
}

/** Made before anything is measured. Ids are all different; vectors repeat unless it is asked. */
export class Records {
  readonly ids: readonly string[]
  readonly #dimensions: number
  readonly #vectors: readonly Float32Array[]
  readonly #pool: Float32Array | undefined
  readonly #metadata: readonly Metadata[] | undefined

  constructor(count: number, dimensions: number, { areDistinct, haveMetadata }: RecordOptions = {}) {
    this.ids = Array.from({ length: count }, (_, i) => `doc-${i}`)
    this.#dimensions = dimensions
    this.#vectors = areDistinct ? [] : randomVectors(VECTORS, dimensions)
    this.#pool = areDistinct ? randomVectors(1, POOL)[0] : undefined
    this.#metadata = haveMetadata
      ? Array.from({ length: METADATA_RECORDS }, (_, n) => ({
          title: `title ${n}`,
          page: n % 100,
          draft: false,
        }))
      : undefined
  }

  /** They repeat, too, when there are no more. */
  id(n: number): string {
    return this.ids[n % this.ids.length]!
  }

  vector(n: number): Float32Array {
    if (this.#pool === undefined) return this.#vectors[n % VECTORS]!
    const at = (n * STRIDE) % (POOL - this.#dimensions)
    return this.#pool.subarray(at, at + this.#dimensions)
  }

  vectors(first: number, count: number): Float32Array[] {
    return Array.from({ length: count }, (_, i) => this.vector(first + i))
  }

  /** Undefined where records have none. */
  metadata(n: number): Metadata | undefined {
    return this.#metadata?.[n % METADATA_RECORDS]
  }

  metadataOf(first: number, count: number): Metadata[] | undefined {
    return this.#metadata && Array.from({ length: count }, (_, i) => this.metadata(first + i)!)
  }
}
