import type { Row } from '../run.ts'
import { ratio } from './results.ts'
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

type Find = (scenario: string, contestant: string, variant?: string) => Row | undefined

const FIRST = 'walv, 256 in flight'

/** walv with 256 in flight against another row of the same scenario. */
const headline = (against: string, goal: number): Goal => ({
  what: 'durable appends, 768-d, 256 in flight',
  against,
  goal,
  sense: 'at least',
  unit: '×',
  measure: (find) => medianRatio(find('headline', FIRST), find('headline', against), 'rate'),
})

const GOALS: readonly Goal[] = [
  headline('raw', 0.9),
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
    measure: (find) => medianRatio(find('one-at-a-time', 'walv'), find('one-at-a-time', 'raw-async'), 'p50Us'),
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
  const find: Find = (scenario, contestant, variant) =>
    rows.find(
      (row) =>
        row.scenario === scenario &&
        row.contestant === contestant &&
        (variant === undefined || row.variant === variant),
    )
  return GOALS.map((goal) => {
    const measured = goal.measure(find)
    const isMet = goal.sense === 'at least' ? measured >= goal.goal : measured <= goal.goal
    const verdict = Number.isNaN(measured) ? 'not measured' : isMet ? 'met' : 'NOT MET'
    const sign = goal.sense === 'at least' ? '≥' : '≤'
    return { what: goal.what, against: goal.against, goal: `${sign} ${goal.goal} ${goal.unit}`, measured, verdict }
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
