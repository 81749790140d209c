import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FAULTED } from './faulted.ts'
import { runJobs } from './pool.ts'

for (const { name, seeds } of FAULTED) {
  test(`${name}: each operation fails once, in each way it can, and the contract holds`, async (t) => {
    const jobs = Array.from(
      { length: seeds },
      (_, place) => ({ kind: 'faults', workload: name, seed: 1 + place }) as const,
    )
    let runs = 0
    for await (const result of runJobs(jobs, 1)) {
      assert.ok(result.stories.length === 0, result.stories.join('\n'))
      assert.ok(result.runs > 50 && result.states >= result.runs, JSON.stringify(result))
      runs += result.runs
    }
    t.diagnostic(`${runs} runs`)
  })
}
