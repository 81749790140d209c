import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Document } from '@langchain/core/documents'
import { flat, type WalErrorCode } from '../support/kit.ts'
import { document, embeddings, filledStore, idsIn, KING, openStore, refused, SEA } from './stores.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

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
