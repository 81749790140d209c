/**
 * Processes that share an index, without power cuts: what they go through together is decided by
 * the seed alone, and so are many more of their lives looked at than `crash.test.ts` can cut.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runJobs } from './pool.ts'

/** Each found something once. */
const FOUND = [12, 19, 25, 29, 60, 114, 397]
const SEEDS = 12

test('processes that share an index agree, lose nothing and do nothing twice, whoever dies', async () => {
  const seeds = new Set([...FOUND, ...Array.from({ length: SEEDS }, (_, place) => 1 + place)])
  const jobs = [
    ...[...seeds].map((seed) => ({ kind: 'run', workload: 'shared-index', seed }) as const),
    ...Array.from(
      { length: SEEDS },
      (_, seed) => ({ kind: 'run', workload: 'shared-versions', seed }) as const,
    ),
  ]
  const stories: string[] = []
  for await (const result of runJobs(jobs, 1)) stories.push(...result.stories)
  assert.ok(stories.length === 0, stories.join('\n'))
})
