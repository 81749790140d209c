/**
 * Vectors as embeddings are: they seem to have many dimensions, and vary in few, so that a graph
 * finds what is near. Each is a function of its number, in every process.
 */
export class LatentVectors {
  readonly #dimensions: number
  readonly #directions: Float32Array

  constructor(dimensions: number) {
    this.#dimensions = dimensions
    const random = randomNumbers(7)
    this.#directions = Float32Array.from({ length: dimensions * LATENT }, random)
  }

  vector(n: number): Float32Array {
    const random = randomNumbers(n + 1)
    const place = Float32Array.from({ length: LATENT }, () => random() + random() + random())
    const vector = new Float32Array(this.#dimensions)
    for (let d = 0; d < this.#dimensions; d++) {
      let sum = NOISE * random()
      for (let i = 0; i < LATENT; i++) sum += place[i]! * this.#directions[d * LATENT + i]!
      vector[d] = sum
    }
    return vector
  }

  /** The numbers of the `k` nearest of the first `count` vectors, by cosine, for each query. */
  nearest(count: number, queries: readonly Float32Array[], k: number): number[][] {
    const found = queries.map(() => new Nearest(k))
    for (let n = 0; n < count; n++) {
      const vector = this.vector(n)
      const length = Math.sqrt(dot(vector, vector))
      for (const [i, query] of queries.entries()) found[i]!.offer(n, -dot(query, vector) / length)
    }
    return found.map(({ numbers }) => numbers)
  }
}

const LATENT = 16
const NOISE = 0.1

/** Mulberry32: neighbouring seeds have nothing in common. */
function randomNumbers(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) | 0) / 2 ** 31
  }
}

class Nearest {
  readonly numbers: number[] = []
  readonly #distances: number[] = []
  readonly #k: number

  constructor(k: number) {
    this.#k = k
  }

  offer(n: number, distance: number): void {
    if (this.numbers.length === this.#k && distance >= this.#distances.at(-1)!) return
    const behind = this.#distances.findIndex((other) => distance < other)
    const at = behind < 0 ? this.numbers.length : behind
    this.numbers.splice(at, 0, n)
    this.#distances.splice(at, 0, distance)
    this.numbers.length = Math.min(this.numbers.length, this.#k)
    this.#distances.length = this.numbers.length
  }
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
