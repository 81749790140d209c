import type { Metric, Scenario } from '../scenario.ts'

const ms = (key: string, title: string): Metric => ({ key, title, unit: 'ms' })

export const checkpointStall: Scenario = {
  name: 'checkpoint-stall',
  title:
    'the longest insert while checkpoints are taken, 16 in flight, 128 dimensions, against the p99 without',
  metric: { key: 'stallRatio', title: 'longest ÷ p99', unit: '×' },
  also: [
    ms('quietP99Ms', 'p99 without'),
    ms('quietMaxMs', 'longest without'),
    ms('duringP99Ms', 'p99 during'),
    ms('duringMaxMs', 'longest during'),
    ms('checkpointMs', 'checkpoint'),
  ],
  variants: ({ quick }) =>
    (quick ? [20_000] : [20_000, 200_000]).map((records) => {
      const job = {
        kind: 'checkpoint-stall',
        dimensions: 128,
        records,
        checkpoints: 3,
        quietMs: quick ? 300 : 1000,
      }
      return {
        label: `${records} vectors`,
        contestants: [
          { label: 'walv', peer: 'walv', job },
          // What V8's helper threads take from the others where there are few cores.
          { label: 'walv, one helper thread of V8', peer: 'walv', job, nodeOptions: ['--v8-pool-size=1'] },
        ],
      }
    }),
}

export const recoveryBudget: Scenario = {
  name: 'recovery-budget',
  group: 'goals',
  title:
    'openings after SIGKILL under load, with a budget that leaves room for what comes in while checkpoints are written',
  metric: { key: 'within', title: 'within the budget', unit: 'of 1' },
  also: [
    { key: 'kills', title: 'kills', unit: '' },
    ms('baseMs', 'without load'),
    ms('checkpointMs', 'checkpoint'),
    ms('budgetMs', 'budget'),
    ms('longestMs', 'longest'),
    { key: 'checkpoints', title: 'checkpoints', unit: '' },
    { key: 'medianError', title: 'error of prediction', unit: 'of 1' },
    { key: 'p90Error', title: 'its p90', unit: 'of 1' },
    { key: 'predictedWithin', title: 'predicted within 25 %', unit: 'of 1' },
  ],
  isOnce: true,
  isLong: true,
  variants: ({ quick }) => {
    const load = { ids: 5_000, kills: quick ? 8 : 200, maxLifeMs: 1000 }
    const job = { kind: 'recovery-budget', dimensions: 128, ...load }
    return [
      {
        label: `${load.kills} kills`,
        contestants: [{ label: 'walv', peer: 'walv', job, durability: 'none' }],
      },
    ]
  },
}

export const goalCheckpoint: Scenario = {
  name: 'goal-checkpoint',
  group: 'goals',
  title:
    'the longest insert while checkpoints are taken, 16 in flight, 128 dimensions, against the longest without',
  metric: { key: 'longestRatio', title: 'longest ÷ longest', unit: '×' },
  also: [
    ms('withoutMs', 'longest without'),
    ms('duringMs', 'longest during'),
    ms('checkpointMs', 'checkpoint'),
  ],
  isLong: true,
  variants: ({ quick }) => {
    const records = quick ? 10_000 : 200_000
    const job = { kind: 'checkpoint-longest', dimensions: 128, records, checkpoints: quick ? 3 : 5 }
    return [{ label: `${records} vectors`, contestants: [{ label: 'walv', peer: 'walv', job }] }]
  },
}

const COST: Metric = { key: 'costRatio', title: 'cost ÷ cost at 1 000', unit: '×' }
const COLUMNS: readonly Metric[] = [
  { key: 'segments', title: 'segments', unit: '' },
  { key: 'oldUs', title: 'an append', unit: 'µs' },
  { key: 'youngUs', title: 'at 1 000', unit: 'µs' },
]

/** Records of 3 dimensions in segments of 64 KiB; measured, not promised. */
const RECORDS_PER_SMALL_SEGMENT = 800

export const growthRecords: Scenario = {
  name: 'growth-records',
  title: 'what an append costs in a long log, in turn with one of 1 000 records; 3 dimensions, 256 in flight',
  metric: COST,
  also: COLUMNS,
  x: 'records in the log',
  variants: ({ quick }) =>
    (quick ? [1_000, 300_000] : [1_000, 10_000, 100_000, 1_000_000, 10_000_000]).map((records) => ({
      label: `${records} records`,
      at: { plot: 'records', x: records },
      prepare: { kind: 'fill', dimensions: 3, records },
      contestants: [
        {
          label: 'walv',
          peer: 'walv',
          job: { kind: 'growth', dimensions: 3, windows: quick ? 40 : 200 },
        },
      ],
    })),
}

export const growthSegments: Scenario = {
  name: 'growth-segments',
  title: 'what an append costs in a log of many segments of 64 KiB, in turn with one of 1 000 records',
  metric: COST,
  also: COLUMNS,
  isLong: true,
  x: 'segments',
  variants: () =>
    [1, 10, 100, 1000].map((segments) => {
      const walv = { segmentMaxBytes: 64 * 1024 }
      return {
        label: `${segments} segments`,
        at: { plot: 'segments', x: segments },
        prepare: { kind: 'fill', dimensions: 3, records: segments * RECORDS_PER_SMALL_SEGMENT, walv },
        contestants: [
          {
            label: 'walv',
            peer: 'walv',
            job: { kind: 'growth', dimensions: 3, windows: 100, walv },
          },
        ],
      }
    }),
}

export const steady: Scenario = {
  name: 'steady',
  title: 'steady state: ten million durable appends of 3 dimensions, 1 024 in flight',
  metric: { key: 'rate', title: 'appends', unit: '/s' },
  also: [
    { key: 'lateToEarly', title: 'late ÷ early cost', unit: '×' },
    { key: 'maxOpenFiles', title: 'open files', unit: '' },
    { key: 'peakRssMb', title: 'peak memory', unit: 'MB' },
    { key: 'diskBytesPerRecord', title: 'disk', unit: 'B' },
  ],
  isOnce: true,
  isLong: true,
  variants: () => [
    {
      label: 'ten million',
      contestants: [
        { label: 'walv', peer: 'walv', job: { kind: 'steady', dimensions: 3, records: 10_000_000 } },
      ],
    },
  ],
}
