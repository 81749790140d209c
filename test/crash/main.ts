/**
 * `npm run crash`: the crash explorer, for as long as one likes, or once more on a seed that
 * failed.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import type { Job, JobResult } from './job.ts'
import { runJobs } from './pool.ts'
import type { Workload } from './workload.ts'
import { WORKLOADS } from './workloads.ts'

const USAGE = `npm run crash -- [--states N] [--seed N] [--workload NAME] [--workers N]

  --states N       go on from seed to seed until N states were looked at; without it, one seed
  --seed N         the first seed, or the only one; 1 by default
  --workload NAME  one of ${WORKLOADS.map(({ name }) => name).join(', ')}; all by default
  --workers N      threads; as many as there are cores by default`

const PROGRESS_MS = 5_000

interface Settings {
  readonly states: number | undefined
  readonly firstSeed: number
  readonly workloads: readonly Workload[]
  readonly workers: number
}

/** What was done so far. */
class Totals {
  readonly startedAt: number = performance.now()
  readonly #firstSeed: number
  #lastSeed: number
  cuts = 0
  secondCuts = 0
  states = 0
  violations = 0

  constructor(firstSeed: number) {
    this.#firstSeed = firstSeed
    this.#lastSeed = firstSeed
  }

  add({ seed, cuts, secondCuts, states, stories }: JobResult): void {
    this.#lastSeed = Math.max(this.#lastSeed, seed)
    this.cuts += cuts
    this.secondCuts += secondCuts
    this.states += states
    this.violations += stories.length
  }

  toString(): string {
    const seconds = (performance.now() - this.startedAt) / 1_000
    return (
      `seeds ${this.#firstSeed} to ${this.#lastSeed}: ${this.cuts} cuts, ${this.states} states, ` +
      `${this.secondCuts} second cuts, ${this.violations} violations, ` +
      `${Math.round(this.states / seconds)} states/s, ${Math.round(seconds)} s`
    )
  }
}

function settingsFrom(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      states: { type: 'string' },
      seed: { type: 'string' },
      workload: { type: 'string' },
      workers: { type: 'string' },
    },
  })
  const names = WORKLOADS.map(({ name }) => name)
  if (values.workload !== undefined && !names.includes(values.workload))
    throw new Error(`There is no workload ${values.workload}.`)
  return {
    states: values.states === undefined ? undefined : numberFrom('states', values.states),
    firstSeed: numberFrom('seed', values.seed ?? '1'),
    workloads: WORKLOADS.filter(({ name }) => values.workload === undefined || name === values.workload),
    workers: numberFrom('workers', values.workers ?? String(availableParallelism())),
  }
}

function numberFrom(name: string, text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number) || number < 1)
    throw new Error(`--${name} takes a whole number from 1 on, not ${text}.`)
  return number
}

/** Every workload of one seed, then of the next. */
function* jobs({ states, firstSeed, workloads }: Settings, totals: Totals): Generator<Job, void, void> {
  for (let seed = firstSeed; seed === firstSeed || totals.states < (states ?? 0); seed++)
    for (const { name, everySeeds } of workloads)
      if (seed === firstSeed || seed % everySeeds === 0) yield { kind: 'explore', workload: name, seed }
}

/** Returns the exit code. */
async function main(): Promise<number> {
  let settings: Settings
  try {
    settings = settingsFrom(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  const totals = new Totals(settings.firstSeed)
  const progress = setInterval(() => console.error(String(totals)), PROGRESS_MS)
  for await (const result of runJobs(jobs(settings, totals), settings.workers)) {
    totals.add(result)
    for (const story of result.stories) console.log(story)
  }
  clearInterval(progress)
  console.log(String(totals))
  return totals.violations > 0 ? 1 : 0
}

process.exitCode = await main()
