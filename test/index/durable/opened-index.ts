/** An index of two dimensions, and what it holds. */
import type { TestContext } from 'node:test'
import { type DurableIndex, type DurableIndexOptions, flat } from '../../../src/mod.ts'
import { openIndex } from '../../support/logs.ts'
import { withoutSeq } from '../../support/stored.ts'

export const SEGMENT = /segment-\d+\.walv$/

export const open = (
  t: TestContext,
  directory: string,
  options: Partial<DurableIndexOptions> = {},
): Promise<DurableIndex> => openIndex(t, { directory, index: flat({ dimensions: 2 }), ...options })

/** Everything that an index holds but numbers, in the order of the ids. */
export const contentOf = (index: DurableIndex): unknown[] =>
  [...index.ids()].toSorted().map((id) => [id, withoutSeq(index.get(id))])

export const idsNear = async (index: DurableIndex, query: number[], options = {}): Promise<string[]> =>
  (await index.search(query, options)).map(({ id }) => id)
