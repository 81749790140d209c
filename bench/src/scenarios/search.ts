import type { Scenario } from '../scenario.ts'

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

export const search: Scenario = {
  name: 'search',
  title: 'exact search, k = 10, cosine; answers are checked first',
  metric: { key: 'ms', title: 'median', unit: 'ms' },
  also: [
    { key: 'p99Ms', title: 'p99', unit: 'ms' },
    { key: 'buildMs', title: 'to fill', unit: 'ms' },
  ],
  isLong: true,
  variants: () =>
    [10_000, 100_000].flatMap((records) =>
      [100, 768].map((dimensions) => ({
        label: `${records} vectors of ${dimensions} dimensions`,
        contestants: ENGINES.map(([engine, peer]) => ({
          label: LABELS[engine],
          peer,
          job: { kind: 'search', dimensions, engine, records, searches: records > 10_000 ? 40 : 200 },
          durability: 'none' as const,
        })),
      })),
    ),
}
