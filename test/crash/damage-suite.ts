/** Does one kind of harm after the other to a log, and looks what is said and done about each. */
import assert from 'node:assert/strict'
import type { Harm } from './damage-kinds.ts'
import type { Original } from './damage-logs.ts'
import { check, type Outcome } from './damage-oracle.ts'
import { checkGoingOn, checkRepair } from './damage-repair.ts'
import { damagedBy, Untouched } from './damage-untouched.ts'

/**
 * `WALV_DAMAGE=full`: all of it, in some minutes. Otherwise what takes seconds, as the tests say.
 */
export const FULL: boolean = process.env.WALV_DAMAGE === 'full'

/** More failures say no more than these. */
const MAX_FAILURES = 5

export interface SuiteOptions {
  /** What may come of it, beside `whole` and `loss`. */
  readonly may?: readonly Outcome[]
  /**
   * Strict and the doctor are asked once for each thing that salvage says, not for each harm; with
   * `FULL` always.
   */
  readonly grouped?: boolean
  /** The log is repaired, and gone on with, after every so many harms. Default 1. */
  readonly repairEvery?: number
}

/**
 * Fails unless the truth is told of every harm. Prints and returns how many there were, by outcome.
 */
export async function suffer(
  original: Original,
  harms: Iterable<Harm>,
  { may = [], grouped = false, repairEvery = 1 }: SuiteOptions = {},
): Promise<Record<Outcome, number>> {
  const counts = { whole: 0, loss: 0, unknown: 0, hidden: 0 }
  const failures: string[] = []
  const agreed = new Set<string>()
  let done = 0
  for (const harm of harms) {
    try {
      const outcome = await one(
        original,
        harm,
        done++ % repairEvery === 0,
        grouped && !FULL ? agreed : undefined,
      )
      counts[outcome]++
      assert.ok(['whole', 'loss', ...may].includes(outcome), `what is lost is ${outcome}`)
    } catch (error) {
      failures.push(`${original.name}, ${harm.name}: ${(error as Error).stack}`)
      if (failures.length >= MAX_FAILURES) break
    }
  }
  console.log(
    JSON.stringify({ log: original.name, harms: done, repaired: Math.ceil(done / repairEvery), ...counts }),
  )
  assert.equal(failures.length, 0, failures.join('\n\n'))
  return counts
}

async function one(
  original: Original,
  harm: Harm,
  repaired: boolean,
  agreed?: Set<string>,
): Promise<Outcome> {
  const untouched = new Untouched(original, damagedBy(original, harm))
  const { outcome, salvaged } = await check(untouched, agreed)
  if (!repaired) return outcome
  await checkRepair(untouched, salvaged)
  await checkGoingOn(untouched, salvaged, 'salvage')
  const opens = salvaged.damage.every(({ acknowledged }) => acknowledged === false)
  if (opens) await checkGoingOn(untouched, salvaged, 'strict')
  return outcome
}
