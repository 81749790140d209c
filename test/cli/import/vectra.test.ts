import assert from 'node:assert/strict'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openStore } from '../../../src/cli/import/index.ts'
import { WordEmbeddings } from '../../langchain/word-embeddings.ts'
import {
  assertStoreRefused,
  type Change,
  changeJson,
  copyOf,
  documents,
  FIXTURES,
  rowsOf,
  set,
  vectors,
} from './stores.ts'

test('What a vectra index held arrives whole: ids, vectors, and metadata from its own files too', async () => {
  const folder = join(FIXTURES, 'vectra')
  // The fixture has items with a file of their own, and items without.
  assert.equal((await readdir(folder)).length, 1 + 11)
  const rows = await rowsOf('vectra', folder)
  const expected = documents.map(({ pageContent, metadata }, i) => ({
    id: `item-${i}`,
    vector: vectors[i],
    metadata: i < 10 ? { ...metadata, text: pageContent } : metadata,
    where: `item ${i}`,
  }))
  assert.deepEqual(
    rows.map(({ endOffset, ...row }) => row),
    expected,
  )
  const { rows: count, dimensions, metric } = await openStore('vectra', folder)
  assert.deepEqual([count, dimensions, metric], [12, 100, 'cosine'])
})

test('Of a vectra index of documents the chunks arrive with their texts, and where they come from', async () => {
  const folder = join(FIXTURES, 'vectra-documents')
  const rows = await rowsOf('vectra', folder)
  const index = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'))
  assert.deepEqual(
    rows.map(({ id }) => id),
    index.items.map(({ id }: { id: string }) => id),
  )
  const chunks = rows.map(
    ({ metadata }) => metadata as { pageContent: string; metadata: Record<string, unknown> },
  )
  for (const uri of ['sea.txt', 'history.txt']) {
    const of = chunks.filter(({ metadata }) => metadata.uri === uri)
    const topic = uri.replace('.txt', '')
    const sentences = documents
      .filter(({ metadata }) => metadata.topic === topic)
      .map(({ pageContent }) => `${pageContent}.`)
    assert.deepEqual(
      of.map(({ pageContent }) => pageContent.trim()),
      sentences,
    )
    assert.ok(of.every(({ metadata }) => metadata.topic === (topic === 'sea' ? 'sea' : undefined)))
  }
  // vectra embeds a chunk's text: what arrives is what its vector was made of.
  const embeddings = await WordEmbeddings.load()
  for (const { vector, metadata } of rows) {
    const { pageContent } = metadata as { pageContent: string }
    assert.deepEqual(vector, Float32Array.from(await embeddings.embedQuery(pageContent)))
  }
})

const wrong: [string, string, Change, RegExp][] = [
  ['no items', 'vectra', () => ({ version: 1 }), /index\.json: it has no array of items/],
  ['another version', 'vectra', set('version', 2), /it has version 2\. Version 1 can be read/],
  ['nothing in it', 'vectra', set('items', []), /it holds no vectors/],
  ['an item that is none', 'vectra', set('items.2', 1), /item 2 is not an object/],
  [
    'an altered vector',
    'vectra',
    set('items.2.vector.9', 0.125),
    /the vector of item 2 does not have the length/,
  ],
  ['no length', 'vectra', set('items.2.norm'), /the vector of item 2 does not have the length/],
  ['no vector', 'vectra', set('items.2.vector'), /item 2 has no array of numbers/],
  ['no id', 'vectra', set('items.2.id'), /item 2 has an id that is no string/],
  ['an id twice', 'vectra', set('items.2.id', 'item-0'), /item 0 and item 2 have the same id "item-0"/],
  [
    'metadata that is none',
    'vectra',
    set('items.11.metadata', 'x'),
    /the metadata of item 11 is not an object/,
  ],
  [
    'metadata elsewhere',
    'vectra',
    set('items.0.metadataFile', '../x.json'),
    /"metadataFile" of item 0 is not the name/,
  ],
  ['a lost metadata file', 'vectra', set('items.0.metadataFile', 'x.json'), /x\.json: there is no such file/],
  [
    'metadata that disagrees',
    'vectra',
    set('items.0.metadata.page', 9),
    /does not have the metadata that index\.json has of item 0/,
  ],
  [
    'a document unknown',
    'vectra-documents',
    set('items.1.metadata.documentId', 'x'),
    /item 1 is of no document that catalog/,
  ],
  [
    'a chunk beyond its text',
    'vectra-documents',
    set('items.1.metadata.endPos', 9999),
    /item 1 is no part of the text of sea\.txt/,
  ],
  ['a chunk nowhere', 'vectra-documents', set('items.1.metadata.startPos'), /item 1 is no part of the text/],
  [
    'an address of its own',
    'vectra-documents',
    set('items.1.metadata.uri', 'x'),
    /item 1 has a "uri" in its metadata/,
  ],
]
for (const [what, name, change, message] of wrong) {
  test(`A vectra folder with ${what} is refused`, async (t) => {
    const folder = await copyOf(t, name)
    await changeJson(join(folder, 'index.json'), change)
    await assertStoreRefused('vectra', folder, message)
  })
}

test('A metadata file, a text or a catalog that is damaged or lost is refused', async (t) => {
  const folder = await copyOf(t, 'vectra')
  const file = (await readdir(folder)).find((name) => name !== 'index.json')!
  await writeFile(join(folder, file), '{"topic":')
  await assertStoreRefused('vectra', folder, new RegExp(`${file}: it is not JSON`))
  const chunks = await copyOf(t, 'vectra-documents')
  await writeFile(join(chunks, 'catalog.json'), '{"version":1}')
  await assertStoreRefused('vectra', chunks, /catalog\.json: it does not name the documents/)
  await writeFile(join(chunks, 'catalog.json'), '{"idToUri":{"../x":"x"}}')
  await changeJson(join(chunks, 'index.json'), set('items.0.metadata.documentId', '../x'))
  await assertStoreRefused('vectra', chunks, /"\.\.\/x" is not the name of a file/)
  await rm(join(chunks, 'catalog.json'))
  assert.equal((await rowsOf('vectra', chunks)).length, 6, 'without a catalog it is an index like others')
  const texts = await copyOf(t, 'vectra-documents')
  for (const name of (await readdir(texts)).filter((each) => each.endsWith('.txt')))
    await rm(join(texts, name))
  await assertStoreRefused('vectra', texts, /\.txt: there is no such file/)
})

test('A folder in protobuf is refused with how to convert it', async (t) => {
  const folder = await copyOf(t, 'vectra')
  await writeFile(join(folder, 'index.pb'), 'x')
  await assertStoreRefused(
    'vectra',
    folder,
    /it is in the protobuf format \(index\.pb\)\. Convert it .* npx vectra migrate .* --to json/,
  )
})
