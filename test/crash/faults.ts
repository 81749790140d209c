/** Work on a disk one operation of which fails, and what must hold after it. */
import assert from 'node:assert/strict'
import { type DurableIndex, WalError } from '../../src/mod.ts'
import type { Fault, Operation } from '../../src/testing/operations.ts'
import { Random } from '../../src/testing/random.ts'
import { SimulatedDisk } from '../../src/testing/simulated-disk.ts'
import { textOf } from './model.ts'
import { contentOf, openIndex, valueText } from './workloads.ts'

/** Every way in which an operation can fail. */
export function faultsOf({ kind }: Operation): Fault[] {
  switch (kind) {
    case 'write':
      return [
        { code: 'EIO' },
        { code: 'EIO', applied: true },
        { code: 'ENOSPC' },
        { code: 'ENOSPC', applied: true },
        { bytes: 600 },
      ]
    case 'sync':
    case 'syncDirectory':
      return [{ code: 'EIO' }, { code: 'EIO', applied: true }]
    case 'create':
    case 'makeDirectory':
    case 'rename':
    case 'remove':
      return [{ code: 'EIO' }, { code: 'ENOSPC' }, { code: 'EIO', applied: true }]
    case 'open':
      return [{ code: 'EMFILE' }, { code: 'EIO' }]
    case 'read':
      return [{ code: 'EIO' }, { bytes: 100 }]
    case 'unlock':
      return []
    default:
      return [{ code: 'EIO' }]
  }
}

/** What must be there: after a call whose fate is unknown, one of two states. */
class Truth {
  #certain = new Map<string, string>()
  #possible: Map<string, string> | undefined

  applied(id: string, value: string | null): void {
    this.#certain = this.#with(id, value)
  }

  unknown(id: string, value: string | null): void {
    this.#possible = this.#with(id, value)
  }

  /** Fails unless one of the possible states is there, which then is the truth. */
  settle(found: Map<string, string>): void {
    const text = textOf(found)
    const fits = text === textOf(this.#certain) || (this.#possible !== undefined && text === textOf(this.#possible))
    assert.ok(
      fits,
      `found ${text.slice(0, 300)} instead of ${textOf(this.#certain).slice(0, 300)}${this.#possible ? ', or with the unknown change' : ''}`,
    )
    this.#certain = found
    this.#possible = undefined
  }

  #with(id: string, value: string | null): Map<string, string> {
    const state = new Map(this.#certain)
    if (value === null) state.delete(id)
    else state.set(id, value)
    return state
  }
}

/**
 * Does the same work each time, with one fault. Whatever happens: every rejection is a `WalError`; what was acknowledged is there after reopening, also after a power
 * cut; what was rejected as not logged is not; the log goes on, or says that it does not and goes on after reopening.
 */
export async function runWithFault(
  seed: number,
  steps: number,
  faultAt: number,
  fault: Fault | undefined,
): Promise<readonly Operation[]> {
  const disk = new SimulatedDisk({ seed })
  disk.onOperation = ({ number }) => (number === faultAt ? fault : undefined)
  const random = new Random(seed)
  const truth = new Truth()
  let index = await reopen(disk, truth)
  for (let step = 0; step < steps; step++) {
    if (random.chance(0.15)) await tolerate(() => index.checkpoint())
    const done = await change(index, random, step, truth)
    if (done && !random.chance(0.1)) continue
    await tolerate(() => index.close())
    index = await reopen(disk, truth)
  }
  const left = disk.kill()
  for (const { disk: found } of left.crashStates(4)) {
    const survivor = await openIndex(found)
    truth.settle(contentOf(survivor))
    await survivor.close()
  }
  const again = await openIndex(left)
  truth.settle(contentOf(again))
  await again.close()
  return disk.ops
}

/** Opening may meet the fault itself; it must then work the next time. */
async function reopen(disk: SimulatedDisk, truth: Truth): Promise<DurableIndex> {
  const index = (await tolerate(() => openIndex(disk))) ?? (await openIndex(disk))
  truth.settle(contentOf(index))
  return index
}

/** One change; returns whether the index may be used on. */
async function change(index: DurableIndex, random: Random, step: number, truth: Truth): Promise<boolean> {
  const id = `a${random.below(4)}`
  const removes = random.chance(0.2)
  const metadata = { text: 'x'.repeat(random.pick([1, 100, 3_000, 30_000])) }
  const value = removes ? null : valueText(step, metadata)
  try {
    if (removes) await index.delete(id)
    else await index.upsert(id, Float32Array.of(step, 1, 2, 3), metadata)
    truth.applied(id, value)
    return true
  } catch (error) {
    assert.ok(error instanceof WalError, `rejected with ${error}`)
    if (error.fate !== 'not-logged') truth.unknown(id, value)
    return error.code === 'WALV_DISK_FULL'
  }
}

async function tolerate<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    assert.ok(error instanceof WalError, `rejected with ${(error as Error).stack}`)
    return undefined
  }
}
