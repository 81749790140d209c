/** What a filter answers counts the same everywhere, and what cannot be meant is refused. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { WalvVectorStore } from '../../src/adapters/langchain.ts'
import { filledStore } from '../langchain/stores.ts'
import {
  type DurableIndex,
  flat,
  type JsonValue,
  openIndex,
  refusal,
  temporaryDirectory,
} from '../support/kit.ts'

const any = (value: unknown): never => value as never

async function threeTitles(t: TestContext): Promise<DurableIndex> {
  const index = await openIndex(t, { directory: await temporaryDirectory(t), index: flat({ dimensions: 2 }) })
  for (const [at, title] of ['', 'b', 'c'].entries()) await index.insert(`${at}`, [at, 1], { title, at })
  return index
}

const found = async (index: DurableIndex, filter: unknown): Promise<string[]> =>
  (await index.search([1, 1], { filter: any(filter) })).map(({ id }) => id).toSorted()

const titleOf = (metadata: JsonValue): unknown => (metadata as { title?: unknown } | null)?.title
const REFUSED = refusal('WALV_INVALID_OPTION')

test('a filter that answers a text, a number or nothing: its truth counts', async (t) => {
  const index = await threeTitles(t)
  assert.deepEqual(await found(index, titleOf), ['1', '2'])
  assert.deepEqual(await found(index, (metadata: { at: number }) => metadata.at), ['1', '2'])
  assert.deepEqual(await found(index, () => undefined), [])
  assert.deepEqual(await found(index, () => ({})), ['0', '1', '2'])
})

/** Functions that answer with a promise, which is true whatever it comes to. */
const PROMISES: Record<string, () => unknown> = {
  'an async function': async () => false,
  'a function that returns a promise': () => Promise.resolve(false),
  'a function that returns a promise that rejects': () => Promise.reject(new Error('nobody waits for it')),
  // biome-ignore lint/suspicious/noThenProperty: that is the point
  'a function that returns something with then': () => ({ then: () => {} }),
}

for (const [about, filter] of Object.entries(PROMISES)) {
  test(`${about} is refused as a filter`, async (t) => {
    const index = await threeTitles(t)
    await assert.rejects(index.search([1, 1], { filter: any(filter) }), REFUSED)
    assert.equal(index.size, 3)
  })

  test(`${about} is refused as a filter of LangChain's, also for deletion`, async (t) => {
    const store = await filledStore(t)
    await assert.rejects(store.similaritySearch('The ship', 4, any(filter)), REFUSED)
    await assert.rejects(store.delete({ filter: any(filter) }), REFUSED)
    assert.equal(store.index.size, 4)
  })
}

test('an async filter is refused where there is nothing to ask it about, too', async (t) => {
  const index = await openIndex(t, { directory: await temporaryDirectory(t), index: flat({ dimensions: 2 }) })
  await assert.rejects(index.search([1, 1], { filter: any(async () => true) }), REFUSED)
  const store = new WalvVectorStore(any({ embedQuery: async () => [1, 1] }), { index })
  await assert.rejects(store.delete({ filter: any(async () => true) }), REFUSED)
})

test("operators are understood, in LangChain's filters too, and unknown ones refused", async (t) => {
  const index = await threeTitles(t)
  assert.deepEqual(await found(index, { title: { $in: ['b', 'c'] }, at: { $gt: 1 } }), ['2'])
  await assert.rejects(found(index, { title: { $like: 'b%' } }), REFUSED)
  const store = await filledStore(t)
  const ids = async (filter: unknown): Promise<unknown> =>
    (await store.similaritySearch('The ship', 4, any(filter))).map(({ id }) => id).toSorted()
  assert.deepEqual(await ids({ topic: { $in: ['sea'] }, page: { $gte: 2 } }), ['port'])
  assert.deepEqual(await ids({ topic: { $eq: 'sea' } }), ['port', 'sea'])
  assert.deepEqual(await ids({ 'loc.lines': 2 }), ['food'])
  await assert.rejects(ids({ topic: { $like: 'se%' } }), REFUSED)
  await assert.rejects(store.delete({ filter: any({ topic: { $like: 'se%' } }) }), REFUSED)
  await store.delete({ filter: { topic: { $ne: 'sea' } } })
  assert.equal(store.index.size, 2)
})

test('a condition that is undefined does not let everything through, or nothing', async (t) => {
  const index = await threeTitles(t)
  await assert.rejects(found(index, { title: undefined }), REFUSED)
  const store = await filledStore(t)
  await assert.rejects(store.similaritySearch('The ship', 4, any({ topic: undefined })), REFUSED)
  await assert.rejects(store.delete({ filter: any({ topic: undefined }) }), REFUSED)
  assert.equal(store.index.size, 4)
})

test('a filter that throws is told, and changes nothing', async (t) => {
  const index = await threeTitles(t)
  await assert.rejects(index.search([1, 1], { filter: () => assert.fail('mine') }), /mine/)
  assert.equal((await index.search([1, 1])).length, 3)
})
