import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PHASES, torture } from './torture.ts'

const SEED = 20_261_122

test('processes killed in the midst of writing, rotation, checkpoints, retention, transactions, recovery, repair and conversion lose nothing acknowledged', async (t) => {
  const figures = await torture({ rounds: 50, seed: SEED })
  t.diagnostic(JSON.stringify(figures))
  for (const phase of PHASES)
    assert.ok(figures.killed[phase] > 0, `nothing was killed in the midst of ${phase}`)
  assert.ok(figures.rounds >= 50 && figures.acknowledged > 0 && figures.recovered >= figures.acknowledged)
})
