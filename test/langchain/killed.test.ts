/**
 * A process that writes into a store is killed; what it has acknowledged is there, and can be
 * searched.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { DocumentInterface } from '@langchain/core/documents'
import { temporaryDirectory } from '../support/kit.ts'
import { type Acknowledged, killedWriter, textOf } from './store-process.ts'
import { idsIn, openStore } from './stores.ts'

/**
 * The document that the call after `last` deletes: if that call was killed, nobody knows whether it
 * did.
 */
function undecided(last: Acknowledged): string[] {
  return (last.added ?? []).filter((id) => id.endsWith('-1') && Number(id.split('-')[0]) % 3 === 0)
}

/**
 * Checks the store against what was acknowledged in each life of the writer, and gives the ids that
 * it holds.
 */
async function checkStore(
  t: TestContext,
  directory: string,
  lives: readonly Acknowledged[][],
): Promise<string[]> {
  const store = await openStore(t, { directory })
  const told = lives.flat()
  const deleted = new Set(told.flatMap(({ deleted = [] }) => deleted))
  const unknown = new Set(lives.flatMap((life) => undecided(life.at(-1)!)))
  for (const id of told.flatMap(({ added = [] }) => added)) {
    if (deleted.has(id)) assert.ok(!store.index.has(id), `${id} was deleted`)
    if (deleted.has(id) || (unknown.has(id) && !store.index.has(id))) continue
    const [[found, score]] = (await store.similaritySearchWithScore(textOf(id), 1)) as [
      [DocumentInterface, number],
    ]
    const [call, i] = id.split('-').map(Number)
    assert.deepEqual({ ...found }, { id, pageContent: textOf(id), metadata: { call, i } })
    assert.ok(score > 1 - 1e-6)
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
  const ids = await checkStore(t, directory, [told])
  // Nothing was under way: there is exactly what was acknowledged.
  assert.equal(ids.length, 8 * 3 - 2)
})

test('Killed at any moment, again and again, a store loses nothing acknowledged and halves no call', async (t) => {
  const directory = await temporaryDirectory(t)
  const lives: Acknowledged[][] = []
  for (let round = 0; round < 4; round++) {
    const task = { directory, from: 10 + round * 20, calls: 20, lives: false }
    const atLeast = 3 + round * 4
    lives.push(await killedWriter(t, task, (all) => all.length >= atLeast))
    const ids = await checkStore(t, directory, lives)
    for (const call of new Set(ids.map((id) => id.split('-')[0]!))) {
      const members = ids.filter((id) => id.startsWith(`${call}-`))
      const whole = members.length === 3 || (Number(call) % 3 === 0 && members.length === 2)
      assert.ok(whole, `call ${call} has ${members}`)
    }
  }
})
