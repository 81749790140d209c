import type { Row } from '../run.ts'
import { ratio, spread } from './results.ts'
import { figures, table } from './table.ts'

interface Goal {
  readonly what: string
  readonly against: string
  readonly goal: number
  readonly sense: 'at least' | 'at most'
  readonly unit: string
  /** NaN where it was not measured. */
  measure(find: Find): number
}

interface Find {
  row(scenario: string, contestant: string, variant?: string): Row | undefined
  rows(scenario: string): Row[]
}

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
  measure: ({ row }) => medianRatio(row('headline', FIRST), row('headline', against), 'rate'),
})

const GOALS: readonly Goal[] = [
  ...[128, 768].map(
    (dimensions): Goal => ({
      what: `DurableIndex with flat, ${dimensions}-d, 256 in flight`,
      against: 'Wal, the same bytes',
      goal: 0.7,
      sense: 'at least',
      unit: '×',
      measure: ({ row }) => {
        const variant = `256 in flight, ${dimensions} dimensions`
        return medianRatio(
          row('durable-index', 'DurableIndex, flat', variant),
          row('durable-index', 'Wal', variant),
          'rate',
        )
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
    measure: ({ row }) =>
      medianRatio(row('one-at-a-time', 'walv'), row('one-at-a-time', 'raw-async'), 'p50Us'),
  },
  ...['into memory', 'into one buffer'].map(
    (where): Goal => ({
      what: 'read + verify + decode, borrowed, warm, 768-d',
      against: `plain sequential read ${where}`,
      goal: 0.5,
      sense: 'at least',
      unit: '×',
      measure: ({ row }) =>
        medianRatio(
          row('read', 'walv, borrowed', '768 dimensions'),
          row('read', `plain read ${where}`, '768 dimensions'),
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
    measure: ({ row }) =>
      median(row('read', 'walv, borrowed', '768 dimensions'), 'mbPerSecond') / ORIGINAL_READ_MB_PER_SECOND,
  },
  {
    what: 'durable appends, 768-d, 256 in flight',
    against: `the original with sync, ${ORIGINAL_APPENDS_PER_SECOND}/s on another machine: not one run`,
    goal: 20,
    sense: 'at least',
    unit: '×',
    measure: ({ row }) => median(row('headline', FIRST), 'rate') / ORIGINAL_APPENDS_PER_SECOND,
  },
  {
    what: 'memory of a recovery into nothing, largest of the sizes',
    against: 'a process that recovers nothing',
    goal: 64,
    sense: 'at most',
    unit: 'MB',
    measure: (find) => memoryBeside(find, 'into nothing', 'an empty log'),
  },
  {
    what: 'memory of a recovery into flat, largest of the sizes',
    against: 'a process with the bare index',
    goal: 64,
    sense: 'at most',
    unit: 'MB',
    measure: (find) => memoryBeside(find, 'into flat', 'the bare index'),
  },
  {
    what: 'cost of an append in the longest log',
    against: 'at 1 000 records',
    goal: 1.05,
    sense: 'at most',
    unit: '×',
    measure: ({ rows }) => median(rows('growth-records').at(-1), 'costRatio'),
  },
  {
    what: 'longest stall of an append while a checkpoint is taken',
    against: 'its p99 without',
    goal: 3,
    sense: 'at most',
    unit: '×',
    measure: ({ rows }) => {
      const plain = rows('checkpoint-stall').filter(({ contestant }) => contestant === 'walv')
      return Math.max(...plain.map((row) => median(row, 'stallRatio')))
    },
  },
]

export interface GoalResult {
  readonly what: string
  readonly against: string
  readonly goal: string
  readonly measured: number
  readonly verdict: 'met' | 'NOT MET' | 'not measured'
}

/** DESIGN's table, measured. */
export function goalResults(rows: readonly Row[]): GoalResult[] {
  const find: Find = {
    row: (scenario, contestant, variant) =>
      rows.find(
        (row) =>
          row.scenario === scenario &&
          row.contestant === contestant &&
          (variant === undefined || row.variant === variant),
      ),
    rows: (scenario) => rows.filter((row) => row.scenario === scenario),
  }
  return GOALS.map((goal) => {
    const measured = goal.measure(find)
    const isMet = goal.sense === 'at least' ? measured >= goal.goal : measured <= goal.goal
    const verdict = !Number.isFinite(measured) ? 'not measured' : isMet ? 'met' : 'NOT MET'
    const sign = goal.sense === 'at least' ? '≥' : '≤'
    return {
      what: goal.what,
      against: goal.against,
      goal: `${sign} ${goal.goal} ${goal.unit}`,
      measured,
      verdict,
    }
  })
}

export function goalsTable(results: readonly GoalResult[]): string {
  const lines = results.map(({ what, against, goal, measured, verdict }) => [
    `${what} — ${against}`,
    goal,
    figures(measured),
    verdict,
  ])
  return ['## goals', '', table([['', 'goal', 'measured', ''], ...lines])].join('\n')
}

/** Of a row that was refused or not run there is no ratio. */
function medianRatio(a: Row | undefined, b: Row | undefined, key: string): number {
  if (!a || !b || a.failure !== undefined || b.failure !== undefined) return Number.NaN
  return ratio(a, b, key).median
}

function median(row: Row | undefined, key: string): number {
  return row && row.failure === undefined ? spread(row, key).median : Number.NaN
}

/** The largest difference of the two peaks over all sizes of logs. */
function memoryBeside({ rows }: Find, contestant: string, baseline: string): number {
  const of = (label: string): number[] =>
    rows('recovery')
      .filter((row) => row.contestant === label)
      .map((row) => median(row, 'peakRssMb'))
  const without = of(baseline)
  return Math.max(...of(contestant).map((mb, i) => mb - without[i]!))
}
