/** The workloads that are explored in the suite, in the files that run side by side. */
import assert from 'node:assert/strict'
import { after, type TestContext } from 'node:test'
import type { Job, JobResult } from './job.ts'
import { JobThread } from './pool.ts'
import { WORKLOADS } from './workloads.ts'

/**
 * What the others are variants of has two seeds, from 1 on; each of those has one. More of them:
 * `npm run crash`.
 */
const seedsOf = (workload: string): number => (workload === 'log' || workload === 'index' ? 2 : 1)
/** Seeds beyond those that found something once. */
const FOUND: Readonly<Record<string, readonly number[]>> = {
  cursors: [26],
  'failing-log': [9, 108, 321, 610, 6004],
  'failing-index': [196, 2037],
  'failing-varied-index': [6019, 6039, 6060],
  'full-log': [338],
  'sustained-log': [4, 10],
  'two-processes': [9, 11, 28],
  following: [21008, 21011],
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

const jobsOf = (workload: string): Job[] =>
  [...Array.from({ length: seedsOf(workload) }, (_, place) => 1 + place), ...(FOUND[workload] ?? [])].map(
    (seed) => ({
      kind: 'explore',
      workload,
      seed,
    }),
  )

type Run = (t: TestContext) => Promise<void>

/** The workloads of a file, each to be run as a test, and what to say of all of them at the end. */
export class Explored {
  readonly workloads: readonly { readonly name: string; readonly run: Run }[]
  readonly #explored: JobResult[] = []
  readonly #thread = new JobThread()

  constructor(file: ReturnType<typeof fileOf>) {
    after(() => this.#thread.stop())
    this.workloads = WORKLOADS.filter(({ name }) => fileOf(name) === file).map(({ name }) => ({
      name,
      run: (t) => this.#run(name, t),
    }))
  }

  async #run(name: string, t: TestContext): Promise<void> {
    const results: JobResult[] = []
    for (const job of jobsOf(name)) {
      const result = await this.#thread.run(job)
      results.push(result)
      // One violation is enough to look for its cause.
      if (result.stories.length > 0) break
    }
    this.#explored.push(...results)
    const stories = results.flatMap((result) => result.stories)
    assert.ok(stories.length === 0, stories.join('\n'))
    t.diagnostic(`${sum(results, 'states')} states after ${sum(results, 'cuts')} power cuts`)
  }

  needStates(minStates: number, t: TestContext): void {
    const states = sum(this.#explored, 'states')
    t.diagnostic(
      `${states} states, ${sum(this.#explored, 'secondCuts')} power cuts while another was being recovered from`,
    )
    assert.ok(states >= minStates, `only ${states}`)
  }
}

const sum = (results: readonly JobResult[], figure: 'states' | 'cuts' | 'secondCuts'): number =>
  results.reduce((total, result) => total + result[figure], 0)
