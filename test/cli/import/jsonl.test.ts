import assert from 'node:assert/strict'
import { truncate } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { openVectorFile } from '../../../src/cli/import/index.ts'
import { MAX_LINE_BYTES } from '../../../src/cli/import/lines.ts'
import { temporaryFile } from '../temporary.ts'
import { assertFailsAfter, assertRefused, bits, readAll } from './vector-files.ts'

const FIRST = '{"id":"first","vector":[1,2]}\n'

/** What comes of a line after a good one. */
async function secondRow(t: TestContext, line: string | Uint8Array) {
  const file = await temporaryFile(t, 'a.jsonl', Buffer.concat([Buffer.from(FIRST), Buffer.from(line)]))
  const rows = await readAll(file)
  assert.equal(rows.length, 2)
  return rows[1]!
}

async function assertLineFails(t: TestContext, line: string | Uint8Array, message: RegExp): Promise<void> {
  const file = await temporaryFile(t, 'a.jsonl', Buffer.concat([Buffer.from(FIRST), Buffer.from(line)]))
  await assertFailsAfter(file, 1, message, FIRST.length)
}

test('A .jsonl file gives ids, vectors and metadata, with its size and dimensions known ahead', async (t) => {
  const file = await temporaryFile(
    t,
    'a.jsonl',
    '{"id":"a","vector":[1,-2.5,0.1],"metadata":{"lang":"en"}}\r\n\n  \n{"embedding":[0,0,1e-45],"id":7}',
  )
  const { format, bytes, rows, dimensions } = await openVectorFile(file)
  assert.deepEqual(
    { format, bytes, rows, dimensions },
    { format: 'jsonl', bytes: 95, rows: undefined, dimensions: 3 },
  )
  assert.deepEqual(await readAll(file), [
    {
      id: 'a',
      vector: new Float32Array([1, -2.5, 0.1]),
      metadata: { lang: 'en' },
      where: 'line 1',
      endOffset: 59,
    },
    { id: '7', vector: new Float32Array([0, 0, 1e-45]), where: 'line 4', endOffset: 95 },
  ])
})

test('A vector in base64 is kept bit for bit', async (t) => {
  const elements = Buffer.alloc(8)
  elements.writeUInt32LE(0x7fa00001, 0)
  elements.writeUInt32LE(0x80000000, 4)
  const { vector } = await secondRow(t, `{"id":"b","vector":"${elements.toString('base64')}"}`)
  assert.deepEqual(bits(vector), [0x7fa00001, 0x80000000])
})

test('Metadata may be any JSON value', async (t) => {
  for (const metadata of ['null', 'false', '0', '"x"', '[1,{"a":null}]', '{}']) {
    const row = await secondRow(t, `{"id":"b","vector":[1,2],"metadata":${metadata}}`)
    assert.deepEqual(row.metadata, JSON.parse(metadata))
  }
})

test('Other members become the metadata where there is none, whatever their names', async (t) => {
  const row = await secondRow(t, '{"id":"b","text":"x","vector":[1,2],"n":[1],"__proto__":{"y":1}}')
  assert.equal(JSON.stringify(row.metadata), '{"text":"x","n":[1],"__proto__":{"y":1}}')
  assert.equal(Object.getPrototypeOf(row.metadata), Object.prototype)
})

test('Other members beside metadata are refused rather than dropped or merged', async (t) => {
  const line = '{"id":"b","vector":[1,2],"metadata":null,"text":"x"}'
  await assertLineFails(t, line, /line 2 has "metadata" and also "text".* Move that into the metadata/)
})

test('A byte order mark and ids of any Unicode are read', async (t) => {
  const file = await temporaryFile(t, 'a.jsonl', '\ufeff{"id":"日本語 🐘\\u0000","vector":[1]}\n')
  assert.deepEqual(
    (await readAll(file)).map(({ id }) => id),
    ['日本語 🐘\u0000'],
  )
})

test('A file without a vector in it is refused', async (t) => {
  await assertRefused(await temporaryFile(t, 'a.jsonl', ''), /it is empty/, 0)
  await assertRefused(await temporaryFile(t, 'a.jsonl', '\n \r\n'), /it holds no vectors/, 0)
})

test('A first line that is wrong is refused on opening', async (t) => {
  await assertRefused(await temporaryFile(t, 'a.jsonl', '\n{"id":'), /line 2 is not JSON/, 1)
})

const badLines: [title: string, line: string | Uint8Array, message: RegExp][] = [
  ['is cut short', '{"id":"b","vector":[1,', /line 2 is not JSON \(.+\)\. Write one whole object a line/],
  ['holds two objects', '{"id":"b","vector":[1,2]} {}', /line 2 is not JSON/],
  ['is not UTF-8', Buffer.from('{"id":"\xff","vector":[1,2]}', 'latin1'), /line 2 is not UTF-8/],
  ['is an array', '[1,2]', /line 2 is not an object/],
  ['is null', 'null', /line 2 is not an object/],
  ['is a string', '"x"', /line 2 is not an object/],
  ['has an empty id', '{"id":"","vector":[1,2]}', /line 2 has an unfit "id"/],
  ['has an id that is null', '{"id":null,"vector":[1,2]}', /line 2 has an unfit "id"/],
  ['has an id that is an object', '{"id":{},"vector":[1,2]}', /line 2 has an unfit "id"/],
  ['has half a character as its id', '{"id":"\\ud800","vector":[1,2]}', /line 2 has an unfit "id"/],
  ['has an id too long', `{"id":"${'é'.repeat(32_768)}","vector":[1,2]}`, /line 2 has an unfit "id"/],
  [
    'has a fraction as its id',
    '{"id":1.5,"vector":[1,2]}',
    /line 2 has the "id" 1\.5, which is not an exact integer/,
  ],
  ['has an id that is not exact', '{"id":9007199254740993,"vector":[1,2]}', /which is not an exact integer/],
  ['has no vector', '{"id":"b"}', /line 2 has no "vector", "embedding" or "values"/],
  [
    'has two vectors',
    '{"id":"b","vector":[1,2],"embedding":[1,2]}',
    /line 2 has both "vector" and "embedding"/,
  ],
  ['has an object as its vector', '{"id":"b","vector":{"0":1}}', /line 2 has a vector that is no array/],
  ['has null as its vector', '{"id":"b","vector":null}', /line 2 has a vector that is no array/],
  ['has an empty vector', '{"id":"b","vector":[]}', /line 2 has 0 dimensions/],
  ['has an empty string as its vector', '{"id":"b","vector":""}', /line 2 has 0 dimensions/],
  ['has a vector too long', `{"id":"b","vector":[${'0,'.repeat(65_535)}0]}`, /line 2 has 65536 dimensions/],
  [
    'has a string in its vector',
    '{"id":"b","vector":[1,"2"]}',
    /element 1 is not a number that fits float32/,
  ],
  ['has null in its vector', '{"id":"b","vector":[null,2]}', /element 0 is not a number that fits float32/],
  ['has a number too large', '{"id":"b","vector":[1,1e39]}', /element 1 is not a number that fits float32/],
  ['has three dimensions', '{"id":"b","vector":[1,2,3]}', /line 2 has 3 dimensions, where line 1 has 2/],
  ['has base64 of half a number', '{"id":"b","vector":"AAAAAAAA"}', /not the base64 of float32/],
  ['has text that is not base64', '{"id":"b","vector":"no base64!!!"}', /not the base64 of float32/],
  ['has base64 without padding', '{"id":"b","vector":"AACAPwAAAEA"}', /not the base64 of float32/],
]
for (const [title, line, message] of badLines) {
  test(`A line that ${title} is refused with its number and offset`, async (t) => {
    await assertLineFails(t, line, message)
  })
}

test('A file of several pieces is read in order, with the place of each line', async (t) => {
  const lines = Array.from(
    { length: 5000 },
    (_, i) => `{"id":${i},"vector":[${i},0],"text":"${'é'.repeat(i % 500)}"}\n`,
  )
  const content = Buffer.from(lines.join(''))
  const rows = await readAll(await temporaryFile(t, 'a.jsonl', content))
  assert.equal(rows.length, lines.length)
  let endOffset = 0
  for (const [i, row] of rows.entries()) {
    endOffset += Buffer.byteLength(lines[i]!)
    assert.deepEqual(
      [row.id, row.vector[0], row.where, row.endOffset],
      [String(i), i, `line ${i + 1}`, endOffset],
    )
  }
  assert.equal(endOffset, content.length)
})

test('A line longer than the limit is refused without reading to its end', async (t) => {
  const file = await temporaryFile(t, 'a.jsonl', FIRST)
  await truncate(file, MAX_LINE_BYTES * 64)
  const before = process.memoryUsage().rss
  await assertFailsAfter(file, 1, /line 2 is longer than 33554432 bytes/, FIRST.length)
  assert.ok(process.memoryUsage().rss - before < MAX_LINE_BYTES * 4)
})
