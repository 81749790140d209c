/** LangChain documents as loaders make them, and directories that are not ours. */
import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { WalvVectorStore, type WalvVectorStoreConfig } from '../../src/adapters/langchain.ts'
import { document, embeddings, FOOD, idsIn, KING, openStore, refused, SEA } from '../langchain/stores.ts'
import { WordEmbeddings } from '../langchain/word-embeddings.ts'
import { DurableIndex, flat, temporaryDirectory } from '../support/kit.ts'

const any = (value: unknown): never => value as never

/** As the PDF loader makes it. */
class PdfMetadata {
  readonly _metadata: object = { 'dc:title': 'A ship' }
  getAll(): object {
    return this._metadata
  }
}
const loaded = (): Record<string, unknown> => ({
  source: '/books/ship.pdf',
  pdf: {
    version: '1.10',
    metadata: new PdfMetadata(),
    created: new Date(0),
    pages: undefined,
    read: () => {},
  },
  bytes: 12n,
  ratio: Number.NaN,
  title: 'half \ud800',
})

test('a document whose metadata is not JSON is named by its source', async (t) => {
  const store = await openStore(t)
  const documents = [KING, document('The ship', loaded())]
  const add = (given: unknown[]): Promise<string[]> => store.addDocuments(any(given))
  await assert.rejects(
    add(documents),
    refused(
      'WALV_INVALID_METADATA',
      /^Document 1 \(source "\/books\/ship\.pdf"\) cannot be stored: metadata\.metadata\.pdf\.metadata /,
    ),
  )
  await assert.rejects(
    add(documents),
    refused('WALV_INVALID_METADATA', /PdfMetadata, .* metadata: 'sanitize'/),
  )
  await assert.rejects(
    add([document('x', { at: new Date() })]),
    refused('WALV_INVALID_METADATA', /^Document 0 cannot/),
  )
  await assert.rejects(
    add([{ pageContent: 7, metadata: { source: 'a.txt' } }]),
    refused('WALV_INVALID_METADATA', /^Document 0 \(source "a\.txt"\) needs a string/),
  )
  await assert.rejects(
    add([document('x', { source: 'y'.repeat(5_000), at: 1n })]),
    (error: Error) => error.message.length < 600,
  )
  assert.equal(store.index.size, 0)
})

test("with metadata: 'sanitize' it is stored as JSON makes it", async (t) => {
  const store = await openStore(t, { metadata: 'sanitize' })
  const given = loaded()
  await store.addDocuments([document('The ship \udc00', given)], { ids: ['ship'] })
  assert.deepEqual(store.index.get('ship')!.metadata, {
    pageContent: 'The ship \ufffd',
    metadata: {
      source: '/books/ship.pdf',
      pdf: {
        version: '1.10',
        metadata: { _metadata: { 'dc:title': 'A ship' } },
        created: '1970-01-01T00:00:00.000Z',
      },
      bytes: '12',
      ratio: null,
      title: 'half \ufffd',
    },
  })
  assert.ok(
    (given.pdf as { metadata: unknown }).metadata instanceof PdfMetadata,
    'what was given is as it was',
  )
  const cyclic: Record<string, unknown> = { source: 'cycle.txt' }
  cyclic.self = cyclic
  await assert.rejects(
    store.addDocuments([document('x', cyclic)]),
    refused('WALV_LIMIT', /source "cycle\.txt"/),
  )
  await assert.rejects(
    store.addDocuments([any({ pageContent: 'x', metadata: [] })]),
    refused('WALV_INVALID_METADATA'),
  )
})

test('the choice about metadata is one of two, in every way to open a store', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await DurableIndex.open({ directory, index: flat({ dimensions: WordEmbeddings.dimensions }) })
  const wrong = refused('WALV_INVALID_OPTION', /'strict' or 'sanitize'/)
  assert.throws(() => new WalvVectorStore(embeddings, { index, metadata: any('loose') }), wrong)
  assert.throws(
    () => new WalvVectorStore(embeddings, any({ index, meta: 'strict' })),
    refused('WALV_INVALID_OPTION'),
  )
  const store = new WalvVectorStore(embeddings, { index, metadata: 'sanitize' })
  await store.addDocuments([document('The ship', loaded())])
  await store.close()
  await assert.rejects(openStore(t, { directory, metadata: any('loose') }), wrong)
  await assert.rejects(
    openStore(t, any({ directory, sanitize: true })),
    refused(
      'WALV_INVALID_OPTION',
      /WalvVectorStore\.open has no option "sanitize"\. There are: directory, .*, metadata\.$/,
    ),
  )
  const config = {
    directory,
    index: flat({ dimensions: WordEmbeddings.dimensions }),
    metadata: 'sanitize' as const,
  }
  const again = await WalvVectorStore.fromDocuments([document('The harbor', loaded())], embeddings, config)
  assert.equal(again.index.size, 2)
  await again.close()
})

const configOf = (directory: string): WalvVectorStoreConfig => ({
  directory,
  index: flat({ dimensions: WordEmbeddings.dimensions }),
})

test('an existing index is not made in a folder of somebody else, which stays as it is', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(join(directory, 'index.json'), '{}')
  await writeFile(join(directory, 'LOCK'), '')
  await mkdir(join(directory, 'snapshots'))
  const before = (await readdir(directory, { recursive: true })).toSorted()
  const opened = WalvVectorStore.fromExistingIndex(embeddings, configOf(directory))
  await assert.rejects(opened, refused('WALV_NO_DIRECTORY', /There is no index in/))
  assert.deepEqual((await readdir(directory, { recursive: true })).toSorted(), before)
})

test('a store is not opened over an index of something else than documents', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await DurableIndex.open({
    ...configOf(directory),
    index: flat({ dimensions: WordEmbeddings.dimensions }),
  })
  await index.insert('a', await embeddings.embedQuery('king'), { title: 'no document' })
  await index.close()
  for (const open of [WalvVectorStore.open, WalvVectorStore.fromExistingIndex] as const)
    await assert.rejects(
      open(embeddings, configOf(directory)),
      refused('WALV_INDEX_MISMATCH', /"a" is no LangChain/),
    )
  const added = WalvVectorStore.fromDocuments([SEA], embeddings, configOf(directory))
  await assert.rejects(added, refused('WALV_INDEX_MISMATCH', /"a"/))
  await using again = await DurableIndex.open(any(configOf(directory)))
  assert.equal(again.size, 1, 'nothing was added, and the directory is free again')
})

test('an existing index is opened, also an empty one', async (t) => {
  const directory = await temporaryDirectory(t)
  await (await WalvVectorStore.open(embeddings, configOf(directory))).close()
  const empty = await WalvVectorStore.fromExistingIndex(embeddings, configOf(directory))
  await empty.addDocuments([FOOD], { ids: ['food'] })
  await empty.close()
  await using store = await WalvVectorStore.fromExistingIndex(embeddings, configOf(directory))
  assert.deepEqual(idsIn(store), ['food'])
})
