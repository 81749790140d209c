/** A test for each of some workloads, and one for the number of states that they have together. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Job, JobResult } from './job.ts'
import { JobThread } from './pool.ts'
import { WORKLOADS } from './workloads.ts'

/**
 * How many seeds of each workload, from 1 on; of those with large records or an engine, which take
 * their time, fewer. More of them: `npm run crash`.
 */
const SEEDS = 2
const SEEDS_OF_SLOW = 1
const SLOW = /large|sustained|varied|usearch|hnswlib|lagging|following|time|shared/
/** Seeds beyond those that found something once. */
const FOUND: Readonly<Record<string, readonly number[]>> = {
  'failing-log': [9, 108, 321, 610, 6004],
  'failing-index': [196, 2037],
  'failing-varied-index': [6019, 6039, 6060],
  'full-log': [338],
  'sustained-log': [4, 10],
  'two-processes': [9, 11, 28],
  repair: [12, 141, 352, 354, 1111],
}

/**
 * The workloads are in several files, which run side by side. Each workload is in one: `crash` has
 * those that are in neither of the others.
 */
const FILES = {
  index: /index/,
  large: /large|sustained/,
} as const

const fileOf = (workload: string): keyof typeof FILES | 'crash' => {
  if (FILES.index.test(workload)) return 'index'
  return FILES.large.test(workload) ? 'large' : 'crash'
}

const seeds = (workload: string): Job[] =>
  [
    ...Array.from({ length: SLOW.test(workload) ? SEEDS_OF_SLOW : SEEDS }, (_, place) => 1 + place),
    ...(FOUND[workload] ?? []),
  ].map((seed) => ({
    kind: 'explore',
    workload,
    seed,
  }))

export function testWorkloads(file: ReturnType<typeof fileOf>, minStates: number): void {
  const explored: JobResult[] = []
  const thread = new JobThread()
  after(() => thread.stop())

  for (const { name } of WORKLOADS) {
    if (fileOf(name) !== file) continue
    test(`${name}: whatever a power cut leaves is acceptable`, async (t) => {
      const results: JobResult[] = []
      for (const job of seeds(name)) {
        const result = await thread.run(job)
        results.push(result)
        // One violation is enough to look for its cause.
        if (result.stories.length > 0) break
      }
      explored.push(...results)
      const stories = results.flatMap((result) => result.stories)
      assert.ok(stories.length === 0, stories.join('\n'))
      t.diagnostic(`${sum(results, 'states')} states after ${sum(results, 'cuts')} power cuts`)
    })
  }

  test(`${minStates} states or more are looked at, all workloads of this file taken together`, (t) => {
    const states = sum(explored, 'states')
    t.diagnostic(
      `${states} states, ${sum(explored, 'secondCuts')} power cuts while another was being recovered from`,
    )
    assert.ok(states >= minStates, `only ${states}`)
  })
}

const sum = (results: readonly JobResult[], figure: 'states' | 'cuts' | 'secondCuts'): number =>
  results.reduce((total, result) => total + result[figure], 0)
