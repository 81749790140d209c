/** A process that writes into a store is killed; what it has acknowledged is there, and can be searched. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { temporaryDirectory } from '../support/logs.ts'
import { type Acknowledged, killedWriter, textOf } from './store-process.ts'
import { idsIn, openStore } from './stores.ts'

/** Checks the store against everything that was acknowledged so far. `calls` beyond the last acknowledged one may be there whole, or not at all. */
async function checkStore(t: TestContext, directory: string, told: readonly Acknowledged[]): Promise<string[]> {
  const store = await openStore(t, { directory })
  const deleted = new Set(told.flatMap(({ deleted = [] }) => deleted))
  for (const id of told.flatMap(({ added = [] }) => added)) {
    const found = await store.similaritySearchWithScore(textOf(id), 1)
    if (deleted.has(id)) assert.ok(!store.index.has(id), `${id} was deleted`)
    else {
      assert.equal(found[0]![0].pageContent, textOf(id))
      assert.ok(found[0]![1] > 1 - 1e-6)
      const [call, i] = id.split('-').map(Number)
      assert.ok(store.index.has(id), `${id} was acknowledged`)
      const filtered = await store.similaritySearch(textOf(id), 1, { call: call!, i: i! })
      assert.deepEqual({ ...filtered[0] }, { id, pageContent: textOf(id), metadata: { call, i } })
    }
  }
  const ids = idsIn(store)
  await store.close()
  return ids
}

test('Killed between two calls, a store holds what both have done', async (t) => {
  const directory = await temporaryDirectory(t)
  const task = { directory, from: 10, calls: 8, lives: true }
  const told = await killedWriter(t, task, (all) => all.at(-1)!.idle === true)
  assert.deepEqual(told.filter(({ deleted }) => deleted).length, 2)
  const ids = await checkStore(t, directory, told)
  // Nothing was under way: there is exactly what was acknowledged.
  assert.equal(ids.length, 8 * 3 - 2)
})

test('Killed at any moment, again and again, a store loses nothing acknowledged and halves no call', async (t) => {
  const directory = await temporaryDirectory(t)
  const told: Acknowledged[] = []
  for (let round = 0; round < 4; round++) {
    const task = { directory, from: 10 + round * 20, calls: 20, lives: false }
    const atMost = 3 + round * 4
    told.push(...(await killedWriter(t, task, (all) => all.length >= atMost)))
    const ids = await checkStore(t, directory, told)
    for (const call of new Set(ids.map((id) => id.split('-')[0]!))) {
      const members = ids.filter((id) => id.startsWith(`${call}-`))
      const whole = members.length === 3 || (Number(call) % 3 === 0 && members.length === 2)
      assert.ok(whole, `call ${call} has ${members}`)
    }
  }
})
