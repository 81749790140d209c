import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Document } from '@langchain/core/documents'
import { SyntheticEmbeddings } from '@langchain/core/utils/testing'
import { WalvVectorStore } from '../../src/adapters/langchain.ts'
import { closing, DurableIndex, flat, temporaryDirectory } from '../support/kit.ts'
import { document, embeddings, FOOD, KING, openStore, refused } from './stores.ts'
import { WordEmbeddings } from './word-embeddings.ts'

const DIMENSIONS = WordEmbeddings.dimensions

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

test('A failed beginning gives the directory free', async (t) => {
  const directory = await temporaryDirectory(t)
  const config = { directory, index: flat({ dimensions: DIMENSIONS }) }
  await assert.rejects(
    WalvVectorStore.fromDocuments([document('x', { at: new Date(0) })], embeddings, config),
  )
  const store = await openStore(t, { directory })
  assert.equal(store.index.size, 0)
})
