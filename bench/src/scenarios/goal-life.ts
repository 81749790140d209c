import type { Metric, Scenario } from '../scenario.ts'

const ms = (key: string, title: string): Metric => ({ key, title, unit: 'ms' })
const delays = (key: string, title: string): Metric[] => [
  ms(`${key}P99Ms`, `${title} p99`),
  ms(`${key}MaxMs`, `${title} longest`),
]

export const goalLife: Scenario = {
  name: 'goal-life',
  group: 'goals',
  title:
    'the first answer of an index that was killed, a tenth of it only in the log, against a plain read; and the delay of the event loop in its life',
  metric: ms('ms', 'first answer'),
  also: [
    { key: 'records', title: 'vectors', unit: '' },
    { key: 'insertRate', title: 'inserts', unit: '/s' },
    ...delays('insert', 'inserting'),
    ...delays('search', 'searching'),
    ...delays('checkpoint', 'checkpoint'),
    ...delays('open', 'opening'),
    { key: 'lag', title: 'graph lag', unit: '' },
    { key: 'recall', title: 'recall@10', unit: '' },
    { key: 'openMb', title: 'open', unit: 'MB' },
    { key: 'peakMb', title: 'peak', unit: 'MB' },
  ],
  isLong: true,
  variants: ({ quick }) =>
    (['flat', 'usearch'] as const).map((engine) => {
      const job = { dimensions: 128, engine, catchUpMs: quick ? 5_000 : 60_000 }
      return {
        label: engine,
        prepare: {
          kind: 'grow',
          ...job,
          records: quick ? 10_000 : 1_000_000,
          growMs: quick ? 5_000 : 120_000,
          searchMs: quick ? 500 : 3000,
        },
        contestants: [
          { label: 'first answer', peer: 'walv', job: { kind: 'first-answer', ...job }, durability: 'none' },
          {
            label: 'plain read',
            peer: 'walv',
            job: { kind: 'plain-read', dimensions: job.dimensions },
            durability: 'none',
          },
        ],
      }
    }),
}

export const goalMemory: Scenario = {
  name: 'goal-memory',
  group: 'goals',
  title: 'memory that a vector of 768 dimensions takes in an index with usearch whose copies are i8',
  metric: { key: 'memoryRatio', title: 'memory ÷ numbers', unit: '×' },
  also: [
    { key: 'bytesPerVector', title: 'a vector', unit: 'B' },
    { key: 'records', title: 'vectors', unit: '' },
  ],
  isLong: true,
  variants: ({ quick }) => [
    {
      label: 'usearch, i8',
      contestants: [
        {
          label: 'usearch, i8',
          peer: 'walv',
          job: {
            kind: 'graph-memory',
            dimensions: 768,
            records: quick ? 3_000 : 50_000,
            limitMs: quick ? 5_000 : 40_000,
            engineOptions: { quantization: 'i8' },
          },
          durability: 'none',
        },
      ],
    },
  ],
}
