import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DurableIndex, flat } from 'walv'
import type { Job, Metrics } from '../job.ts'
import { pause } from '../loop-delay.ts'
import { Records } from '../records.ts'
import { quantile } from '../statistics.ts'
import { startVictim, tellKiller } from '../victim.ts'
import { insertAll } from './fill.ts'

export interface RecoveryBudgetJob extends Job {
  /** Ids that are written again and again, so that the snapshot keeps its size. */
  readonly ids: number
  readonly kills: number
  readonly maxLifeMs: number
}

interface Life extends RecoveryBudgetJob {
  readonly budgetMs: number
}

interface Opened {
  readonly openMs: number
}

interface Begun {
  /** How long a checkpoint takes under load. */
  readonly checkpointMs: number
}

interface Told {
  readonly estimatedMs: number
  /** Since this process began. */
  readonly taken: number
}

const CALLERS = 64
/** The first opening finds files that were just written, and what nobody has measured. */
const BASE_OPENINGS = 3
/**
 * What comes in while two checkpoints are written takes about as long again to be replayed: with
 * less room no rule could keep to it. A quarter of the budget is for predictions that are too low.
 */
const CHECKPOINTS_OF_ROOM = 2.5
const SHARE_AIMED_AT = 0.75
const LEAST_BUDGET_MS = 100
const TELL_MS = 5
const WARM_UP_MS = 1000
const NO_BUDGET_MS = 600_000
const PREDICTED_WITHIN = 0.25

/**
 * Kills an index with SIGKILL under load, again and again, and opens it in a fresh process: how
 * often that stayed within the budget, and how near it was to what was predicted last.
 */
export async function recoveryBudget(job: RecoveryBudgetJob): Promise<Metrics> {
  const directory = join(job.directory, 'index')
  mkdirSync(directory)
  const life = { ...job, kind: 'life-within-budget', directory }
  const base = await measureBase({ ...life, budgetMs: NO_BUDGET_MS })
  const room = base.openMs + CHECKPOINTS_OF_ROOM * base.checkpointMs
  const budgetMs = Math.max(Math.ceil(room / SHARE_AIMED_AT), LEAST_BUDGET_MS)
  const random = randomNumbers()
  const openMs: number[] = []
  const predictedMs: number[] = []
  let checkpoints = 0
  let predicted: number | undefined
  for (let kill = 0; kill <= job.kills; kill++) {
    const victim = startVictim({ ...life, budgetMs })
    const opened = (await victim.next()) as Opened
    if (predicted !== undefined) {
      openMs.push(opened.openMs)
      predictedMs.push(predicted)
    }
    await pause(random() * job.maxLifeMs)
    const told = (await victim.kill()) as Told | Opened
    predicted = 'estimatedMs' in told ? told.estimatedMs : undefined
    checkpoints += 'taken' in told ? told.taken : 0
  }
  const errors = openMs.map((ms, i) => Math.abs(predictedMs[i]! / ms - 1)).sort((a, b) => a - b)
  return {
    baseMs: base.openMs,
    checkpointMs: base.checkpointMs,
    budgetMs,
    kills: openMs.length,
    checkpoints,
    within: openMs.filter((ms) => ms <= budgetMs).length / openMs.length,
    longestMs: Math.max(...openMs),
    medianError: quantile(errors, 0.5),
    p90Error: quantile(errors, 0.9),
    predictedWithin: errors.filter((error) => error <= PREDICTED_WITHIN).length / errors.length,
    openMs,
    predictedMs,
  }
}

/** What an opening takes with nothing behind the checkpoint, and a checkpoint under load. */
async function measureBase(job: Life): Promise<Opened & Begun> {
  const beginning = startVictim({ ...job, kind: 'begin-within-budget' })
  const { checkpointMs } = (await beginning.next()) as Begun
  await beginning.kill()
  const openings: number[] = []
  for (let i = 0; i < BASE_OPENINGS; i++) {
    const victim = startVictim({ ...job, maxLifeMs: 0 })
    openings.push(((await victim.next()) as Opened).openMs)
    await victim.kill()
  }
  openings.sort((a, b) => a - b)
  return { openMs: quantile(openings, 0.5), checkpointMs }
}

const open = (job: Life): Promise<DurableIndex> =>
  DurableIndex.open({
    directory: job.directory,
    index: flat({ dimensions: job.dimensions }),
    recoveryBudgetMs: job.budgetMs,
  })

/** An index of so many vectors, with a checkpoint that has all of them. Never resolves. */
export async function beginWithinBudget(job: Life): Promise<never> {
  const index = await open(job)
  await insertAll(index, job.dimensions, 0, job.ids)
  const load = startLoad(index, job)
  await pause(WARM_UP_MS)
  const took: number[] = []
  for (let i = 0; i < BASE_OPENINGS; i++) {
    const start = performance.now()
    await index.checkpoint()
    took.push(performance.now() - start)
  }
  await load.stop()
  await index.checkpoint()
  tellKiller({ checkpointMs: Math.max(...took) })
  return FOREVER
}

/** Never resolves. Tells how long opening took, and then what the next one would. */
export async function lifeWithinBudget(job: Life): Promise<never> {
  const start = performance.now()
  const index = await open(job)
  tellKiller({ openMs: performance.now() - start })
  if (job.maxLifeMs === 0) return FOREVER
  let taken = 0
  let behind = index.stats().entriesSinceCheckpoint
  setInterval(() => {
    const { estimatedRecoveryMs, entriesSinceCheckpoint } = index.stats()
    if (entriesSinceCheckpoint < behind) taken++
    behind = entriesSinceCheckpoint
    tellKiller({ estimatedMs: estimatedRecoveryMs, taken })
  }, TELL_MS)
  startLoad(index, job)
  return FOREVER
}

const FOREVER = new Promise<never>(() => {})

/** The same ids are written again and again. */
function startLoad(index: DurableIndex, job: Life): { stop(): Promise<void> } {
  const records = new Records(job.ids, job.dimensions, { haveMetadata: true })
  let next = 0
  let isOver = false
  async function caller(): Promise<void> {
    while (!isOver) {
      const n = next++
      await index.upsert(records.id(n), records.vector(n), records.metadata(n))
    }
  }
  const callers = Promise.all(Array.from({ length: CALLERS }, caller))
  return {
    async stop() {
      isOver = true
      await callers
    },
  }
}

/** Seeded: each run kills after the same times. */
function randomNumbers(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 0) / 2 ** 32
  }
}
