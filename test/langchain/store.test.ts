/**
 * What LangChain documents of a vector store, and what its own suite for them asks for where there
 * is one (in Python).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Document } from '@langchain/core/documents'
import { index as indexDocuments, RecordManager } from '@langchain/core/indexing'
import { VectorStore } from '@langchain/core/vectorstores'
import { WalvVectorStore } from '../../src/adapters/langchain.ts'
import { flat, type Metric, temporaryDirectory } from '../support/kit.ts'
import {
  ALL,
  document,
  FOOD,
  filledStore,
  IDS,
  idsIn,
  KING,
  openStore,
  PORT,
  refused,
  SEA,
} from './stores.ts'

test('A new store is empty and finds nothing', async (t) => {
  const store = await openStore(t)
  assert.ok(store instanceof VectorStore)
  assert.equal(store._vectorstoreType(), 'walv')
  assert.deepEqual(await store.similaritySearch('ship', 1), [])
})

test('What was added is found, the most similar first, with id, text and metadata', async (t) => {
  const store = await openStore(t)
  assert.deepEqual(await store.addDocuments([...ALL], { ids: IDS }), IDS)
  const [first, second] = await store.similaritySearch('The boat left the harbour with the ship', 2)
  assert.ok(first instanceof Document)
  assert.deepEqual({ ...first }, { ...SEA, id: 'sea' })
  assert.deepEqual({ ...second }, { ...PORT, id: 'port' })
  assert.equal((await store.similaritySearch('king')).length, 4, 'k is 4 by default')
})

test('A document with an id that exists replaces it', async (t) => {
  const store = await filledStore(t)
  await store.addDocuments([document('A submarine under the ocean', { new: true })], { ids: ['king'] })
  assert.deepEqual(idsIn(store), [...IDS].toSorted())
  const [found] = await store.similaritySearch('A submarine under the ocean', 1)
  assert.deepEqual(
    { ...found },
    { id: 'king', pageContent: 'A submarine under the ocean', metadata: { new: true } },
  )
  await store.addDocuments([...ALL], { ids: IDS })
  await store.addDocuments([...ALL], { ids: IDS })
  assert.equal(store.index.size, 4, 'adding the same again changes nothing')
})

test('Vectors may be given, and searched for, as they are', async (t) => {
  const store = await openStore(t, { index: flat({ dimensions: 3 }) })
  assert.deepEqual(
    await store.addVectors(
      [
        [1, 0, 0],
        [0, 1, 0],
      ],
      [KING, FOOD],
      { ids: ['a', 'b'] },
    ),
    ['a', 'b'],
  )
  const [[found, score]] = (await store.similaritySearchVectorWithScore([0, 2, 0], 1)) as [[Document, number]]
  assert.deepEqual([found.id, found.pageContent, score], ['b', FOOD.pageContent, 1])
  assert.deepEqual(await store.addVectors([], []), [])
})

for (const [metric, query, expected] of [
  ['cosine', [1, 0], { same: 1, near: 0.6, far: -1 }],
  ['ip', [2, 0], { same: 4, near: 1.2, far: -4 }],
  ['l2', [2, 0], { same: 1, near: 1 / (1 + 1.96 + 0.64), far: 1 / 17 }],
] as const satisfies [Metric, number[], object][]) {
  test(`A greater score is more similar, under ${metric}`, async (t) => {
    const store = await openStore(t, { index: flat({ dimensions: 2, metric }) })
    const vectors = [
      [-2, 0],
      [0.6, 0.8],
      [2, 0],
    ]
    await store.addVectors(vectors, [KING, SEA, FOOD], { ids: ['far', 'near', 'same'] })
    const found = await store.similaritySearchVectorWithScore([...query], 3)
    const rounded = found.map(([{ id }, score]) => [id, Number(score.toFixed(6))])
    assert.deepEqual(
      rounded,
      Object.entries(expected).map(([id, score]) => [id, Number(score.toFixed(6))]),
    )
  })
}

test('A filter leaves documents out before they count: a function, or what their metadata must have', async (t) => {
  const store = await filledStore(t)
  const found = async (filter: WalvVectorStore['FilterType']): Promise<unknown> =>
    (await store.similaritySearch('The ship', 4, filter)).map(({ id }) => id).toSorted()
  assert.deepEqual(await found({ topic: 'sea' }), ['port', 'sea'])
  assert.deepEqual(await found({ topic: 'sea', page: 2 }), ['port'])
  assert.deepEqual(await found({ page: '2' }), [])
  assert.deepEqual(await found({ loc: { lines: [1, 2] } }), ['food'])
  assert.deepEqual(await found({ loc: { lines: [1] } }), [])
  assert.deepEqual(await found({ nobody: null }), [...IDS].toSorted(), 'what is absent is like null')
  assert.deepEqual(await found({}), [...IDS].toSorted())
  assert.deepEqual(await found(({ metadata, id }) => metadata.page === 1 && id !== 'sea'), ['king'])
  assert.deepEqual(await found(({ pageContent }) => pageContent.includes('chef')), ['food'])
  assert.equal(
    (await store.similaritySearch('The ship', 1, { topic: 'food' })).length,
    1,
    'k counts what passes',
  )
  for (const wrong of ['sea', ['sea'], { nobody: undefined }])
    await assert.rejects(found(wrong as never), refused('WALV_INVALID_OPTION'))
})

test('What is falsy and no filter is refused: it must not let every document through', async (t) => {
  const store = await filledStore(t)
  for (const wrong of [null, false, '', 0]) {
    const filter = wrong as never
    await assert.rejects(store.similaritySearch('The ship', 4, filter), refused('WALV_INVALID_OPTION'))
    await assert.rejects(
      store.maxMarginalRelevanceSearch('The ship', { k: 1, filter }),
      refused('WALV_INVALID_OPTION'),
    )
  }
  assert.equal((await store.similaritySearch('The ship', 4, undefined)).length, IDS.length)
})

test('A store is not opened without embeddings', async (t) => {
  const directory = await temporaryDirectory(t)
  await assert.rejects(
    WalvVectorStore.open(undefined as never, { directory }),
    refused('WALV_INVALID_OPTION', /^The option embeddings must be an Embeddings, not undefined\./),
  )
})

test('What a search returns may be changed without changing the store', async (t) => {
  const store = await filledStore(t)
  const [found] = await store.similaritySearch(FOOD.pageContent, 1)
  found!.metadata.loc.lines.push(3)
  found!.metadata.relevanceScore = 0.5
  const [again] = await store.similaritySearch(FOOD.pageContent, 1)
  assert.deepEqual(again!.metadata, FOOD.metadata)
})

test('A retriever finds, filters and adds', async (t) => {
  const store = await filledStore(t)
  const retriever = store.asRetriever({ k: 2, filter: { topic: 'sea' } })
  const found = await retriever.invoke('The king in the harbor')
  assert.deepEqual(found.map(({ id }) => id).toSorted(), ['port', 'sea'])
  await retriever.addDocuments([document('A harbor at the sea', { topic: 'sea' })], { ids: ['new'] })
  assert.equal((await store.asRetriever(1).invoke('A harbor at the sea'))[0]!.id, 'new')
})

test('Maximal marginal relevance prefers what differs', async (t) => {
  const store = await openStore(t, { index: flat({ dimensions: 2 }) })
  const at = (degrees: number): number[] => [
    Math.cos((degrees * Math.PI) / 180),
    Math.sin((degrees * Math.PI) / 180),
  ]
  const documents = ['a', 'b', 'c', 'd'].map((text) => document(text, { letter: text }, text))
  await store.addVectors([at(1), at(2), at(-60), at(120)], documents)
  store.embeddings = { embedQuery: async () => at(0), embedDocuments: async () => [] }
  const ids = async (options: object): Promise<unknown> =>
    (await store.maxMarginalRelevanceSearch('', { k: 2, ...options })).map(({ id }) => id)
  assert.deepEqual(await ids({ lambda: 1 }), ['a', 'b'])
  assert.deepEqual(await ids({}), ['a', 'c'])
  assert.deepEqual(await ids({ fetchK: 2 }), ['a', 'b'], 'among the two nearest there is no other')
  assert.deepEqual(await ids({ fetchK: 1 }), ['a', 'b'], 'as many as are asked for are fetched at least')
  assert.deepEqual(await ids({ filter: { letter: 'd' } }), ['d'])
  const retriever = store.asRetriever({ k: 2, searchType: 'mmr', searchKwargs: { lambda: 0.5 } })
  assert.deepEqual(
    (await retriever.invoke('')).map(({ id }) => id),
    ['a', 'c'],
  )
})

/** The least that LangChain's indexing needs to remember. */
class Records extends RecordManager {
  override lc_namespace: string[] = ['test']
  readonly #at = new Map<string, { time: number; group: string | null }>()
  #time = 0
  async createSchema(): Promise<void> {}
  async getTime(): Promise<number> {
    return ++this.#time
  }
  async update(keys: string[], { groupIds }: { groupIds?: (string | null)[] } = {}): Promise<void> {
    keys.forEach((key, i) => {
      this.#at.set(key, { time: this.#time, group: groupIds?.[i] ?? this.#at.get(key)?.group ?? null })
    })
  }
  async exists(keys: string[]): Promise<boolean[]> {
    return keys.map((key) => this.#at.has(key))
  }
  async listKeys({
    before = Number.POSITIVE_INFINITY,
    groupIds,
    limit,
  }: {
    before?: number
    groupIds?: (string | null)[]
    limit?: number
  }): Promise<string[]> {
    const old = [...this.#at].filter(
      ([, { time, group }]) => time < before && (!groupIds || groupIds.includes(group)),
    )
    return old.map(([key]) => key).slice(0, limit)
  }
  async deleteKeys(keys: string[]): Promise<void> {
    for (const key of keys) this.#at.delete(key)
  }
}

test("LangChain's indexing adds, skips and cleans up", async (t) => {
  const vectorStore = await openStore(t)
  const recordManager = new Records()
  const run = (docsSource: Document[]): ReturnType<typeof indexDocuments> =>
    indexDocuments({ docsSource, recordManager, vectorStore, options: { cleanup: 'full' } })
  assert.deepEqual(await run([SEA, KING, SEA]), { numAdded: 2, numDeleted: 0, numUpdated: 0, numSkipped: 0 })
  assert.deepEqual(await run([KING, FOOD]), { numAdded: 1, numDeleted: 1, numUpdated: 0, numSkipped: 1 })
  const texts = (await vectorStore.similaritySearch('king', 9)).map(({ pageContent }) => pageContent)
  assert.deepEqual(texts.toSorted(), [FOOD.pageContent, KING.pageContent].toSorted())
})
