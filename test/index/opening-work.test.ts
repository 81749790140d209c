import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { OpeningWork } from '../../src/index/opening-work.ts'

test('what is told goes back neither in bytes nor in its share, though a large snapshot makes the total grow', async () => {
  const told: [done: number, total: number][] = []
  const work = new OpeningWork((done, total) => told.push([done, total]), undefined)
  work.logRead(50, 100)
  work.logRead(100, 100)
  const snapshot = work.snapshot(10_000, 0.5)
  const steps: [step: () => Promise<void> | undefined, told: [number, number]][] = [
    [() => snapshot.step(1, 1000), [5075, 10_150]],
    [() => snapshot.step(900, 1000), [9100, 10_150]],
    [() => work.replay(0.5).step(1, 2), [10_125, 10_150]],
  ]
  for (const [step, expected] of steps) {
    await setTimeout(5)
    await step()
    assert.deepEqual(told.at(-1), expected)
  }
  work.end()
  assert.deepEqual(told, [[50, 200], [100, 200], ...steps.map(([, expected]) => expected), [10_150, 10_150]])
})

test('what the index is given at the end is told of all that was read before, in proportion', async () => {
  const work = new OpeningWork(undefined, undefined)
  work.logRead(100, 100)
  work.replay(1)
  for (let read = 1; read <= 1000; read++) work.replayRead(read, 1000)
  await setTimeout(200)
  work.filled()
  const { replayMs, replayed } = work.times
  const [share, ms] = replayed.findLast(([each]) => each <= 0.5)!
  assert.ok(
    share > 0.35 && Math.abs(ms / replayMs - share) < 0.1,
    `${share} of it took ${ms} of ${replayMs} ms`,
  )
})
