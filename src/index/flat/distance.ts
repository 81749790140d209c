import type { Metric } from '../vector-index.ts'

/**
 * The kernels of exact search. Every sum is kept in double precision and added in the order of the
 * elements, so a distance is the same bits wherever the vector lies and whatever else is searched
 * with it.
 *
 * Two rows at a time and four elements a step: sums that do not wait for each other, and each
 * element of the query loaded once for both.
 */

/** The distances of rows of vectors, side by side, to one query. */
export class Distances {
  readonly #metric: Metric
  readonly #query: Float32Array
  readonly #querySquaredNorm: number
  readonly #squaredNorms = new Float64Array(MAX_ROWS + 1)

  constructor(metric: Metric, query: Float32Array) {
    this.#metric = metric
    this.#query = query
    this.#querySquaredNorm = metric === 'cosine' ? squaredNorm(query) : 0
  }

  /**
   * Writes the distance of each of the first `count` listed rows, at most `MAX_ROWS`, into
   * `distances`, which needs room for `count` rounded up to even. `cosine` gives exactly 0 for a
   * vector with the same bits as the query, and 1 where either is all zeros. A row that holds NaN
   * has distance NaN; one that holds an infinity has NaN under `cosine`, infinity under `l2`, an
   * infinity or NaN under `ip`.
   */
  measure(vectors: Float32Array, rows: Int32Array, count: number, distances: Float64Array): void {
    const query = this.#query
    if (this.#metric === 'l2') {
      squaredDistances(query, vectors, rows, count, distances)
      return
    }
    if (this.#metric === 'ip') {
      innerProducts(query, vectors, rows, count, distances)
      for (let i = 0; i < count; i++) distances[i] = 1 - distances[i]!
      return
    }
    const squaredNorms = this.#squaredNorms
    innerProductsWithNorms(query, vectors, rows, count, distances, squaredNorms)
    for (let i = 0; i < count; i++) {
      // One root of the product, not a product of roots: the root of x² is x exactly. It can
      // neither overflow nor underflow in double precision.
      const scale = Math.sqrt(this.#querySquaredNorm * squaredNorms[i]!)
      distances[i] = scale === 0 ? 1 : 1 - distances[i]! / scale
    }
  }
}

/** How many rows are measured at a time. */
export const MAX_ROWS = 16

const firstRow = new Int32Array(1)
const sums = new Float64Array(2)

/**
 * The squared Euclidean length, bit for bit what `innerProducts` gives for the vector with itself.
 */
export function squaredNorm(vector: Float32Array): number {
  innerProducts(vector, vector, firstRow, 1, sums)
  return sums[0]!
}

/** Inner products with the query, and of each row with itself. */
function innerProductsWithNorms(
  query: Float32Array,
  vectors: Float32Array,
  rows: Int32Array,
  count: number,
  out: Float64Array,
  squaredNorms: Float64Array,
): void {
  const dimensions = query.length
  for (let r = 0; r < count; r += 2) {
    let p = Math.imul(rows[r]!, dimensions)
    let q = r + 1 < count ? Math.imul(rows[r + 1]!, dimensions) : p
    let a = 0
    let b = 0
    let aNorm = 0
    let bNorm = 0
    for (let i = 0; i < dimensions; i++, p++, q++) {
      const x = query[i]!
      const y = vectors[p]!
      const z = vectors[q]!
      a += x * y
      b += x * z
      aNorm += y * y
      bNorm += z * z
    }
    out[r] = a
    out[r + 1] = b
    squaredNorms[r] = aNorm
    squaredNorms[r + 1] = bNorm
  }
}

function innerProducts(
  query: Float32Array,
  vectors: Float32Array,
  rows: Int32Array,
  count: number,
  out: Float64Array,
): void {
  const dimensions = query.length
  const unrolled = dimensions - (dimensions % 4)
  for (let r = 0; r < count; r += 2) {
    let p = Math.imul(rows[r]!, dimensions)
    let q = r + 1 < count ? Math.imul(rows[r + 1]!, dimensions) : p
    let a = 0
    let b = 0
    let i = 0
    for (; i < unrolled; i += 4, p += 4, q += 4) {
      const x = query[i]!
      const y = query[i + 1]!
      const z = query[i + 2]!
      const w = query[i + 3]!
      a += x * vectors[p]!
      b += x * vectors[q]!
      a += y * vectors[p + 1]!
      b += y * vectors[q + 1]!
      a += z * vectors[p + 2]!
      b += z * vectors[q + 2]!
      a += w * vectors[p + 3]!
      b += w * vectors[q + 3]!
    }
    for (; i < dimensions; i++, p++, q++) {
      a += query[i]! * vectors[p]!
      b += query[i]! * vectors[q]!
    }
    out[r] = a
    out[r + 1] = b
  }
}

function squaredDistances(
  query: Float32Array,
  vectors: Float32Array,
  rows: Int32Array,
  count: number,
  out: Float64Array,
): void {
  const dimensions = query.length
  const unrolled = dimensions - (dimensions % 4)
  for (let r = 0; r < count; r += 2) {
    let p = Math.imul(rows[r]!, dimensions)
    let q = r + 1 < count ? Math.imul(rows[r + 1]!, dimensions) : p
    let a = 0
    let b = 0
    let i = 0
    for (; i < unrolled; i += 4, p += 4, q += 4) {
      const x = query[i]!
      const y = query[i + 1]!
      const z = query[i + 2]!
      const w = query[i + 3]!
      const ax = x - vectors[p]!
      const bx = x - vectors[q]!
      const ay = y - vectors[p + 1]!
      const by = y - vectors[q + 1]!
      const az = z - vectors[p + 2]!
      const bz = z - vectors[q + 2]!
      const aw = w - vectors[p + 3]!
      const bw = w - vectors[q + 3]!
      a += ax * ax
      b += bx * bx
      a += ay * ay
      b += by * by
      a += az * az
      b += bz * bz
      a += aw * aw
      b += bw * bw
    }
    for (; i < dimensions; i++, p++, q++) {
      const ax = query[i]! - vectors[p]!
      const bx = query[i]! - vectors[q]!
      a += ax * ax
      b += bx * bx
    }
    out[r] = a
    out[r + 1] = b
  }
}
