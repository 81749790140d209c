import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { FAULTED } from './faulted.ts'
import { JobThread } from './pool.ts'

const thread = new JobThread()
after(() => thread.stop())

const FULL = process.env.WALV_FAULTS === 'full'

for (const { name, seeds } of FAULTED) {
  test(`${name}: each operation fails once, in each way it can, and the contract holds`, async (t) => {
    const jobs = Array.from(
      { length: seeds[FULL ? 1 : 0] },
      (_, place) => ({ kind: 'faults', workload: name, seed: 1 + place }) as const,
    )
    let runs = 0
    for (const job of jobs) {
      const result = await thread.run(job)
      assert.ok(result.stories.length === 0, result.stories.join('\n'))
      assert.ok(result.runs > 50 && result.states >= result.runs, JSON.stringify(result))
      runs += result.runs
    }
    t.diagnostic(`${runs} runs`)
  })
}
