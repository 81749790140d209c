import type { Metric } from '../vector-index.ts'

/**
 * The kernels of exact search. Every sum is kept in double precision and added in the order of the
 * elements, so a distance is the same bits wherever the vector lies and whatever else is searched
 * with it.
 *
 * Two rows at a time and four elements a step: two sums that do not wait for each other, and each
 * element of the query loaded once for both.
 */

/** The vectors of one chunk, side by side, with their squared lengths. */
export interface Rows {
  readonly vectors: Float32Array
  /**
   * Squared Euclidean length of each row, as `innerProducts` computes it; empty unless the metric
   * is `cosine`.
   */
  readonly squaredNorms: Float64Array
}

/**
 * Writes the distance of each of the first `count` listed rows to `query` into `distances`, which
 * needs room for `count` rounded up to even. `cosine` gives exactly 0 for a vector with the same
 * bits as the query, and 1 where either is all zeros. A row that holds NaN has distance NaN; one
 * that holds an infinity has NaN under `cosine`, infinity under `l2`, an infinity or NaN under
 * `ip`.
 */
export function measure(
  metric: Metric,
  query: Float32Array,
  from: Rows,
  rows: Int32Array,
  count: number,
  distances: Float64Array,
): void {
  if (metric === 'l2') {
    squaredDistances(query, from.vectors, rows, count, distances)
    return
  }
  innerProducts(query, from.vectors, rows, count, distances)
  if (metric === 'ip') {
    for (let i = 0; i < count; i++) distances[i] = 1 - distances[i]!
    return
  }
  const querySquaredNorm = squaredNorm(query)
  for (let i = 0; i < count; i++) {
    // One root of the product, not a product of roots: the root of x² is x exactly. It can neither
    // overflow nor underflow in double precision.
    const scale = Math.sqrt(querySquaredNorm * from.squaredNorms[rows[i]!]!)
    distances[i] = scale === 0 ? 1 : 1 - distances[i]! / scale
  }
}

const firstRow = new Int32Array(1)
const sums = new Float64Array(2)

/**
 * The squared Euclidean length, bit for bit what `innerProducts` gives for the vector with itself.
 */
export function squaredNorm(vector: Float32Array): number {
  innerProducts(vector, vector, firstRow, 1, sums)
  return sums[0]!
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
