import { checkOptions, type OptionNames } from '../../option-names.ts'
import { checkShape, invalidOption } from '../index-options.ts'
import type { Metric, VectorIndex } from '../vector-index.ts'
import { FlatIndex } from './flat-index.ts'

export interface FlatOptions {
  /** Elements of every vector: an integer from 0 to 65 535. */
  readonly dimensions: number
  /** Default `cosine`. */
  readonly metric?: Metric
  /** Whether vectors may hold NaN or infinities. Default `false`. */
  readonly allowNonFinite?: boolean
}

const FLAT_OPTIONS: OptionNames<FlatOptions> = { dimensions: true, metric: true, allowNonFinite: true }

/**
 * The built-in exact index: compares the query with every vector, so it always finds the true
 * nearest, in time that grows with the number of vectors. Memory: 4 bytes an element, 28 bytes a
 * vector and its entry in a `Map`, in chunks of 1 MiB. They are of memory that all indexes of the
 * process share: what one no longer needs the next is given, and the process keeps.
 *
 * Sums in single precision, in WebAssembly, rule out most vectors; the others are measured. More
 * than 8 MiB of vectors are searched by other threads, as many as there are cores and at most 8, or
 * where a filter has to be asked, in steps: then the answer is of the index as it is at the end.
 * Where WebAssembly or threads are not to be had, all is computed in the main thread.
 *
 * Distances are computed in double precision and do not depend on what else the index holds, nor on
 * the machine. Under `cosine` a vector with the same bits as the query is at exactly 0, and where
 * one of the two is all zeros the distance is 1. With `allowNonFinite` a vector that holds NaN is
 * at distance NaN, and so is one that holds an infinity under `cosine`; under `l2` that is at
 * infinity, under `ip` at an infinity or NaN. NaN comes after every number. A filter is not asked
 * about vectors that are too far.
 *
 * Freezing takes one step a chunk and copies no vector. Until the frozen state is released, the
 * first change of each vector keeps a copy of the old one, and removed memory stays.
 *
 * Throws `WALV_INVALID_OPTION`. Loading a snapshot written with other options, or one that is not
 * whole, throws `WALV_INDEX_MISMATCH` and leaves the index empty.
 */
export function flat(options: FlatOptions): VectorIndex {
  checkOptions('flat', options, FLAT_OPTIONS)
  const { dimensions, metric = 'cosine', allowNonFinite = false } = options
  checkShape('flat', dimensions, metric, 0)
  if (typeof allowNonFinite !== 'boolean')
    throw invalidOption('flat', 'allowNonFinite', allowNonFinite, 'true or false')
  return new FlatIndex(dimensions, metric, allowNonFinite)
}
