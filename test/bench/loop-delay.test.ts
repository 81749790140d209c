/** The bench's measure of the event loop's delay: what it counts, and what it leaves out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LoopDelays, pause } from '../../bench/src/loop-delay.ts'

const block = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

/** Longer than other programs keep a process from its processor. */
const BLOCKED_MS = 1_500

const blocking = async (): Promise<void> => {
  await pause(5)
  block(BLOCKED_MS)
}

test('what stops the loop between two measurements is not counted', async () => {
  const delays = new LoopDelays()
  await delays.during(() => pause(5))
  block(BLOCKED_MS)
  await delays.during(() => pause(5))
  assert.ok(delays.figures.maxMs < BLOCKED_MS, `${delays.figures.maxMs} ms`)
})

test('a later measurement does not forget an earlier one', async () => {
  const delays = new LoopDelays()
  await delays.during(blocking)
  await delays.during(() => pause(5))
  assert.ok(delays.figures.maxMs >= BLOCKED_MS, `${delays.figures.maxMs} ms`)
})
