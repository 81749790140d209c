import { differenceOf, figureOf, type Goal, largestOf, ratioOf, times } from './goal.ts'

/** Published, of another machine: the original cannot be run here. */
const ORIGINAL_APPENDS_PER_SECOND = 1894
const ORIGINAL_READ_MB_PER_SECOND = 172

const FIRST = 'walv, 256 in flight'

/** walv with 256 in flight against another row of the same scenario. */
const headline = (against: string, goal: number): Goal => ({
  what: 'durable appends, 768-d, 256 in flight',
  against,
  goal,
  sense: 'at least',
  unit: '×',
  scenario: 'headline',
  measure: ({ row }) => ratioOf(row(FIRST), row(against), 'rate'),
})

/** DESIGN's table. */
export const LOG_GOALS: readonly Goal[] = [
  ...[128, 768].map(
    (dimensions): Goal => ({
      what: `DurableIndex with flat, ${dimensions}-d, 256 in flight`,
      against: 'Wal, the same bytes',
      goal: 0.7,
      sense: 'at least',
      unit: '×',
      scenario: 'durable-index',
      measure: ({ row }) => {
        const variant = `256 in flight, ${dimensions} dimensions`
        return ratioOf(row('DurableIndex, flat', variant), row('Wal', variant), 'rate')
      },
    }),
  ),
  headline('raw', 0.9),
  headline('raw-async', 0.9),
  headline('lmdb, 256 in flight', 2),
  headline('better-sqlite3, transactions of 256', 4),
  headline('classic-level, batches of 256', 4),
  headline('rocksdb, one append an operation', 20),
  headline('classic-level, one append an operation', 20),
  headline('better-sqlite3, one append an operation', 20),
  {
    what: 'one durable append at a time, median latency',
    against: 'raw-async',
    goal: 1.15,
    sense: 'at most',
    unit: '×',
    scenario: 'one-at-a-time',
    measure: ({ row }) => ratioOf(row('walv'), row('raw-async'), 'p50Us'),
  },
  ...['into memory', 'into one buffer'].map(
    (where): Goal => ({
      what: 'read + verify + decode, borrowed, warm, 768-d',
      against: `plain sequential read ${where}`,
      goal: 0.5,
      sense: 'at least',
      unit: '×',
      scenario: 'read',
      measure: ({ row }) =>
        ratioOf(
          row('walv, borrowed', '768 dimensions'),
          row(`plain read ${where}`, '768 dimensions'),
          'mbPerSecond',
        ),
    }),
  ),
  {
    what: 'the same, MB/s',
    against: `the original, ${ORIGINAL_READ_MB_PER_SECOND} MB/s on another machine: not one run`,
    goal: 5,
    sense: 'at least',
    unit: '×',
    scenario: 'read',
    measure: ({ row }) =>
      times(
        figureOf(row('walv, borrowed', '768 dimensions'), 'mbPerSecond'),
        1 / ORIGINAL_READ_MB_PER_SECOND,
      ),
  },
  {
    what: 'durable appends, 768-d, 256 in flight',
    against: `the original with sync, ${ORIGINAL_APPENDS_PER_SECOND}/s on another machine: not one run`,
    goal: 20,
    sense: 'at least',
    unit: '×',
    scenario: 'headline',
    measure: ({ row }) => times(figureOf(row(FIRST), 'rate'), 1 / ORIGINAL_APPENDS_PER_SECOND),
  },
  ...(
    [
      ['into nothing', 'an empty log', 'a process that recovers nothing'],
      ['into flat', 'the bare index', 'a process with the bare index'],
    ] as const
  ).map(
    ([contestant, baseline, against]): Goal => ({
      what: `memory of a recovery ${contestant}, largest of the sizes`,
      against,
      goal: 64,
      sense: 'at most',
      unit: 'MB',
      scenario: 'recovery',
      measure: ({ row, rows }) => {
        const sizes = [...new Set(rows().map(({ variant }) => variant))]
        return largestOf(
          sizes.map((size) => differenceOf(row(contestant, size), row(baseline, size), 'peakRssMb')),
        )
      },
    }),
  ),
  {
    what: 'cost of an append in the longest log',
    against: 'at 1 000 records',
    goal: 1.05,
    sense: 'at most',
    unit: '×',
    scenario: 'growth-records',
    measure: ({ rows }) => figureOf(rows().at(-1), 'costRatio'),
  },
  {
    what: 'longest stall of an append while a checkpoint is taken',
    against: 'its p99 without',
    goal: 3,
    sense: 'at most',
    unit: '×',
    scenario: 'checkpoint-stall',
    measure: ({ rows }) =>
      largestOf(
        rows()
          .filter(({ contestant }) => contestant === 'walv')
          .map((row) => figureOf(row, 'stallRatio')),
      ),
  },
]
