/** Work on a disk one operation of which fails, and what must hold after it. */

import type { Operation } from '../../src/testing/disk/operations.ts'
import { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { crashStates } from '../../src/testing/explore/crash-states.ts'
import { Random } from '../../src/testing/random.ts'
import type { FaultedWork } from './faulted.ts'
import { faultsOf, type OneFault, rareFaultsOf, Trouble } from './trouble.ts'
import { resetTime, within } from './virtual-time.ts'
import type { Work } from './workload.ts'

export interface FaultsFound {
  /** How often the work was done. */
  readonly runs: number
  readonly states: number
  readonly failures: readonly string[]
}

const STATES = 3
const MAX_TURNS = 20_000
const MAX_FAILURES = 5

/**
 * Does the same work again and again: each time another operation fails, or the same in another
 * way. Whatever happens, every rejection is a `WalError`, what was acknowledged is there after
 * reopening, also after a power cut, and what was refused as not logged is not; the log goes on, or
 * says that it does not and goes on after reopening.
 */
export async function failEachOperation(
  { name, steps, create }: FaultedWork,
  seed: number,
): Promise<FaultsFound> {
  const { operations } = await runOnce(create(seed, new Trouble('none')), seed, steps)
  const failures: string[] = []
  let runs = 0
  let states = 0
  for (const operation of operations) {
    for (const one of waysToFail(operation)) {
      if (failures.length >= MAX_FAILURES) return { runs, states, failures }
      runs++
      try {
        states += (await runOnce(create(seed, new Trouble(one)), seed, steps)).states
      } catch (error) {
        const what = `${operation.number}: ${operation.kind} ${operation.path}`
        failures.push(
          `${name}, seed ${seed}, ${what} fails with ${JSON.stringify(one)}\n${(error as Error).stack}`,
        )
      }
    }
  }
  return { runs, states, failures }
}

/**
 * Once, in each way; and the first way also for as long as it takes to notice. But not reading:
 * what cannot be read for long is lost to a repair, rightly.
 */
function waysToFail(operation: Operation): OneFault[] {
  const at = operation.number
  const lasting = operation.kind === 'read' ? 0 : 1
  const once = [...faultsOf(operation), ...rareFaultsOf(operation)].map((fault) => ({ at, fault }))
  return [...once, ...once.slice(0, lasting).map((each) => ({ ...each, lasts: true }))]
}

/** Returns the operations of the work itself. */
async function runOnce(
  work: Work,
  seed: number,
  steps: number,
): Promise<{ operations: readonly Operation[]; states: number }> {
  resetTime()
  const disk = new SimulatedDisk({ ...work.disk, seed })
  await work.prepare?.(disk)
  const from = disk.ops.length
  disk.onOperation = work.onOperation
  let facts: unknown
  const witness = (newest: unknown): void => {
    facts = newest
  }
  const numbers = Array.from({ length: steps }, (_, step) => step)
  await within(MAX_TURNS, 'the work', work.run(disk, witness, numbers))
  disk.onOperation = undefined
  const operations = disk.ops.slice(from)
  let states = 0
  for (const { disk: left } of crashStates(disk.kill(), STATES, new Random(seed), () => false)) {
    states++
    resetTime()
    await within(
      MAX_TURNS,
      'opening what is left',
      work.verify(left, facts, () => {}),
    )
  }
  return { operations, states }
}
