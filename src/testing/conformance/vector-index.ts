import type { VectorIndex } from '../../index/vector-index.ts'
import { checkOptions } from '../../option-names.ts'
import { type ConformanceCase, casesOf } from './case.ts'
import { indexContents } from './index-contents.ts'
import { indexDurable } from './index-durable.ts'
import { indexLag } from './index-lag.ts'
import { indexSearch } from './index-search.ts'
import { indexSnapshots } from './index-snapshots.ts'
import { IndexSubject } from './index-subject.ts'
import { indexVersions } from './index-versions.ts'

/** What an index is measured by. */
export interface VectorIndexConformanceOptions {
  /**
   * Of the nearest vectors that the searches of a case have to find, the share that they find at
   * least. Default 1: the index is exact. What an approximate index finds must be in order and at
   * the right distances all the same.
   */
  readonly minRecall?: number
}

/**
 * Cases that check the contract of `VectorIndex`, for any test runner:
 * `for (const { name, run } of cases) test(name, run)`. They compare with the definitions of the
 * metrics, in double precision. `make` gives a new, empty index each time, always of the same kind,
 * dimensions (at least 1) and metric; with few dimensions the cases are quicker. Snapshots and logs
 * are written below the system's folder for temporary files, and removed.
 */
export function vectorIndexConformance(
  make: () => VectorIndex | Promise<VectorIndex>,
  options: VectorIndexConformanceOptions = {},
): ConformanceCase[] {
  checkOptions('vectorIndexConformance', options, { minRecall: true })
  const { minRecall = 1 } = options
  const checks = {
    ...indexContents,
    ...indexSearch,
    ...indexLag,
    ...indexSnapshots,
    ...indexDurable,
    ...indexVersions,
  }
  return casesOf(checks, () => new IndexSubject(make, minRecall))
}
