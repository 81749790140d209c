/** Closing beside a checkpoint that never ends, with the default of `closeWaitMs`. */
import '../../support/steerable-time.ts'
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  DIRECTORY,
  DurableIndex,
  emptyDirectory,
  flat,
  idsIn,
  insert,
  isSettled,
  namesOn,
  openOn,
  SimulatedDisk,
  settled,
} from '../../support/kit.ts'

const WAIT_MS = 10_000

/** Lets time pass until whoever is waited for has done nothing for too long. */
async function passes(t: TestContext, closing: () => Promise<void>): Promise<void> {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const closed = closing()
  await settled()
  t.mock.timers.tick(WAIT_MS)
  assert.ok(await isSettled(closed), 'it waits for ever')
  t.mock.timers.reset()
  await closed
}

const givenUp = { code: 'WALV_CLOSED', message: /did nothing for 10000 ms \(closeWaitMs\)/ }

for (const [where, isInside] of [
  ['inside a snapshot function', true],
  ['beside a snapshot function that never ends', false],
] as const) {
  test(`closing ${where} gives the checkpoint up, and gives the directory free`, async (t) => {
    const below = new SimulatedDisk()
    const wal = await openOn(below)
    await wal.append(insert('a'))
    let taking: Promise<unknown> = Promise.resolve()
    await passes(t, async () => {
      const snapshot = async (): Promise<never> => {
        if (isInside) await wal.close()
        return new Promise<never>(() => {})
      }
      taking = assert.rejects(wal.checkpoint({ seq: 0, snapshot }), givenUp)
      await settled()
      await wal.close()
    })
    await taking
    assert.deepEqual(await namesOn(below, `${DIRECTORY}/snapshots`), [])
    const again = await openOn(below)
    assert.deepEqual(again.recovery.damage, [])
    assert.deepEqual(await idsIn(again), ['a'])
    await again.close()
  })
}

test('closing beside an engine that never ends to save gives the checkpoint up, and gives the directory free', async (t) => {
  const disk = await emptyDirectory()
  const stuck = flat({ dimensions: 2 })
  const { freeze } = stuck
  stuck.freeze = () => ({ ...freeze.call(stuck), save: () => new Promise(() => {}) })
  const index = await DurableIndex.open({ directory: DIRECTORY, disk, index: stuck })
  await index.insert('a', [1, 1])
  let taking: Promise<unknown> = Promise.resolve()
  await passes(t, async () => {
    taking = assert.rejects(index.checkpoint(), givenUp)
    await settled()
    await index.close()
  })
  await taking
  const again = await DurableIndex.open({ directory: DIRECTORY, disk, index: flat({ dimensions: 2 }) })
  assert.equal(again.size, 1)
  await again.close()
})
