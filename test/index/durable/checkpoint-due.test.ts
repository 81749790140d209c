/** When an automatic checkpoint is due, and when one that failed is tried again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApplyQueue } from '../../../src/index/durable/apply-queue.ts'
import { Checkpointing } from '../../../src/index/durable/checkpointing.ts'
import type { IndexState } from '../../../src/index/durable/index-state.ts'
import { LoggedAmount } from '../../../src/index/durable/logged-amount.ts'
import { RecoveryForecast } from '../../../src/index/durable/recovery-forecast.ts'
import { RetryDelay } from '../../../src/index/durable/retry-delay.ts'
import { SnapshotWatch } from '../../../src/log/checkpoint/snapshot-watch.ts'
import type { Log } from '../../support/kit.ts'

const MIB = 1024 * 1024

/**
 * A scheduler at work beside an index of so many vectors of 256 dimensions, and how often it took a
 * checkpoint.
 */
function scheduler(
  vectors: number,
  snapshotBytes: number,
): { logged: LoggedAmount; taken: () => Promise<number> } {
  const logged = new LoggedAmount()
  let taken = 0
  const log = {
    recovery: { bytes: 0 },
    stats: () => ({ firstSeq: 0, lastSeq: -1, bytesWritten: 0 }),
    lastCheckpoint: { sequenceNumber: 0, snapshot: { files: [{ bytes: snapshotBytes }] } },
    checkpoint: async () => {
      taken++
    },
  } as unknown as Log
  const freeze = (): object => ({ release: () => {} })
  const state = {
    logged,
    catalog: { size: vectors },
    index: { dimensions: 256 },
    freeze,
  } as unknown as IndexState
  const checkpointing = new Checkpointing(
    log,
    state,
    { appliedSeq: 1 } as ApplyQueue,
    { interval: 'auto' },
    new SnapshotWatch('/log', 1),
    new RecoveryForecast(log, state, { ms: 0, logMs: 0, snapshotMs: 0, replayMs: 0, replayed: [] }),
  )
  return {
    logged,
    taken: async () => {
      checkpointing.takeIfDue()
      await new Promise(setImmediate)
      return taken
    },
  }
}

test('by itself one is taken when the log has as many changes as the index has vectors, and 10,000', async () => {
  for (const [vectors, due] of [
    [100, 10_000],
    [25_000, 25_000],
  ] as const) {
    const { logged, taken } = scheduler(vectors, 0)
    logged.changes = due - 1
    assert.equal(await taken(), 0)
    logged.changes++
    assert.equal(await taken(), 1)
    logged.changes += due - 1
    assert.equal(await taken(), 1)
    logged.changes++
    assert.equal(await taken(), 2)
  }
})

test('by itself one is taken when the log is twice as large as the index, and 64 MiB', async () => {
  for (const [vectors, snapshotBytes, due] of [
    [100, 0, 64 * MIB],
    [50 * 1024, 0, 100 * MIB],
    [0, 60 * MIB, 120 * MIB],
  ] as const) {
    const { logged, taken } = scheduler(vectors, snapshotBytes)
    logged.bytes = due - 1
    assert.equal(await taken(), 0)
    logged.bytes++
    assert.equal(await taken(), 1)
    logged.bytes += due - 1
    assert.equal(await taken(), 1)
  }
})

test('each failure doubles the time until the next try, up to 10 minutes; a success ends that', () => {
  let now = 1000
  const delay = new RetryDelay(() => now)
  assert.deepEqual([delay.failures, delay.remainingMs], [0, 0])
  const waits: number[] = []
  for (let failure = 0; failure < 9; failure++) {
    delay.failed()
    waits.push(delay.remainingMs)
    now += delay.remainingMs - 1
    assert.equal(delay.remainingMs, 1)
    now++
    assert.equal(delay.remainingMs, 0)
  }
  assert.deepEqual(
    waits,
    [5, 10, 20, 40, 80, 160, 320, 600, 600].map((seconds) => seconds * 1000),
  )
  assert.equal(delay.failures, 9)
  delay.succeeded()
  delay.failed()
  assert.equal(delay.remainingMs, 5000)
})
