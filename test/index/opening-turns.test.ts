import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { test } from 'node:test'
import { OpeningWork } from '../../src/index/opening-work.ts'

/** Longer than a stretch of work may last. */
const STEP_MS = 6

test('between two stretches of an opening timers have their turn, also behind an answer of the system', async (t) => {
  const work = new OpeningWork(undefined, undefined).replay(1)
  let fired = 0
  const timer = setInterval(() => fired++, 1)
  t.after(() => clearInterval(timer))
  for (let round = 0; round < 5; round++) {
    await stat('.')
    for (let step = 0; step < 3; step++) {
      const before = fired
      for (const began = performance.now(); performance.now() - began < STEP_MS; );
      await work.step(0, 1)
      assert.ok(fired > before, `round ${round}, step ${step}`)
    }
  }
})
