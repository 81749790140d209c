/** One seed of one workload, explored; and what it tells if it fails. */
import { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import {
  type Exploration,
  explore,
  type PowerCut,
  type Violation,
} from '../../src/testing/explore/explore.ts'
import { shrink } from '../../src/testing/explore/shrink.ts'
import { FAULTED } from './faulted.ts'
import { failEachOperation } from './faults.ts'
import { resetTime, within } from './virtual-time.ts'
import type { Workload } from './workload.ts'
import { WORKLOADS } from './workloads.ts'

/** `explore` cuts the power; `run` only does the work; `faults` fails each operation once. */
export interface Job {
  readonly kind: 'explore' | 'run' | 'faults'
  readonly workload: string
  readonly seed: number
}

export interface JobResult extends Job {
  readonly cuts: number
  readonly secondCuts: number
  readonly states: number
  readonly runs: number
  /** One for each violation. */
  readonly stories: readonly string[]
}

const MAX_TURNS = 100_000
/** Explorations spent on leaving out steps. */
const MAX_SHRINKING = 40

export async function runJob(job: Job): Promise<JobResult> {
  const nothing = { ...job, cuts: 0, secondCuts: 0, states: 0, runs: 0 }
  if (job.kind === 'faults') {
    const work = FAULTED.find(({ name }) => name === job.workload)
    if (work === undefined) throw new Error(`there is no such work: ${job.workload}`)
    const { runs, states, failures } = await failEachOperation(work, job.seed)
    return { ...nothing, runs, states, stories: failures }
  }
  const workload = WORKLOADS.find(({ name }) => name === job.workload)
  if (workload === undefined) throw new Error(`there is no such workload: ${job.workload}`)
  const steps = Array.from({ length: workload.steps }, (_, step) => step)
  if (job.kind === 'run')
    return { ...nothing, runs: 1, stories: await storiesOfRun(workload, job.seed, steps) }
  const { cuts, secondCuts, states, violations } = await exploreSteps(workload, job.seed, steps)
  const stories = violations.length === 0 ? [] : [await shortest(workload, job.seed, steps)]
  return { ...nothing, cuts, secondCuts, states, stories }
}

/** What goes wrong without a power cut. */
async function storiesOfRun(workload: Workload, seed: number, steps: readonly number[]): Promise<string[]> {
  const { disk: options, onOperation, prepare, run } = workload.create(seed)
  const disk = new SimulatedDisk({ ...options, seed })
  await prepare?.(disk)
  disk.onOperation = onOperation
  try {
    await alone('the work', () => run(disk, () => {}, steps))
    return []
  } catch (error) {
    return [`workload ${workload.name}, seed ${seed}: ${(error as Error).stack}`]
  }
}

function exploreSteps(workload: Workload, seed: number, steps: readonly number[]): Promise<Exploration> {
  const work = workload.create(seed)
  return explore({
    ...work,
    seed,
    maxViolations: 1,
    run: (disk, witness) => alone('the work', () => work.run(disk, witness, steps)),
    verify: (disk, facts, witness) => alone('opening what was left', () => work.verify(disk, facts, witness)),
  })
}

/** At a time of its own, for so long and no longer. */
function alone(what: string, work: () => Promise<void>): Promise<void> {
  resetTime()
  return within(MAX_TURNS, what, work())
}

/** Leaves out what steps it can, and tells what is left. */
async function shortest(workload: Workload, seed: number, all: readonly number[]): Promise<string> {
  const fails = async (steps: readonly number[]): Promise<boolean> =>
    (await exploreSteps(workload, seed, steps)).violations.length > 0
  const steps = await shrink(all, fails, MAX_SHRINKING)
  const { violations } = await exploreSteps(workload, seed, steps)
  return violations.map((violation) => storyOf(workload, violation, steps)).join('\n')
}

function storyOf({ name }: Workload, violation: Violation, steps: readonly number[]): string {
  const { seed, error, cut, second, story } = violation
  return [
    `workload ${name}, seed ${seed}: ${error.stack}`,
    `Of its steps it takes ${steps.join(', ') || 'none'}.`,
    ...(cut ? cutText('The power was cut', cut) : ['The work itself failed. Its last changes:', ...story]),
    ...(second ? cutText('While that was being recovered, the power was cut again', second) : []),
    `Again: npm run crash -- --workload ${name} --seed ${seed}`,
    '',
  ].join('\n')
}

const cutText = (what: string, { afterOperations, landed, story }: PowerCut): string[] => [
  `${what} after ${afterOperations} operations. The last changes before:`,
  ...story.map((line) => `  ${line}`),
  landed.length === 0
    ? 'Nothing that was not synced was on the disk.'
    : 'Of what was not synced, this was on the disk:',
  ...landed.map((line) => `  ${line}`),
]
