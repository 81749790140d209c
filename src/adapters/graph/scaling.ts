import { assert } from '../../errors.ts'
import { squaredNorm } from '../../index/flat/distance.ts'
import type { Metric } from '../../index/vector-index.ts'

/**
 * What an engine is given for a vector: for `cosine` one of length 1; nothing where its arithmetic
 * would not do.
 */
export class Scaling {
  readonly #metric: Metric
  readonly #maxNorm: number

  constructor(metric: Metric, maxNorm: number) {
    this.#metric = metric
    this.#maxNorm = maxNorm
  }

  /** Whether there is anything to give. */
  fits(vector: Float32Array): boolean {
    return this.#isGiven(normOf(vector))
  }

  /** A copy; undefined where there is nothing to give. */
  scaled(vector: Float32Array): Float32Array | undefined {
    const copy = new Float32Array(vector.length)
    return this.write(vector, copy, 0) ? copy : undefined
  }

  /** Writes it into an array. Returns whether there is anything to give. */
  write(vector: Float32Array, target: Float32Array, at: number): boolean {
    const norm = normOf(vector)
    if (!this.#isGiven(norm)) return false
    if (this.#metric !== 'cosine') target.set(vector, at)
    else for (let i = 0; i < vector.length; i++) target[at + i] = vector[i]! / norm
    return true
  }

  #isGiven(norm: number): boolean {
    return this.#metric === 'cosine' ? norm > 0 : norm <= this.#maxNorm
  }
}

function normOf(vector: Float32Array): number {
  const norm = Math.sqrt(squaredNorm(vector))
  // In double precision nothing finite is too long.
  assert(Number.isFinite(norm), 'a vector is not finite')
  return norm
}
