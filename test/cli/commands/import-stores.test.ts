import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { appendFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { document, embeddings, openStore } from '../../langchain/stores.ts'
import {
  closing,
  DurableIndex,
  flat,
  type Metric,
  temporaryDirectory,
  withoutSeq,
} from '../../support/kit.ts'
import { copyOf, documents, FIXTURES, vectors } from '../import/stores.ts'
import { assertRefused, assertUnchanged, jsonLines, MAIN, outcome } from './program.ts'

async function imported(...args: string[]): Promise<object> {
  const [{ imported }] = await jsonLines(0, 'import', ...args)
  const { durationMs, ...figures } = imported
  assert.ok(durationMs >= 0)
  return figures
}

const target = async (t: TestContext): Promise<string> => join(await temporaryDirectory(t), 'index')

async function opened(
  t: TestContext,
  directory: string,
  metric: Metric,
  dimensions = 100,
): Promise<DurableIndex> {
  return closing(
    t,
    await DurableIndex.open({ directory, readOnly: true, index: flat({ dimensions, metric }) }),
  )
}

for (const [from, name, metric] of [
  ['memory-vector-store', 'memory-vector-store.json', 'cosine'],
  ['hnswlib', 'hnswlib-cosine', 'cosine'],
  ['hnswlib', 'hnswlib-l2', 'l2'],
  ['hnswlib', 'hnswlib-ip', 'ip'],
] as const) {
  test(`The documents of ${name} can be searched by LangChain as they were, ids and all`, async (t) => {
    const directory = await target(t)
    const figures = await imported('--from', from, join(FIXTURES, name), directory)
    assert.deepEqual(figures, { rows: 12, dimensions: 100, added: 12, duplicates: 0, size: 12 })
    const store = await openStore(t, { directory, index: flat({ dimensions: 100, metric }) })
    assert.equal(store.index.recovery.fromSnapshot, 12, 'a checkpoint ends the import')
    for (const [i, { pageContent, metadata }] of documents.entries()) {
      const id = from === 'memory-vector-store' && i % 3 === 0 ? `doc-${i}` : `${i}`
      const [found] = await store.similaritySearch(pageContent, 12, ({ id: each }) => each === id)
      assert.deepEqual({ ...found }, { id, pageContent, metadata })
      if (metric === 'ip') continue
      const [nearest] = await store.similaritySearchWithScore(pageContent, 1)
      assert.equal(nearest![0].id, id)
      assert.ok(Math.abs(nearest![1] - 1) < 1e-6)
    }
    await store.addDocuments([document('a boat on the water')])
    assert.equal(store.index.size, 13)
  })
}

test('The items of a vectra index are in the index with their metadata, vectors bit for bit', async (t) => {
  const directory = await target(t)
  await imported('--from', 'vectra', join(FIXTURES, 'vectra'), directory, '--prefix', 'v-')
  const index = await opened(t, directory, 'cosine')
  assert.deepEqual(
    [...index.ids()],
    documents.map((_, i) => `v-item-${i}`),
  )
  for (const [i, { pageContent, metadata }] of documents.entries()) {
    const expected = i < 10 ? { ...metadata, text: pageContent } : metadata
    assert.deepEqual(withoutSeq(index.get(`v-item-${i}`)), { vector: vectors[i], metadata: expected })
  }
})

test('The chunks of a vectra index of documents can be searched by LangChain', async (t) => {
  const directory = await target(t)
  await imported('--from', 'vectra', join(FIXTURES, 'vectra-documents'), directory)
  const store = await openStore(t, { directory })
  const found = await store.similaritySearch('The king and the queen', 1, { uri: 'history.txt' })
  assert.match(found[0]!.pageContent, /^The king and the queen lived in a castle\./)
})

test('A store goes into an index of its own metric, of none yet, or of the one that is asked for', async (t) => {
  const directory = await target(t)
  const l2 = ['--from', 'hnswlib', join(FIXTURES, 'hnswlib-l2'), directory]
  await imported('--from', 'vectra', join(FIXTURES, 'vectra'), directory)
  const message =
    /hnswlib-l2 has the metric l2, the index in .* has cosine\. .*--metric cosine .* Nothing was written\./
  await assertUnchanged(directory, () => assertRefused(['import', ...l2], 2, 'WALV_INDEX_MISMATCH', message))
  const figures = await imported(...l2, '--metric', 'cosine')
  assert.deepEqual(figures, { rows: 12, dimensions: 100, added: 12, duplicates: 0, size: 24 })
  // Of which the metric is not known, goes into any.
  await imported(
    '--from',
    'memory-vector-store',
    join(FIXTURES, 'memory-vector-store.json'),
    directory,
    '--prefix',
    'm-',
  )
  assert.equal((await opened(t, directory, 'cosine')).size, 36)
})

test('A damaged store imports nothing, and makes no directory', async (t) => {
  const folder = await copyOf(t, 'hnswlib-cosine')
  await appendFile(join(folder, 'hnswlib.index'), 'x')
  const directory = await target(t)
  await assertRefused(
    ['import', '--from', 'hnswlib', folder, directory],
    2,
    'WALV_INVALID_FILE',
    /1 bytes follow its end/,
  )
  const vectra = await copyOf(t, 'vectra')
  // The last item has its metadata in a file of its own: everything before it verifies.
  const last = (await readdir(vectra)).filter((name) => name !== 'index.json')
  for (const name of last) await rm(join(vectra, name))
  await assertRefused(
    ['import', '--from', 'vectra', vectra, directory],
    2,
    'WALV_INVALID_FILE',
    /there is no such file/,
  )
  assert.ok(!existsSync(directory))
})

test('An id that no log takes imports nothing', async (t) => {
  const directory = await target(t)
  const file = join(directory, '..', 'dump.json')
  await writeFile(file, JSON.stringify([{ content: 'a', embedding: [1], metadata: {}, id: '' }]))
  const args = ['import', '--from', 'memory-vector-store', file, directory]
  await assertRefused(args, 2, 'WALV_INVALID_ID', /The id of row 0 is empty/)
  assert.ok(!existsSync(directory))
})

test('An unknown library is refused, and so is a store whose library is not said', async (t) => {
  const directory = await target(t)
  const args = ['import', '--from', 'faiss', FIXTURES, directory]
  await assertRefused(
    args,
    2,
    'WALV_USAGE',
    /--from is one of memory-vector-store, hnswlib, vectra, not "faiss"/,
  )
  await assertRefused(
    ['import', join(FIXTURES, 'vectra'), directory],
    2,
    'WALV_USAGE',
    /say with --from which library/,
  )
})

test('An import of a store that is killed in the middle, and done again, is as one that was not', async (t) => {
  const directory = await target(t)
  const file = join(directory, '..', 'dump.json')
  const embedding = await embeddings.embedQuery('king')
  const rows = Array.from({ length: 2000 }, (_, i) => ({
    content: `text ${i}`,
    embedding: embedding.with(0, i),
    metadata: {},
  }))
  await writeFile(file, JSON.stringify(rows))
  const args = ['import', '--from', 'memory-vector-store', file]
  const child = spawn(process.execPath, [MAIN, ...args, directory], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  const ended = outcome(child)
  while ((await readdir(directory).catch(() => [])).every((name) => !name.endsWith('.walv'))) await delay(1)
  await delay(20)
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  await ended
  const part = await opened(t, directory, 'cosine')
  assert.ok(part.size < rows.length, `${part.size} of ${rows.length} had arrived`)
  await imported(...args.slice(1), directory)
  const whole = join(directory, '..', 'whole')
  await imported(...args.slice(1), whole)
  const [again, undisturbed] = [await opened(t, directory, 'cosine'), await opened(t, whole, 'cosine')]
  assert.equal(again.size, rows.length)
  assert.equal(again.fingerprint(), undisturbed.fingerprint())
})

const rowsOf = async (t: TestContext, rows: readonly object[]): Promise<string> => {
  const file = join(await temporaryDirectory(t), 'rows.jsonl')
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  return file
}

test("Plain vectors become documents of a LangChain store's, beside those that are there", async (t) => {
  const directory = await target(t)
  const store = await openStore(t, { directory })
  await store.addDocuments([document('The king lived in a castle', { topic: 'history' })], { ids: ['king'] })
  await store.close()
  const vector = await embeddings.embedQuery('The ship sailed from the harbor')
  const file = await rowsOf(t, [
    { id: 'ship', vector, text: 'The ship sailed from the harbor', topic: 'sea' },
    { id: 'nested', vector, metadata: { text: 'A boat', at: { page: 2 } } },
    { id: 'ready', vector, metadata: { pageContent: 'A port', metadata: { page: 3 } } },
  ])
  assert.deepEqual(await imported(file, directory, '--text-field', 'text'), {
    rows: 3,
    dimensions: 100,
    added: 3,
    duplicates: 0,
    size: 4,
  })
  const again = await openStore(t, { directory })
  const found = await again.similaritySearch('The ship sailed from the harbor', 3)
  assert.deepEqual(
    found.map(({ id, pageContent, metadata }) => ({ id, pageContent, metadata })),
    [
      { id: 'ship', pageContent: 'The ship sailed from the harbor', metadata: { topic: 'sea' } },
      { id: 'nested', pageContent: 'A boat', metadata: { at: { page: 2 } } },
      { id: 'ready', pageContent: 'A port', metadata: { page: 3 } },
    ],
  )
})

test('Plain vectors are refused where documents are, and vectors without a text where they are to be documents', async (t) => {
  const directory = await target(t)
  const store = await openStore(t, { directory })
  await store.addDocuments([document('The king lived in a castle')], { ids: ['king'] })
  await store.close()
  const vector = await embeddings.embedQuery('ship')
  const file = await rowsOf(t, [{ id: 'ship', vector, text: 'The ship' }])
  await assertRefused(
    ['import', file, directory],
    2,
    'WALV_INDEX_MISMATCH',
    /holds documents .* --text-field .* Nothing was written/,
  )
  for (const metadata of [{ title: 'x' }, { text: 7 }, 'text', null]) {
    const textless = await rowsOf(t, [
      { id: 'a', vector, text: 'x' },
      { id: 'b', vector, metadata },
    ])
    const args = ['import', textless, directory, '--text-field', 'text']
    await assertRefused(args, 2, 'WALV_INVALID_FILE', /line 2 has no text as "text" of its metadata/)
  }
  const again = await openStore(t, { directory })
  assert.equal(again.index.size, 1)
})
