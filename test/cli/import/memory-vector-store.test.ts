import assert from 'node:assert/strict'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openStore } from '../../../src/cli/import/index.ts'
import { temporaryFile, temporaryFolder } from '../temporary.ts'
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

const FORMAT = 'memory-vector-store'
const NAME = 'memory-vector-store.json'

test('What a MemoryVectorStore held arrives whole: ids, texts, metadata, and vectors rounded to float32', async () => {
  const rows = await rowsOf(FORMAT, join(FIXTURES, NAME))
  const expected = documents.map((document, i) => ({
    id: i % 3 === 0 ? `doc-${i}` : `${i}`,
    vector: vectors[i],
    metadata: document,
    where: `row ${i}`,
  }))
  assert.deepEqual(
    rows.map(({ endOffset, ...row }) => row),
    expected,
  )
  const { bytes, rows: count, dimensions, metric } = await openStore(FORMAT, join(FIXTURES, NAME))
  assert.deepEqual([count, dimensions, metric], [12, 100, undefined])
  assert.equal(bytes, (await readFile(join(FIXTURES, NAME))).length)
  assert.equal(rows.at(-1)!.endOffset, bytes)
})

test('An element without metadata or id has none', async (t) => {
  const file = await temporaryFile(t, 'a.json', '[{"content":"text","embedding":[1,2]}]')
  const rows = await rowsOf(FORMAT, file)
  assert.deepEqual(
    rows.map(({ id, metadata }) => [id, metadata]),
    [['0', { pageContent: 'text', metadata: {} }]],
  )
})

const wrong: [string, Change, RegExp][] = [
  ['no array', () => ({}), /it is not an array\. Write JSON\.stringify\(store\.memoryVectors\)/],
  ['nothing', () => [], /it holds no vectors/],
  ['a row that is no object', set('2', 7), /row 2 is not an object/],
  ['a row without text', set('3.content'), /row 3 has no text/],
  ['metadata that is no object', set('3.metadata', ['a']), /row 3 has no text, or metadata that is/],
  ['metadata with half a pair', set('3.metadata', { a: '\ud800' }), /row 3 has metadata with half/],
  ['more than there can be', set('3.score', 1), /row 3 has "score", which a MemoryVectorStore does/],
  ['a row without a vector', set('1.embedding'), /row 1 has no array of numbers/],
  ['an empty vector', set('1.embedding', []), /row 1 has 0 dimensions/],
  ['a vector cut short', set('1.embedding', [1, 2]), /row 1 has 2 dimensions, where row 0 has 100/],
  ['null in a vector', set('1.embedding.7', null), /element 7 of row 1 is not a number that fits/],
  ['a string in a vector', set('1.embedding.7', '1'), /element 7 of row 1 is not a number/],
  ['a number too large', set('1.embedding.7', 1e39), /element 7 of row 1 is not a number that fits/],
  ['an id that is no string', set('1.id', 7), /row 1 has an id that is no string/],
  ['an id twice', set('1.id', 'doc-0'), /row 0 and row 1 have the same id "doc-0"/],
  ['an id that is a row number', set('0.id', '1'), /row 0 and row 1 have the same id "1"/],
]
for (const [what, change, message] of wrong) {
  test(`A dump with ${what} is refused`, async (t) => {
    const file = await copyOf(t, NAME)
    await changeJson(file, change)
    await assertStoreRefused(FORMAT, file, message)
  })
}

test('A dump that is cut short, is no UTF-8, is too large, is empty or is not there is refused', async (t) => {
  const file = await copyOf(t, NAME)
  const bytes = await readFile(file)
  for (const length of [1, 1000, bytes.length - 1]) {
    await writeFile(file, bytes.subarray(0, length))
    await assertStoreRefused(FORMAT, file, /it is not JSON \(.*\)\. Write JSON\.stringify/)
  }
  bytes[bytes.indexOf('sailed')] = 0xff
  await writeFile(file, bytes)
  await assertStoreRefused(FORMAT, file, /it is not UTF-8/)
  await truncate(file, 600 * 1024 * 1024)
  await assertStoreRefused(FORMAT, file, /it has 629145600 bytes, more than a string can hold/)
  await writeFile(file, '')
  await assertStoreRefused(FORMAT, file, /it is empty/)
  await assertStoreRefused(FORMAT, `${file}.json`, /there is no such file/)
  await assertStoreRefused(FORMAT, await temporaryFolder(t), /it is not a regular file\. Write JSON/)
})
