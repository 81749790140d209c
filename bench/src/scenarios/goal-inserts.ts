import { CPU, RATE, RECORDS_PER_SYNC, type Scenario, type Settings } from '../scenario.ts'
import { appender, BATCHES, IN_FLIGHT, raw } from './contestants.ts'

/** What an insert of an index is, in life: another vector each time, and something beside it. */
const RECORDS = { areDistinct: true, haveMetadata: true }

export const goalInserts: Scenario = {
  name: 'goal-inserts',
  group: 'goals',
  title: 'durable inserts into a DurableIndex, with small metadata, 256 in flight',
  metric: RATE,
  also: [RECORDS_PER_SYNC, CPU],
  isLong: true,
  variants: (settings) =>
    [128, 768].map((dimensions) => {
      const more = { records: RECORDS }
      const usearch = { ...more, engine: 'usearch' } as const
      return {
        label: `${dimensions} dimensions`,
        contestants: [
          appender('durable-index', IN_FLIGHT, settings, dimensions, 'flat', more),
          appender('walv', IN_FLIGHT, settings, dimensions, 'Wal', more),
          appender('durable-index', IN_FLIGHT, settings, dimensions, 'usearch', usearch),
          appender('lmdb', IN_FLIGHT, settings, dimensions, 'lmdb', more),
          appender('sqlite-vec', BATCHES, settings, dimensions, 'sqlite-vec, transactions of 256', more),
        ],
      }
    }),
}

const DIMENSIONS = 768

export const goalLog: Scenario = {
  name: 'goal-log',
  group: 'goals',
  title: `durable appends to a Wal, ${DIMENSIONS} dimensions, 256 in flight: what most processes have, and long runs`,
  metric: RATE,
  also: [RECORDS_PER_SYNC, CPU],
  isLong: true,
  variants: (settings) =>
    runsOf(settings).map(([label, run]) => ({
      label,
      contestants: [
        appender('walv', IN_FLIGHT, run, DIMENSIONS),
        {
          ...raw(DIMENSIONS, 'raw-async', { isSparse: true }),
          label: 'raw-async, into new files, writing ahead',
        },
        appender('lmdb', IN_FLIGHT, run, DIMENSIONS),
      ],
    })),
}

const runsOf = (settings: Settings): [string, Settings][] => [
  ['quick', { ...settings, warmUpMs: 200, durationMs: 400 }],
  ['long', { ...settings, durationMs: settings.quick ? 800 : 4000 }],
]

export const goalCalls: Scenario = {
  name: 'goal-calls',
  group: 'goals',
  title: 'processor time of an insert into a flat DurableIndex of 128 dimensions, all called at once',
  metric: CPU,
  also: [RATE, { key: 'peakRssMb', title: 'peak memory', unit: 'MB' }],
  isLong: true,
  variants: ({ quick }) =>
    (quick ? [10_000, 30_000] : [100_000, 1_000_000]).map((calls) => ({
      label: `${calls} calls`,
      contestants: (['all at once', '256 in flight'] as const).map((label) => ({
        label,
        peer: 'durable-index',
        job: {
          kind: 'calls',
          dimensions: 128,
          calls,
          load: label === 'all at once' ? { shape: 'waves', size: calls } : IN_FLIGHT,
        },
      })),
    })),
}

export const goalMany: Scenario = {
  name: 'goal-many',
  group: 'goals',
  title: 'insertMany into a flat DurableIndex of 128 dimensions, against batches of 256 in a Wal',
  metric: RATE,
  also: [RECORDS_PER_SYNC, CPU, { key: 'peakRssMb', title: 'peak memory', unit: 'MB' }],
  isLong: true,
  variants: ({ quick }) => {
    const records = quick ? 30_000 : 1_000_000
    const job = { kind: 'many', dimensions: 128, records }
    return [
      {
        label: `${records} vectors`,
        contestants: [
          { label: 'insertMany', peer: 'durable-index', job: { ...job, shape: 'stream' } },
          { label: 'Wal, batches of 256', peer: 'walv', job: { ...job, shape: 'batches' } },
          {
            label: 'the bare index',
            peer: 'walv',
            job: { kind: 'bare-index', dimensions: 128, engine: 'flat', records },
            durability: 'none',
          },
        ],
      },
    ]
  },
}
