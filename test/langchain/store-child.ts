/**
 * Adds documents to a store, three a call, and deletes some again; tells its parent of every call
 * that has resolved. The parent kills it.
 */
import { WalvVectorStore } from '../../src/adapters/langchain.ts'
import { flat } from '../../src/mod.ts'
import { type Acknowledged, type StoreTask, textOf } from './store-process.ts'
import { document, embeddings } from './stores.ts'
import { WordEmbeddings } from './word-embeddings.ts'

const { directory, from, calls, lives }: StoreTask = JSON.parse(process.argv[2]!)
const tell = (acknowledged: Acknowledged): unknown => process.send!(acknowledged)

// A process whose parent is gone has nobody left to write for.
process.on('disconnect', () => process.exit())
const index = flat({ dimensions: WordEmbeddings.dimensions })
const store = await WalvVectorStore.open(embeddings, { directory, index, checkpointIntervalEntries: 10 })
for (let call = from; call < from + calls; call++) {
  const ids = [0, 1, 2].map((i) => `${call}-${i}`)
  await store.addDocuments(
    ids.map((id, i) => document(textOf(id), { call, i })),
    { ids },
  )
  tell({ added: ids })
  if (call % 3 === 0) {
    await store.delete({ ids: [`${call}-1`] })
    tell({ deleted: [`${call}-1`] })
  }
}
tell({ idle: true })
// Between two calls: nothing is under way, and the store is open.
if (lives) setInterval(() => {}, 60_000)
else await store.close()
