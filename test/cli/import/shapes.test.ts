/** The files that embedding services, vector databases and numpy give out: test/fixtures/import. */
import assert from 'node:assert/strict'
import { createReadStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type OpenOptions, openVectorFile, TemporaryFolder } from '../../../src/cli/import/index.ts'
import { spoolInput } from '../../../src/cli/import/plain-file.ts'
import { temporaryFile, temporaryFolder } from '../temporary.ts'
import { collect, isError } from './vector-files.ts'

const FIXTURES = fileURLToPath(new URL('../../../../test/fixtures/import/', import.meta.url))
const V0 = [0.5, -0.25, 2]
const V1 = [0, 1, -1.5]

type Row = [id: string, vector: number[], metadata?: unknown]

async function rowsIn(file: string, options: OpenOptions = {}): Promise<Row[]> {
  using temporary = new TemporaryFolder()
  const opened = await openVectorFile(file, { temporary, ...options })
  assert.equal(opened.dimensions, 3)
  const rows = await collect(opened.read())
  assert.deepEqual(await collect(opened.read()), rows, 'it can be read again')
  return rows.map(({ id, vector, metadata }) =>
    metadata === undefined ? [id, [...vector]] : [id, [...vector], metadata],
  )
}

const EXPECTED: Readonly<Record<string, Row[]>> = {
  'openai-batch.jsonl': [
    ['doc-0', V0],
    ['doc-1', V1],
  ],
  'openai-response.json': [
    ['0', V0],
    ['1', V1],
  ],
  'cohere-response.json': [
    ['0', V0, { text: 'hello' }],
    ['1', V1, { text: 'goodbye' }],
  ],
  'pinecone-fetch.json': [
    ['doc-0', V0, { n: 0 }],
    ['doc-1', V1, { n: 1 }],
  ],
  'pinecone.jsonl': [
    ['doc-0', V0, { n: 0 }],
    ['doc-1', V1, { n: 1 }],
  ],
  'chroma-get.json': [
    ['doc-0', V0, { n: 0, document: 'hello' }],
    ['doc-1', V1],
  ],
  'qdrant-scroll.json': [
    ['5c56c793-69f3-4fbf-87e6-c4bf54c28c26', V0, { n: 0 }],
    ['7', V1, { n: 1 }],
  ],
  'vectors.csv': [
    ['d0', V0, { lang: 'en' }],
    ['d,1', V1, { lang: 'say "hi"' }],
  ],
  'columns.csv': [
    ['0', V0, { name: 'a', year: '2020' }],
    ['1', V1, { name: 'b' }],
  ],
  'array.json': [
    ['a', V0, { text: 'x ] , { \\" y' }],
    ['b', V1, { text: '' }],
  ],
  'no-ids.ndjson': [
    ['0', V0],
    ['1', V1],
  ],
  'no-ids.ndjson.gz': [
    ['0', V0],
    ['1', V1],
  ],
  'half.npy': [
    ['0', V0],
    ['1', V1],
  ],
  'half-be.npy': [
    ['0', V0],
    ['1', V1],
  ],
  'stored.npz': [
    ['0', V0],
    ['1', V1],
  ],
  'packed.npz': [
    ['0', V0],
    ['1', V1],
  ],
}

for (const [name, expected] of Object.entries(EXPECTED)) {
  test(`${name} is read with its ids, vectors and metadata`, async () => {
    assert.deepEqual(await rowsIn(join(FIXTURES, name)), expected)
  })
}

test('Another member, or column, is the id where it is named', async (t) => {
  assert.deepEqual(await rowsIn(join(FIXTURES, 'columns.csv'), { idField: 'name' }), [
    ['a', V0, { year: '2020' }],
    ['b', V1],
  ])
  const nested = await temporaryFile(t, 'n.jsonl', '{"vector":[1,2,3],"metadata":{"key":"k"}}')
  assert.deepEqual(await rowsIn(nested, { idField: 'key' }), [['k', [1, 2, 3], { key: 'k' }]])
  await assert.rejects(
    rowsIn(nested, { idField: 'uuid' }),
    isError('WALV_INVALID_FILE', /line 1 has no "uuid"/),
  )
  await assert.rejects(
    rowsIn(join(FIXTURES, 'half.npy'), { idField: 'x' }),
    isError('WALV_USAGE', /has no names/),
  )
})

test('An answer that failed, sparse values and several named vectors are refused with their place', async (t) => {
  const refused = async (value: object, message: RegExp): Promise<void> =>
    assert.rejects(
      rowsIn(await temporaryFile(t, 'a.jsonl', JSON.stringify(value))),
      isError('WALV_INVALID_FILE', message),
    )
  await refused(
    { custom_id: 'd', response: { status_code: 429, body: {} }, error: null },
    /line 1, item 0 is the answer to request "d", which failed \(status 429\)/,
  )
  await refused({ id: 'a', values: [1], sparseValues: { indices: [1], values: [2] } }, /dense vectors only/)
  await refused({ id: 'a', vector: { text: [1], image: [2] } }, /has several vectors \("text", "image"\)/)
  await refused({ ids: ['a', 'b'], embeddings: [[1]] }, /has 2 ids and 1 embeddings/)
})

test('A page of a scroll behind which there are more is refused, unless the next one follows', async (t) => {
  const page = (id: number, next: unknown): string =>
    `${JSON.stringify({ result: { points: [{ id, vector: V1 }], next_page_offset: next } })}\n`
  for (const [text, next] of [
    [page(1, 7), '7'],
    [page(1, null) + page(2, '5c56c793'), '5c56c793'],
  ] as const)
    await assert.rejects(
      rowsIn(await temporaryFile(t, 'a.jsonl', text)),
      isError(
        'WALV_INVALID_FILE',
        new RegExp(`is a page that names a next one \\(next_page_offset: "${next}"\\)`),
      ),
    )
  const rows = await rowsIn(await temporaryFile(t, 'b.jsonl', page(1, 7) + page(7, null)))
  assert.deepEqual(rows, [
    ['1', V1],
    ['7', V1],
  ])
})

test('JSON that is cut short, goes on behind its end or is no array is refused with its place', async (t) => {
  const refused = async (text: string, message: RegExp): Promise<void> =>
    assert.rejects(rowsIn(await temporaryFile(t, 'a.json', text)), isError('WALV_INVALID_FILE', message))
  const row = '{"id":"a","vector":[1,2,3]}'
  await refused(`[${row}`, /it ends before its JSON does/)
  await refused(`[${row}] x`, /at byte 30, something follows its end/)
  await refused(`[${row},]`, /element 1 is empty/)
  await refused(`[${row}}`, /its array ends in "}"/)
  await refused('[]', /it holds no vectors/)
  await refused('"x"', /neither an array nor an object/)
  await refused(' ', /it is empty/)
  await refused(`[${row},nonsense]`, /element 1 is not JSON/)
})

test('A CSV file whose records are not as its header is refused with their place', async (t) => {
  const refused = async (text: string, message: RegExp): Promise<void> =>
    assert.rejects(rowsIn(await temporaryFile(t, 'a.csv', text)), isError('WALV_INVALID_FILE', message))
  await refused('id,vector\na,"[1,2,3]",x\n', /record 1 has 3 fields, where the header has 2/)
  await refused('id,vector\na,"[1,2,3]\n', /record 1 ends within quotes/)
  await refused('id,vector\na,1;2\n', /record 1 has a vector that is no JSON array/)
  await refused('id,x_0,x_1,x_2\na,1,,3\n', /element 1 is not a number that fits float32/)
  await refused('id,text\na,b\n', /its header names no column of vectors/)
  await refused('id,id,x0\n1,2,3\n', /two columns have the name "id"/)
})

test('An archive with several arrays, and one that is cut, are refused', async (t) => {
  const whole = readFileSync(join(FIXTURES, 'packed.npz'))
  const cut = await temporaryFile(t, 'a.npz', whole.subarray(0, -30))
  await assert.rejects(rowsIn(cut), isError('WALV_INVALID_FILE', /does not end as an archive does/))
  const renamed = Buffer.from(whole.toString('latin1').replaceAll('vectors.npy', 'another.npy'), 'latin1')
  const several = await temporaryFile(t, 'a.npz', renamed)
  await assert.rejects(
    rowsIn(several),
    isError('WALV_INVALID_FILE', /holds several arrays \("another.npy", "other.npy"\)/),
  )
})

test('What gzip packed and is cut is refused under its own name', async (t) => {
  const whole = readFileSync(join(FIXTURES, 'no-ids.ndjson.gz'))
  const cut = await temporaryFile(t, 'a.jsonl.gz', whole.subarray(0, -12))
  await assert.rejects(rowsIn(cut), (error: Error) => {
    assert.ok(error.message.includes(`Cannot import ${cut}: `), error.message)
    return isError('WALV_INVALID_FILE', /is not whole/)(error)
  })
})

test('Standard input is kept in a file while it is read, and needs to be told of which kind it is', async (t) => {
  const target = join(await temporaryFolder(t), 'input')
  const packed = join(FIXTURES, 'no-ids.ndjson.gz')
  await spoolInput(target, createReadStream(packed))
  assert.deepEqual(readFileSync(target), readFileSync(packed))
  await assert.rejects(openVectorFile('-'), isError('WALV_USAGE', /Say with --format what standard input is/))
})
