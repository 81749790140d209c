import type { Metric, Scenario, Variant } from '../scenario.ts'

const ENGINES = [
  ['flat', 'walv'],
  ['usearch', 'usearch'],
  ['sqlite-vec', 'sqlite-vec'],
  ['flat-half', 'walv'],
  ['flat-hundredth', 'walv'],
] as const

const LABELS = {
  flat: 'flat',
  usearch: 'usearch, exact, one thread',
  'sqlite-vec': 'sqlite-vec, in memory',
  'flat-half': 'flat, every second accepted',
  'flat-hundredth': 'flat, one of a hundred accepted',
}

const MS: Metric = { key: 'ms', title: 'median', unit: 'ms' }
const ALSO: readonly Metric[] = [
  { key: 'p99Ms', title: 'p99', unit: 'ms' },
  { key: 'buildMs', title: 'to fill', unit: 'ms' },
]

const variantOf = (
  records: number,
  dimensions: number,
  engines: readonly (typeof ENGINES)[number][],
): Variant => ({
  label: `${records} vectors of ${dimensions} dimensions`,
  contestants: engines.map(([engine, peer]) => ({
    label: LABELS[engine],
    peer,
    job: { kind: 'search', dimensions, engine, records, searches: records > 10_000 ? 40 : 200 },
    durability: 'none',
  })),
})

/** The same, as far as there are goals. */
export const goalSearch: Scenario = {
  name: 'goal-search',
  group: 'goals',
  title: 'exact search, k = 10, cosine; answers are checked first',
  metric: MS,
  also: ALSO,
  isLong: true,
  variants: ({ quick }) =>
    (quick ? [10_000] : [10_000, 100_000]).flatMap((records) =>
      (quick ? [128, 768] : [100, 128, 768]).map((dimensions) =>
        variantOf(records, dimensions, ENGINES.slice(0, 3)),
      ),
    ),
}

const TOGETHER = [1, 8, 64]

/** Queries a second where several are asked in one pass over the memory. */
export const searchMany: Scenario = {
  name: 'search-many',
  title: 'exact search for several queries at a time, k = 10, cosine; answers are checked first',
  metric: { key: 'rate', title: 'queries', unit: '/s' },
  also: [{ key: 'cpuMs', title: 'cpu a query', unit: 'ms' }],
  isLong: true,
  variants: () =>
    (
      [
        [10_000, 768],
        [100_000, 128],
      ] as const
    ).map(([records, dimensions]) => ({
      label: `${records} vectors of ${dimensions} dimensions`,
      contestants: TOGETHER.map((together) => ({
        label: together === 1 ? 'one by one' : `${together} at a time`,
        peer: 'walv',
        job: { kind: 'searchMany', dimensions, records, together, queries: 512 },
        durability: 'none',
      })),
    })),
}

export const search: Scenario = {
  name: 'search',
  title: 'exact search, k = 10, cosine; answers are checked first',
  metric: MS,
  also: ALSO,
  isLong: true,
  variants: () =>
    [10_000, 100_000].flatMap((records) =>
      [100, 768].map((dimensions) => variantOf(records, dimensions, ENGINES)),
    ),
}
