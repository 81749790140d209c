import type { Row } from '../run.ts'
import type { Find, Goal } from './goal.ts'
import { INDEX_GOALS } from './index-goals.ts'
import { LOG_GOALS } from './log-goals.ts'
import { figures, table } from './table.ts'

export interface GoalResult {
  readonly what: string
  readonly against: string
  readonly goal: string
  readonly measured: number
  /** Of the repetitions. */
  readonly min: number
  readonly max: number
  readonly verdict: 'met' | 'NOT MET' | 'not measured'
  /** Why it was not measured, where a row says why. */
  readonly reason?: string
}

/** What is to be reached, measured: the goals of those scenarios that ran. */
export function goalResults(rows: readonly Row[]): GoalResult[] {
  const ran = new Set(rows.map(({ scenario }) => scenario))
  return [...INDEX_GOALS, ...LOG_GOALS]
    .filter(({ scenario }) => ran.has(scenario))
    .map((goal) =>
      resultOf(
        goal,
        rows.filter(({ scenario }) => scenario === goal.scenario),
      ),
    )
}

function resultOf(goal: Goal, rows: readonly Row[]): GoalResult {
  const asked: Row[] = []
  const noted = (found: Row[]): Row[] => {
    asked.push(...found)
    return found
  }
  const find: Find = {
    row: (contestant, variant) =>
      noted(
        rows.filter(
          (row) => row.contestant === contestant && (variant === undefined || row.variant === variant),
        ),
      )[0],
    rows: () => noted([...rows]),
  }
  const { what, against, sense, unit, judged = 'median' } = goal
  const spread = goal.measure(find)
  const value = spread[judged]
  const isMet = sense === 'at least' ? value >= goal.goal : value <= goal.goal
  const failure = asked.find((row) => row.failure !== undefined)
  return {
    what,
    against,
    goal: `${sense === 'at least' ? '≥' : '≤'} ${goal.goal} ${unit}`,
    measured: value,
    min: spread.min,
    max: spread.max,
    verdict: !Number.isFinite(value) ? 'not measured' : isMet ? 'met' : 'NOT MET',
    ...(failure && { reason: `${failure.contestant}: ${failure.failure}` }),
  }
}

export function goalsTable(results: readonly GoalResult[]): string {
  const head = ['', 'goal', 'measured', 'min', 'max', '']
  const lines = results.flatMap(({ what, against, goal, measured, min, max, verdict, reason }) => [
    [against === '' ? what : `${what} — ${against}`, goal, ...[measured, min, max].map(figures), verdict],
    ...(verdict === 'not measured' && reason !== undefined ? [[`  ${reason}`]] : []),
  ])
  return ['## goals', '', table([head, ...lines])].join('\n')
}
