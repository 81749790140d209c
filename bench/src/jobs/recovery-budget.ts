import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DurableIndex, flat } from 'walv'
import type { Job, Metrics } from '../job.ts'
import { pause } from '../loop-delay.ts'
import { Records } from '../records.ts'
import { quantile } from '../statistics.ts'
import { startVictim, tellKiller, type Victim } from '../victim.ts'
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

interface Told {
  readonly estimatedMs: number
  readonly checkpoints: number
}

const CALLERS = 64
/** The first opening finds files that were just written, and what nobody has measured. */
const BASE_OPENINGS = 3
/** Room for as much to replay as the rest of an opening takes, whatever the machine. */
const BUDGET_TO_BASE = 2
const LEAST_BUDGET_MS = 100
const TELL_MS = 5
const PREDICTED_WITHIN = 0.25

/**
 * Kills an index with SIGKILL under load, again and again, and opens it in a fresh process: how
 * often that stayed within the budget, and how near it was to what was predicted last.
 */
export async function recoveryBudget(job: RecoveryBudgetJob): Promise<Metrics> {
  const directory = join(job.directory, 'index')
  mkdirSync(directory)
  const life = { ...job, kind: 'life-within-budget', directory }
  await startLife({ ...life, kind: 'begin-within-budget', budgetMs: 60_000 }).ended()
  const base: number[] = []
  for (let i = 0; i < BASE_OPENINGS; i++)
    base.push(await startLife({ ...life, budgetMs: 60_000, maxLifeMs: 0 }).ended())
  const baseMs = quantile(
    base.sort((a, b) => a - b),
    0.5,
  )
  const budgetMs = Math.max(Math.ceil(BUDGET_TO_BASE * baseMs), LEAST_BUDGET_MS)
  const random = randomNumbers()
  const openings: number[] = []
  const errors: number[] = []
  let checkpoints = 0
  let predicted: number | undefined
  for (let kill = 0; kill <= job.kills; kill++) {
    const started = startLife({ ...life, budgetMs })
    const { openMs } = (await started.victim.next()) as Opened
    if (predicted !== undefined) {
      openings.push(openMs)
      errors.push(Math.abs(predicted / openMs - 1))
      if (process.env.WALV_BENCH_TELL)
        process.stderr.write(
          `${openMs.toFixed(0)} of ${budgetMs}, predicted ${predicted.toFixed(0)}, ${checkpoints}\n`,
        )
    }
    await pause(random() * job.maxLifeMs)
    const told = (await started.victim.kill()) as Told | Opened
    predicted = 'estimatedMs' in told ? told.estimatedMs : undefined
    checkpoints += 'checkpoints' in told ? told.checkpoints : 0
  }
  errors.sort((a, b) => a - b)
  return {
    baseMs,
    budgetMs,
    kills: openings.length,
    checkpoints,
    within: openings.filter((ms) => ms <= budgetMs).length / openings.length,
    longestMs: Math.max(...openings),
    medianError: quantile(errors, 0.5),
    p90Error: quantile(errors, 0.9),
    predictedWithin: errors.filter((error) => error <= PREDICTED_WITHIN).length / errors.length,
  }
}

/** A life that ends by itself tells how long opening took. */
function startLife(life: Life): { readonly victim: Victim; ended(): Promise<number> } {
  const victim = startVictim(life)
  return {
    victim,
    async ended() {
      const { openMs } = (await victim.next()) as Opened
      await victim.kill()
      return openMs
    },
  }
}

const open = (job: Life): Promise<DurableIndex> =>
  DurableIndex.open({
    directory: job.directory,
    index: flat({ dimensions: job.dimensions }),
    recoveryBudgetMs: job.budgetMs,
  })

/** An index of so many vectors, with a checkpoint that has all of them. */
export async function beginWithinBudget(job: Life): Promise<never> {
  const index = await open(job)
  await insertAll(index, job.dimensions, 0, job.ids)
  await index.checkpoint()
  tellKiller({ openMs: 0 })
  return new Promise<never>(() => {})
}

/** Never resolves. Tells how long opening took, and then what the next one would. */
export async function lifeWithinBudget(job: Life): Promise<never> {
  const records = new Records(job.ids, job.dimensions, { haveMetadata: true })
  const start = performance.now()
  const index = await open(job)
  tellKiller({ openMs: performance.now() - start })
  setInterval(() => {
    const { estimatedRecoveryMs, checkpoints } = index.stats()
    tellKiller({ estimatedMs: estimatedRecoveryMs, checkpoints })
  }, TELL_MS)
  let next = 0
  async function caller(): Promise<never> {
    for (;;) {
      const n = next++
      await index.upsert(records.id(n), records.vector(n), records.metadata(n))
    }
  }
  const callers = job.maxLifeMs === 0 ? [] : Array.from({ length: CALLERS }, caller)
  await Promise.all([...callers, new Promise<never>(() => {})])
  throw new Error('it was not killed')
}

/** Seeded: each run kills after the same times. */
function randomNumbers(): () => number {
  let state = 1
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state >>> 0) / 2 ** 32
  }
}
