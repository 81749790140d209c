import assert from 'node:assert/strict'
import { test } from 'node:test'
import { embeddings, filledStore, idsIn, KING, openStore, refused } from './stores.ts'

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
