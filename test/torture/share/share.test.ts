import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tortureShared } from './torture.ts'

test('four processes write one directory, the leader is killed twenty times: nothing is lost, nothing done twice', async (t) => {
  const figures = await tortureShared({
    seed: 20_261_201,
    processes: 4,
    kills: 20,
    callers: 3,
    checkpointEvery: 300,
    pauseMs: 8,
    calmMs: 150,
  })
  t.diagnostic(JSON.stringify(figures))
  assert.ok(figures.acknowledged > 100 && figures.histories > 10)
})
