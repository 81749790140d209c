/** When a budget for the next opening makes a checkpoint due: by a clock that the test moves. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ApplyQueue } from '../../../src/index/durable/apply-queue.ts'
import { Checkpointing } from '../../../src/index/durable/checkpointing.ts'
import type { IndexState } from '../../../src/index/durable/index-state.ts'
import { LoggedAmount } from '../../../src/index/durable/logged-amount.ts'
import { RecoveryForecast } from '../../../src/index/durable/recovery-forecast.ts'
import { SnapshotWatch } from '../../../src/log/checkpoint/snapshot-watch.ts'
import {
  type DurableIndex,
  type DurableIndexOptions,
  flat,
  type Log,
  names,
  openIndex,
  temporaryDirectory,
  until,
  type VectorIndex,
} from '../../support/kit.ts'

const MIB = 1024 * 1024
const INDEX = {
  catalog: { size: 100 },
  index: { dimensions: 256 },
  freeze: () => ({ release: () => {} }),
}
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const BUDGET_MS = 1000

interface Simulated {
  readonly checkpointing: Checkpointing
  /** So many changes, of so many milliseconds each, as fast as they are applied. */
  change(count: number, applyMs: number): Promise<void>
  /** Lets the checkpoint under way end, after so long. */
  finish(ms: number): Promise<void>
  readonly begun: () => number
  /** What an opening would have taken at worst. */
  readonly worstMs: () => number
}

/**
 * An index whose opening loaded 10 MiB of snapshot in `snapshotMs`, and takes 50 ms besides. What
 * replays a change is as slow as what applied it.
 */
function simulated(snapshotMs: number, hasBudget = true): Simulated {
  const logged = new LoggedAmount()
  let now = 0
  let begun = 0
  let worst = 0
  let behindMs = 0
  let end: (() => void) | undefined
  const log = {
    recovery: { bytes: 0 },
    stats: () => ({ firstSeq: 0, lastSeq: -1, bytesWritten: 0 }),
    lastCheckpoint: { sequenceNumber: 0, snapshot: { files: [{ bytes: 10 * MIB }], info: { size: 100 } } },
    checkpoint: () => {
      begun++
      const atFreeze = behindMs
      return new Promise<void>((resolve) => {
        end = () => {
          behindMs -= atFreeze
          resolve()
        }
      })
    },
  } as unknown as Log
  const state = { logged, ...INDEX } as unknown as IndexState
  const times = { ms: 50 + snapshotMs, logMs: 0, snapshotMs, replayMs: 0, replayed: [] }
  const queue = { appliedSeq: 1, settled: async () => {} } as unknown as ApplyQueue
  const checkpointing = new Checkpointing(
    log,
    state,
    queue,
    { interval: 'auto', ...(hasBudget && { recoveryBudgetMs: BUDGET_MS }) },
    new SnapshotWatch('/log', 1),
    new RecoveryForecast(log, state, times),
    () => now,
  )
  return {
    checkpointing,
    async change(count, applyMs) {
      for (let i = 0; i < count; i++) {
        logged.changes++
        logged.applyMs += applyMs
        now += applyMs
        behindMs += applyMs
        worst = Math.max(worst, 50 + snapshotMs + behindMs)
        checkpointing.takeIfDue()
      }
      await settle()
    },
    async finish(ms) {
      now += ms
      end?.()
      end = undefined
      await settle()
    },
    begun: () => begun,
    worstMs: () => worst,
  }
}

test('what an opening would take now is told, and grows with what is behind the checkpoint', async () => {
  const { checkpointing, change } = simulated(100)
  assert.equal(checkpointing.figures.estimatedRecoveryMs, 150)
  await change(100, 2)
  assert.equal(checkpointing.figures.estimatedRecoveryMs, 350)
  assert.equal(checkpointing.figures.leastRecoveryMs, 150)
})

test('a checkpoint is taken before an opening would take longer than the budget', async () => {
  const { checkpointing, change, finish, begun, worstMs } = simulated(100)
  let taken = 0
  for (let round = 0; round < 400; round++) {
    await change(10, 1)
    if (begun() === taken) continue
    // What comes while it is written has to be replayed as well, if it ends before.
    await change(300, 1)
    await finish(0)
    taken++
  }
  assert.ok(taken >= 4, `${taken} were taken`)
  assert.ok(worstMs() <= BUDGET_MS, `an opening took up to ${worstMs()} ms`)
  // 300 come in while each is written.
  assert.ok(taken <= 50, `${taken} were taken`)
  assert.equal(checkpointing.trouble, undefined)
})

test('without a budget none is taken for it', async () => {
  const { change, begun, checkpointing } = simulated(100, false)
  await change(5000, 1)
  assert.equal(begun(), 0)
  assert.equal(checkpointing.trouble, undefined)
})

test('where the snapshot alone takes longer, none is taken in vain, and it is told', async () => {
  const { change, begun, checkpointing } = simulated(1200)
  await change(5000, 1)
  assert.equal(begun(), 0)
  assert.match(
    checkpointing.trouble!,
    /An opening takes about 1250 ms with nothing behind the snapshot, so that recoveryBudgetMs \(1000\) cannot be kept\./,
  )
})

test('between two there is a rest, however little room the snapshot leaves', async () => {
  const { change, finish, begun, checkpointing } = simulated(600)
  await change(1000, 1)
  assert.equal(begun(), 1)
  assert.match(
    checkpointing.trouble!,
    /An opening would take about 1650 ms now, longer than recoveryBudgetMs/,
  )
  await finish(3000)
  await change(900, 1)
  assert.equal(begun(), 1, 'the last one took 4 s')
  await change(150, 1)
  assert.equal(begun(), 2)
})

test('a snapshot that takes most of the budget leaves room for some changes still', async () => {
  const { change, begun, checkpointing } = simulated(800)
  await change(30, 1)
  assert.equal(begun(), 1)
  assert.equal(checkpointing.trouble, undefined)
})

test('closing takes one where that is quicker than replaying what is behind the last', async () => {
  for (const [behind, takes] of [
    [20, 0],
    [300, 1],
  ] as const) {
    const { change, finish, begun, checkpointing } = simulated(100)
    const first = checkpointing.take()
    await finish(100)
    await first
    const before = begun()
    await change(behind, 0.5)
    const closed = checkpointing.close()
    await new Promise(setImmediate)
    assert.equal(begun() - before, takes, `${behind} behind the last`)
    await finish(0)
    await closed
  }
})

/** Each vector takes at least so long to be set. */
const SET_MS = 6

/** The flat index, but slow. `spent` is told what setting a vector took. */
function slow(spent: (ms: number) => void = () => {}): VectorIndex {
  return new Proxy(flat({ dimensions: 2 }), {
    get(target, name) {
      if (name === 'set')
        return (label: number, vector: Float32Array) => {
          const began = performance.now()
          while (performance.now() - began < SET_MS);
          target.set(label, vector)
          spent(performance.now() - began)
        }
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const open = (
  t: TestContext,
  directory: string,
  options: Partial<DurableIndexOptions> = {},
): Promise<DurableIndex> => openIndex(t, { directory, index: slow(), ...options })

test('what is estimated is what the vectors took, and what this opening took', async (t) => {
  const directory = await temporaryDirectory(t)
  let spentMs = 0
  const index = slow((ms) => {
    spentMs += ms
  })
  const first = await open(t, directory, { index, checkpointIntervalEntries: false })
  const atFirst = first.stats().estimatedRecoveryMs
  await Promise.all(names('id', 150).map((id) => first.insert(id, [1, 2])))
  const predicted = first.stats().estimatedRecoveryMs - atFirst
  assert.ok(Math.abs(predicted / spentMs - 1) < 0.2, `${predicted} ms were predicted for ${spentMs}`)
  await first.close()
  const second = await open(t, directory, { checkpointIntervalEntries: false })
  const again = second.stats().estimatedRecoveryMs
  const { durationMs } = second.recovery
  assert.ok(Math.abs(again / durationMs - 1) < 0.1, `${again} ms are predicted, it took ${durationMs}`)
})

test('an index takes a checkpoint for its budget, and tells the next process what openings took', async (t) => {
  const directory = await temporaryDirectory(t)
  const first = await open(t, directory, { recoveryBudgetMs: 2000 })
  // Setting so many takes as long as the budget.
  for (const id of names('id', Math.ceil(2000 / SET_MS))) {
    await first.insert(id, [1, 2])
    if (first.stats().entriesSinceCheckpoint === 0) break
  }
  await until(() => first.stats().checkpoints > 0)
  await first.close()
  const second = await open(t, directory, { recoveryBudgetMs: 2000 })
  assert.ok(second.recovery.fromSnapshot > 10)
  const checkpoint = await second.checkpoint()
  const { openings } = checkpoint!.snapshot!.info as unknown as { openings: { ms: number }[] }
  assert.equal(openings.length, 2)
  assert.ok(openings[0]!.ms > openings[1]!.ms, 'the first opened an empty directory')
})

test('a budget that is none is refused', async (t) => {
  const directory = await temporaryDirectory(t)
  for (const recoveryBudgetMs of [0, -1, 1.5, Number.NaN, '1000' as never])
    await assert.rejects(open(t, directory, { recoveryBudgetMs }), { code: 'WALV_INVALID_OPTION' })
})
