import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { goalResults } from '../../bench/src/report/goals.ts'
import { resultsTable } from '../../bench/src/report/results.ts'
import { type Row, runScenario } from '../../bench/src/run.ts'
import type { Scenario, Settings } from '../../bench/src/scenario.ts'
import type { Verdict } from '../../bench/src/verification/verify.ts'

const directory = await mkdtemp(join(tmpdir(), 'walv-bench-'))
after(() => rm(directory, { recursive: true }))

const scenario: Scenario = {
  name: 'headline',
  title: 'a peer',
  metric: { key: 'rate', title: 'appends', unit: '/s' },
  also: [],
  variants: () => [
    {
      label: 'one',
      contestants: [{ label: 'lmdb, 256 in flight', peer: 'lmdb', job: { kind: 'none', dimensions: 3 } }],
    },
  ],
}

const settings: Settings = { quick: true, warmUpMs: 0, durationMs: 0, touchedBytes: 0 }

function run(verdict: Verdict): Promise<Row[]> {
  return runScenario(scenario, {
    directory,
    repetitions: 1,
    settings,
    peers: new Set(['lmdb']),
    verdicts: new Map([['lmdb', verdict]]),
    tell: () => {},
  })
}

for (const kind of ['refused', 'not run'] as const) {
  test(`a peer that is ${kind} has a reason and no number`, async () => {
    const rows = await run({ kind, reason: 'no sync seen' })
    assert.deepEqual(rows[0]?.measured, [])
    assert.match(
      resultsTable(scenario, rows, settings),
      new RegExp(`^ {2}lmdb, 256 in flight {2}${kind}: no sync seen$`, 'm'),
    )
  })
}

test('a number of a refused peer, were there one, counts for no goal and is not shown', () => {
  const row = {
    scenario: 'headline',
    variant: 'one',
    peer: 'lmdb',
    isMarked: false,
    measured: [{ rate: 1234 }],
  }
  const rows: Row[] = [
    { ...row, contestant: 'walv, 256 in flight', peer: 'walv', measured: [{ rate: 9999 }] },
    { ...row, contestant: 'lmdb, 256 in flight', failure: 'refused: no sync seen' },
  ]
  const goal = goalResults(rows).find(({ against }) => against === 'lmdb, 256 in flight')
  assert.equal(goal?.verdict, 'not measured')
  assert.ok(!resultsTable(scenario, rows, settings).includes('1,234'))
})

test('a peer that does not claim to be power-safe is marked', async () => {
  const oneAtATime = { appends: 50, syncs: 0, unsynced: 50, calls: {} }
  const rows = await run({ kind: 'not power-safe', oneAtATime })
  assert.match(resultsTable(scenario, rows, settings), /^ {2}lmdb, 256 in flight \*/m)
})
