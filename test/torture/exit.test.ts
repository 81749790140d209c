import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { temporaryDirectory } from '../support/kit.ts'
import { Life } from './life.ts'
import { type Aim, type Killed, Victim } from './victim.ts'
import type { WorkTask } from './work.ts'

/**
 * Lets one process after the other end, until three did so in the midst of their appends; each
 * finds what the one before left, and so do we.
 */
async function endInTheMidst(t: TestContext, aim: Aim, part: Partial<WorkTask>): Promise<Killed[]> {
  const life = new Life(join(await temporaryDirectory(t), 'log'))
  const ends: Killed[] = []
  for (let time = 0; ends.length < 3; time++) {
    assert.ok(time < 30, 'processes do not end in the midst of appends')
    const victim = new Victim()
    t.after(() => victim.dispose())
    const task: WorkTask = {
      do: 'work',
      directory: life.directory,
      diet: { seed: time, lengths: [100, 1_000], slots: 4 },
      window: 64,
      checkpoints: true,
      durability: 'commit',
      segmentMaxBytes: 64 * 1024,
      checkpointRetention: 2,
      ...part,
    }
    const end = await victim.run(task, aim)
    await life.check(task, end.told)
    if (end.told.acknowledged.length > 0 && end.told.under.has('writing')) ends.push(end)
  }
  await life.settle()
  return ends
}

test('a process that SIGTERM ends in the midst of its appends loses nothing acknowledged', async (t) => {
  const ends = await endInTheMidst(
    t,
    { line: '{"acknowledged"', time: 4, delayMs: 1, signal: 'SIGTERM', patienceMs: 30_000 },
    {},
  )
  for (const { killed } of ends) assert.ok(killed)
})

test('a process that exits without closing, in the midst of its appends, loses nothing acknowledged', async (t) => {
  const ends = await endInTheMidst(
    t,
    { line: 'never', time: 1, delayMs: 0, patienceMs: 30_000 },
    { exitsAtStep: 200 },
  )
  for (const { killed } of ends) assert.ok(!killed)
})
