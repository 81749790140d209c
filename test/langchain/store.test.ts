/**
 * What LangChain documents of a vector store, and what its own suite for them asks for where there
 * is one (in Python).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Document } from '@langchain/core/documents'
import { index as indexDocuments, RecordManager } from '@langchain/core/indexing'
import { SyntheticEmbeddings } from '@langchain/core/utils/testing'
import { VectorStore } from '@langchain/core/vectorstores'
import { WalvVectorStore } from '../../src/adapters/langchain.ts'
import { DurableIndex, flat, type Metric, type WalErrorCode } from '../../src/mod.ts'
import { closing, temporaryDirectory } from '../support/logs.ts'
import {
  ALL,
  document,
  embeddings,
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
import { WordEmbeddings } from './word-embeddings.ts'

const DIMENSIONS = WordEmbeddings.dimensions
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

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

test('Ids come from the options, else from the document, else they are new UUIDs', async (t) => {
  const store = await openStore(t)
  assert.deepEqual(await store.addDocuments([document('king', {}, 'own')], { ids: ['given'] }), ['given'])
  assert.deepEqual(await store.addDocuments([document('king', {}, 'own')]), ['own'])
  const [made, other, ...none] = await store.addDocuments([document('king'), document('queen')])
  assert.match(made!, UUID)
  assert.match(other!, UUID)
  assert.deepEqual([none, store.index.size], [[], 4])
  assert.deepEqual(idsIn(store), ['given', 'own', made!, other!].toSorted())
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

test('What a search returns may be changed without changing the store', async (t) => {
  const store = await filledStore(t)
  const [found] = await store.similaritySearch(FOOD.pageContent, 1)
  found!.metadata.loc.lines.push(3)
  found!.metadata.relevanceScore = 0.5
  const [again] = await store.similaritySearch(FOOD.pageContent, 1)
  assert.deepEqual(again!.metadata, FOOD.metadata)
})

test('Documents are deleted by their ids; ids that do not exist are passed over', async (t) => {
  const store = await filledStore(t)
  await store.delete({ ids: ['sea', 'nobody', 'food'] })
  assert.deepEqual(idsIn(store), ['king', 'port'])
  await store.delete({ ids: ['nobody'] })
  await store.delete({ ids: [] })
  assert.deepEqual((await store.similaritySearch('The ship', 4)).map(({ id }) => id).toSorted(), [
    'king',
    'port',
  ])
  await store.delete({ ids: ['king', 'port'] })
  assert.deepEqual(await store.similaritySearch('The ship', 4), [])
})

test('Documents are deleted by a filter, in one record', async (t) => {
  const store = await filledStore(t)
  const before = store.index.stats().lastSeq
  await store.delete({ filter: { topic: 'sea' } })
  assert.deepEqual(idsIn(store), ['food', 'king'])
  assert.equal(store.index.stats().lastSeq, before + 1)
  await store.delete({ filter: ({ pageContent }) => pageContent.startsWith('The king') })
  assert.deepEqual(idsIn(store), ['food'])
})

test('A deletion that names nothing, or two things, is refused', async (t) => {
  const store = await filledStore(t)
  for (const wrong of [undefined, {}, { ids: 'sea' }, { ids: ['sea'], filter: {} }, { deleteAll: true }])
    await assert.rejects(store.delete(wrong as never), refused('WALV_INVALID_OPTION', /either/))
  assert.equal(store.index.size, 4)
})

test('A deletion is ordered behind an addition that is still under way', async (t) => {
  const store = await openStore(t)
  const added = store.addVectors([await embeddings.embedQuery('king')], [KING], { ids: ['king'] })
  await Promise.all([added, store.delete({ ids: ['king'] })])
  assert.deepEqual(idsIn(store), [])
})

test('All documents of a call are added, in one record, or none', async (t) => {
  const store = await filledStore(t)
  const { lastSeq } = store.index.stats()
  const vectors = await embeddings.embedDocuments(['king', 'queen', 'ship'])
  vectors[2]![7] = Number.NaN
  const documents = [document('king'), document('queen'), document('ship')]
  await assert.rejects(store.addVectors(vectors, documents), refused('WALV_INVALID_VECTOR', /Element 7/))
  await assert.rejects(
    store.addVectors([...vectors.slice(0, 2), [1, 2]], documents),
    refused('WALV_INVALID_VECTOR'),
  )
  assert.deepEqual([store.index.size, store.index.stats().lastSeq], [4, lastSeq])
  vectors[2]![7] = 0
  await store.addVectors(vectors, documents)
  assert.deepEqual([store.index.size, store.index.stats().lastSeq], [7, lastSeq + 1])
})

test('What cannot be stored is refused before the model is asked, and named', async (t) => {
  const store = await filledStore(t)
  const { calls } = embeddings
  const good = document('king')
  const rejected = (
    documents: unknown[],
    code: WalErrorCode,
    message: RegExp,
    ids?: string[],
  ): Promise<void> =>
    assert.rejects(store.addDocuments(documents as Document[], ids && { ids }), refused(code, message))
  await rejected(
    [good, document('x', { at: new Date(0) })],
    'WALV_INVALID_METADATA',
    /metadata\.metadata\.at .* Date/,
  )
  await rejected([good, document('x', { n: Number.NaN })], 'WALV_INVALID_METADATA', /NaN/)
  await rejected([good, { pageContent: 7, metadata: {} }], 'WALV_INVALID_METADATA', /Document 1 needs/)
  await rejected([good, { pageContent: 'x', metadata: [] }], 'WALV_INVALID_METADATA', /Document 1 needs/)
  await rejected([good, good], 'WALV_INVALID_ID', /id/, ['a', ''])
  await rejected([good, good, good], 'WALV_DUPLICATE_ID', /Documents 0 and 2 .* "a"/, ['a', 'b', 'a'])
  await rejected([good, good], 'WALV_INVALID_OPTION', /1 ids for 2 documents/, ['a'])
  await assert.rejects(
    store.addVectors([], [good]),
    refused('WALV_INVALID_OPTION', /0 vectors for 1 documents/),
  )
  assert.deepEqual([embeddings.calls, store.index.size], [calls, 4])
})

test('A document without metadata has none', async (t) => {
  const store = await openStore(t)
  await store.addDocuments([{ pageContent: 'king' } as Document], { ids: ['a'] })
  assert.deepEqual((await store.similaritySearch('king', 1))[0]!.metadata, {})
})

test('A model that fails, or answers with too few vectors, adds nothing', async (t) => {
  const store = await filledStore(t)
  store.embeddings = {
    embedQuery: async () => [],
    embedDocuments: async (texts) => texts.slice(1).map(() => [1]),
  }
  await assert.rejects(
    store.addDocuments([KING, SEA]),
    refused('WALV_INVALID_OPTION', /1 vectors for 2 documents/),
  )
  store.embeddings.embedDocuments = () => Promise.reject(new Error('no quota'))
  await assert.rejects(store.addDocuments([KING]), /no quota/)
  assert.equal(store.index.size, 4)
})

test('More than a record can hold is added whole too, and waits for the disk where it must', async (t) => {
  const dimensions = 16_384
  const store = await openStore(t, { index: flat({ dimensions }), maxPendingBytes: 1024 * 1024 })
  const count = 1030
  const vector = Array.from({ length: dimensions }, (_, i) => i)
  const documents = Array.from({ length: count }, (_, i) => document(`text ${i}`, { i }))
  const before = store.index.stats().lastSeq
  const ids = await store.addVectors(Array(count).fill(vector), documents)
  assert.equal(new Set(ids).size, count)
  assert.equal(store.index.size, count)
  // Begin, documents, commit.
  assert.equal(store.index.stats().lastSeq - before, count + 2)
  vector[3] = Number.POSITIVE_INFINITY
  await assert.rejects(
    store.addVectors([...Array(count).fill(new Array(dimensions).fill(1)), vector], [...documents, KING]),
    refused('WALV_INVALID_VECTOR'),
  )
  assert.equal(store.index.size, count)
})

test('Many calls at one time wait for the disk and are not refused', async (t) => {
  const store = await openStore(t, { maxPendingBytes: 2000 })
  const texts = Array.from({ length: 200 }, (_, i) => document(`king ${i}`))
  await Promise.all(texts.map((text, i) => store.addDocuments([text], { ids: [`${i}`] })))
  assert.equal(store.index.size, 200)
  await Promise.all(texts.map((_, i) => store.delete({ ids: [`${i}`] })))
  assert.equal(store.index.size, 0)
})

test('A document too large for the log is refused as such', async (t) => {
  const store = await filledStore(t)
  const huge = document('x'.repeat(17 * 1024 * 1024))
  await assert.rejects(store.addDocuments([huge]), refused('WALV_LIMIT'))
  assert.equal(store.index.size, 4)
})

test('Texts and documents make a store, which can be opened again', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = (): ReturnType<typeof flat> => flat({ dimensions: DIMENSIONS })
  const made = await WalvVectorStore.fromTexts(['king', 'ship'], [{ n: 1 }, { n: 2 }], embeddings, {
    directory,
    index: index(),
  })
  await made.close()
  await using more = await WalvVectorStore.fromDocuments([FOOD], embeddings, { directory, index: index() })
  assert.equal(more.index.size, 3)
  await more.close()
  await more.close()
  await using again = await WalvVectorStore.fromExistingIndex(embeddings, { directory, index: index() })
  assert.deepEqual((await again.similaritySearch('ship', 1))[0]!.metadata, { n: 2 })
  await again.close()
  const unknown = WalvVectorStore.fromTexts(['xyzzy'], {}, embeddings, { directory, index: index() })
  await assert.rejects(unknown, refused('WALV_INVALID_VECTOR', /NaN/), 'the model knows no word of it')
  await using open = await WalvVectorStore.fromTexts(['queen', 'boat'], { all: true }, embeddings, {
    directory,
    index: index(),
  })
  assert.equal((await open.similaritySearch('queen', 9, { all: true })).length, 2)
})

test('Without an index the model tells the dimensions, and similarity is cosine', async (t) => {
  const directory = await temporaryDirectory(t)
  const model = new SyntheticEmbeddings({ vectorSize: 6 })
  await using store = closing(
    t,
    await WalvVectorStore.fromTexts(['one text', 'and another'], {}, model, { directory }),
  )
  assert.deepEqual([store.index.dimensions, store.index.metric], [6, 'cosine'])
  const [[found, score]] = (await store.similaritySearchWithScore('one text', 1)) as [[Document, number]]
  assert.equal(found.pageContent, 'one text')
  assert.ok(Math.abs(score - 1) < 1e-6)
})

test('An existing index is not made where there is none', async (t) => {
  const directory = await temporaryDirectory(t)
  for (const path of [directory, `${directory}/nobody`]) {
    const opened = WalvVectorStore.fromExistingIndex(embeddings, {
      directory: path,
      index: flat({ dimensions: DIMENSIONS }),
    })
    await assert.rejects(opened, refused('WALV_NO_DIRECTORY', /There is no index in/))
  }
})

test('A store over an index that is open shares it; what is no document there is named', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = closing(t, await DurableIndex.open({ directory, index: flat({ dimensions: DIMENSIONS }) }))
  const store = new WalvVectorStore(embeddings, { index })
  await store.addDocuments([KING], { ids: ['king'] })
  assert.deepEqual(index.get('king')!.metadata, { pageContent: KING.pageContent, metadata: KING.metadata })
  for (const metadata of [
    null,
    'text',
    { pageContent: 'x' },
    { metadata: {} },
    { pageContent: 1, metadata: {} },
  ]) {
    await index.upsert('other', await embeddings.embedQuery('king'), metadata)
    await assert.rejects(
      store.similaritySearch('king', 2),
      refused('WALV_INDEX_MISMATCH', /"other" is no LangChain/),
    )
    await assert.rejects(store.similaritySearch('king', 2, {}), refused('WALV_INDEX_MISMATCH', /"other"/))
  }
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

test('A failed beginning gives the directory free', async (t) => {
  const directory = await temporaryDirectory(t)
  const config = { directory, index: flat({ dimensions: DIMENSIONS }) }
  await assert.rejects(
    WalvVectorStore.fromDocuments([document('x', { at: new Date(0) })], embeddings, config),
  )
  const store = await openStore(t, { directory })
  assert.equal(store.index.size, 0)
})
