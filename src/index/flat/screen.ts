import type { Kernel, Memory } from '../kernel/kernel.ts'
import { scratchAddress } from '../kernel/kernel.ts'
import type { Metric } from '../vector-index.ts'
import { type Chunk, MAX_CHUNK_ROWS } from './chunk.ts'
import { squaredNorm } from './distance.ts'

/** Where a chunk can be computed with. */
export interface ScanPlace {
  readonly memory: Memory
  readonly kernel: Kernel
}

/**
 * Lower bounds of distances, by sums in single precision that are quick to compute: a row whose
 * bound is farther than what was found already need not be measured. Which rows are found, and at
 * which distance, is decided by `Distances` alone, so the bounds may be loose, but never too high.
 *
 * A sum of float32 products whose longest chain has m additions is off by at most γ = m·u / (1 −
 * m·u) of the sum of the products' absolute values, u = 2^-24 (Higham, "Accuracy and Stability of
 * Numerical Algorithms", 2nd edition, section 3.1), and that sum is at most the product of both
 * lengths (Cauchy and Schwarz). The kernel's longest chain has dimensions / 16 + 3 additions of
 * products, three of what is left over, four where the sums are added, and one rounding of each
 * product; a difference, for `l2`, is rounded once more and squared. 16 more than dimensions / 16
 * is above all of these. A hundredth is added for what double precision rounds, for the higher
 * terms, and for what underflows within the lengths that are allowed.
 */
const UNIT_ROUNDOFF = 2 ** -24
const errorShare = (dimensions: number): number => 1.01 * (dimensions / 16 + 16) * UNIT_ROUNDOFF

/** Within these no product and no sum overflows, and what underflows is too small to matter. */
const MIN_NORM = 1e-15
const MAX_NORM = 1e18
/** Above this a float32 may have become infinite. */
const LARGEST_SUM = 3.4e38
/** More than the float32 sums of squares that underflow can lose. */
const SMALLEST_SUM = 1e-38
/** More than what rounding takes from a distance that is 1 or near it. */
const ROUNDING = 1e-15

/**
 * What is kept of a row for its bounds, of its squared length as float32: under `cosine` one over
 * its length, under `ip` its length, under `l2` nothing. NaN where there are no bounds.
 */
export function scaleOf(metric: Metric, squaredNormAsFloat32: number): number {
  if (metric === 'l2') return 0
  const norm = Math.sqrt(squaredNormAsFloat32)
  if (!(norm >= MIN_NORM && norm <= MAX_NORM)) return Number.NaN
  return metric === 'cosine' ? 1 / norm : norm
}

export class Screen {
  readonly #metric: Metric
  readonly #query: Float32Array
  readonly #norm: number
  readonly #error: number
  readonly #thread: number
  /** The memory whose scratch is seen: where the kernel reads the query, and writes the sums. */
  #memory: Memory | undefined
  #queryThere: Float32Array = new Float32Array(0)
  #sums: Float32Array = new Float32Array(0)

  /** `thread`: whose scratch is used, 0 for the main one. */
  constructor(metric: Metric, query: Float32Array, thread: number) {
    this.#metric = metric
    this.#query = query
    this.#thread = thread
    this.#norm = Math.sqrt(squaredNorm(query))
    this.#error = errorShare(query.length)
  }

  /** Whether there are bounds for this query at all. */
  get isOfUse(): boolean {
    return this.#metric === 'l2' || (this.#norm >= MIN_NORM && this.#norm <= MAX_NORM)
  }

  /** Writes a lower bound of the distance of so many rows from one on; NaN where there is none. */
  bound({ kernel, memory }: ScanPlace, chunk: Chunk, from: number, rows: number, bounds: Float64Array): void {
    const query = scratchAddress(this.#thread)
    const out = query + this.#query.byteLength
    if (memory !== this.#memory) this.#see(memory, query, out)
    // Another search may have used the scratch since.
    this.#queryThere.set(this.#query)
    const { length, byteLength } = this.#query
    const first = chunk.vectorsAddress + from * byteLength
    if (this.#metric === 'l2') kernel.squaredDistances(query, first, rows, length, out)
    else kernel.innerProducts(query, first, rows, length, out)
    if (this.#metric === 'l2') this.#boundL2(rows, bounds)
    else if (this.#metric === 'ip') this.#boundIp(chunk.scales, from, rows, bounds)
    else this.#boundCosine(chunk.scales, from, rows, bounds)
  }

  #see(memory: Memory, query: number, out: number): void {
    this.#queryThere = new Float32Array(memory.buffer, query, this.#query.length)
    this.#sums = new Float32Array(memory.buffer, out, MAX_CHUNK_ROWS)
    this.#memory = memory
  }

  #boundL2(rows: number, bounds: Float64Array): void {
    const sums = this.#sums
    const share = 1 - this.#error
    for (let row = 0; row < rows; row++) {
      bounds[row] = Math.min(sums[row]!, LARGEST_SUM) * share - SMALLEST_SUM
    }
  }

  #boundIp(norms: Float32Array, from: number, rows: number, bounds: Float64Array): void {
    const sums = this.#sums
    // The row's length is off, too, by no more than the same share.
    const error = this.#error * (1 + this.#error) * this.#norm
    for (let row = 0; row < rows; row++) bounds[row] = 1 - ROUNDING - sums[row]! - error * norms[from + row]!
  }

  #boundCosine(inverseNorms: Float32Array, from: number, rows: number, bounds: Float64Array): void {
    const sums = this.#sums
    const inverseNorm = 1 / this.#norm
    // A share for the product, and one for the row's length.
    const nearest = 1 - 2.1 * this.#error
    for (let row = 0; row < rows; row++)
      bounds[row] = nearest - sums[row]! * inverseNorm * inverseNorms[from + row]!
  }
}
