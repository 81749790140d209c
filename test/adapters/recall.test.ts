/**
 * How much of what is nearest the adapters find, among the 10 000 words of the demo.
 * docs/adapters.md has the figures.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { demoWords } from '../../src/cli/demo/words.ts'
import { ENGINES, loaded, saved, Twins } from './engines.ts'

const COUNT = 6_000
const MIN_RECALL = 0.93

test('the recall of every adapter, new, from a snapshot, with filters', async (t) => {
  const vectors: Float32Array[] = []
  for await (const { vector } of await demoWords()) vectors.push(vector)
  const queries = vectors.slice(COUNT, COUNT + 100)
  for (const [kind, { make }] of Object.entries(ENGINES)) {
    const twins = new Twins(make({ dimensions: 100 }))
    for (const [label, vector] of vectors.slice(0, COUNT).entries()) twins.set(label, vector)
    const copy = new Twins(await loaded(make({ dimensions: 100 }), await saved(twins.index)), twins.exact)
    const recalls = {
      new: await twins.recall(queries),
      loaded: await copy.recall(queries),
      'filter 1 in 2': await twins.recall(queries, (label) => label % 2 === 0),
      'filter 1 in 20': await twins.recall(queries, (label) => label % 20 === 0),
      'filter 1 in 500': await twins.recall(queries, (label) => label % 500 === 0),
    }
    t.diagnostic(`${kind}: ${JSON.stringify(recalls)}`)
    for (const [what, recall] of Object.entries(recalls))
      assert.ok(recall >= MIN_RECALL, `${kind}, ${what}: ${recall}`)
    assert.equal(recalls['filter 1 in 500'], 1)
  }
})
