/** What the bench says of its goals: reached or not, by what, and why there is no number. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type GoalResult, goalResults, goalsTable } from '../../bench/src/report/goals.ts'
import type { Row } from '../../bench/src/run.ts'

const row = (contestant: string, rates: readonly number[], more: Partial<Row> = {}): Row => ({
  scenario: 'goal-log',
  variant: 'quick',
  contestant,
  peer: 'walv',
  isMarked: false,
  measured: rates.map((rate) => ({ rate })),
  ...more,
})

const againstLmdb = (results: readonly GoalResult[], what: RegExp): GoalResult =>
  results.find((result) => result.against === 'lmdb' && what.test(result.what))!

test('a goal is judged by the middle of the ratios within repetitions, or by the least of them', () => {
  const results = goalResults([row('walv', [200, 140, 900]), row('lmdb', [100, 100, 300])])
  const middle = againstLmdb(results, /a quick run$/)
  assert.deepEqual([middle.measured, middle.min, middle.max, middle.verdict], [2, 1.4, 3, 'met'])
  const least = againstLmdb(results, /a quick run, each repetition$/)
  assert.deepEqual([least.measured, least.verdict], [1.4, 'NOT MET'])
})

test('what failed has its reason and no number, and ends nothing else', () => {
  const failure = 'not run: it is not installed'
  const results = goalResults([
    row('walv', [100]),
    row('lmdb', [], { failure }),
    row('raw-async, into new files, writing ahead', [100]),
  ])
  const failed = againstLmdb(results, /a quick run$/)
  assert.deepEqual([failed.verdict, failed.reason], ['not measured', `lmdb: ${failure}`])
  assert.ok(results.some(({ verdict }) => verdict === 'met'))
  assert.match(goalsTable(results), /^ {2}lmdb: not run: it is not installed$/m)
})

test('goals of scenarios that did not run are left out', () => {
  assert.deepEqual(goalResults([]), [])
  const results = goalResults([row('walv', [1])])
  assert.ok(results.length > 0 && results.every(({ what }) => what.startsWith('Wal, 768-d')))
})

test('the worst of the sizes counts', () => {
  const search = (variant: string, flat: number, usearch: number): Row[] =>
    (
      [
        ['flat', flat],
        ['usearch, exact, one thread', usearch],
      ] as const
    ).map(([contestant, ms]) => row(contestant, [], { scenario: 'goal-search', variant, measured: [{ ms }] }))
  const results = goalResults([...search('small', 1, 2), ...search('large', 30, 20)])
  const goal = results.find(({ against }) => against === 'usearch, exact, one thread')!
  assert.deepEqual([goal.measured, goal.verdict], [1.5, 'NOT MET'])
})
