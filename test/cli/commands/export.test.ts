import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DurableIndex, flat, temporaryDirectory } from '../../support/kit.ts'
import { assertRefused, assertUnchanged, jsonLines, MAIN, outcome, textLines, walv } from './program.ts'

const VECTORS = { a: [0.1, -0, 3e-45], 'b "\n': [1e30, 2, -3] }

async function someIndex(t: TestContext): Promise<{ folder: string; directory: string }> {
  const folder = await temporaryDirectory(t)
  const directory = join(folder, 'index')
  await using index = await DurableIndex.open({ directory, index: flat({ dimensions: 3, metric: 'l2' }) })
  for (const [id, vector] of Object.entries(VECTORS))
    await index.insert(id, vector, id === 'a' ? { n: [1, null] } : null)
  await index.close()
  return { folder, directory }
}

async function fingerprintOf(directory: string): Promise<string> {
  await using index = await DurableIndex.open({
    directory,
    readOnly: true,
    index: flat({ dimensions: 3, metric: 'l2' }),
  })
  return index.fingerprint()
}

test('What is exported as .jsonl and imported again is the same, bit for bit; the directory is untouched', async (t) => {
  const { folder, directory } = await someIndex(t)
  const file = join(folder, 'v.jsonl')
  await assertUnchanged(directory, async () => {
    const [{ exported }] = await jsonLines(0, 'export', directory, file)
    const { durationMs, ...figures } = exported
    assert.ok(durationMs >= 0)
    assert.deepEqual(figures, { vectors: 2, dimensions: 3, metric: 'l2', files: [file] })
  })
  const again = join(folder, 'again')
  await jsonLines(0, 'import', file, again, '--metric', 'l2')
  assert.equal(await fingerprintOf(again), await fingerprintOf(directory))
  assert.deepEqual((await readdir(folder)).sort(), ['again', 'index', 'v.jsonl'])
})

test('Standard output takes the lines, and standard input gives them to an import', async (t) => {
  const { folder, directory } = await someIndex(t)
  const { code, stdout } = await walv('export', directory, '-')
  assert.equal(code, 0)
  const again = join(folder, 'again')
  const child = spawn(process.execPath, [MAIN, 'import', '-', again, '--format', 'jsonl', '--metric', 'l2'], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: folder },
  })
  child.stdin!.end(stdout)
  const run = await outcome(child)
  assert.deepEqual([run.code, run.stderr], [0, ''])
  assert.equal(await fingerprintOf(again), await fingerprintOf(directory))
  assert.deepEqual((await readdir(folder)).sort(), ['again', 'index'], 'nothing temporary is left')
})

test('An .npy file has the vectors, and a file beside it their ids and metadata', async (t) => {
  const { folder, directory } = await someIndex(t)
  const file = join(folder, 'v.npy')
  const [line] = await textLines(0, 'export', directory, file)
  assert.match(line!, /^2 vectors of 3 dimensions \(metric l2\) written to .*v\.npy and .*v\.ids\.jsonl in /)
  const bytes = await readFile(file)
  assert.equal(bytes.length % 64, (2 * 3 * 4) % 64)
  assert.match(
    bytes.toString('latin1', 10, 128),
    /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(2, 3\), \} *\n$/,
  )
  assert.deepEqual(bytes.subarray(-24), Buffer.from(Float32Array.from(Object.values(VECTORS).flat()).buffer))
  const ids = (await readFile(join(folder, 'v.ids.jsonl'), 'utf8')).trimEnd().split('\n')
  assert.deepEqual(
    ids.map((each) => JSON.parse(each)),
    [{ id: 'a', metadata: { n: [1, null] } }, { id: 'b "\n' }],
  )
  const [{ imported }] = await jsonLines(0, 'import', file, join(folder, 'again'))
  assert.equal(imported.rows, 2)
})

test('A file that exists, one of another kind and one in no folder are refused', async (t) => {
  const { folder, directory } = await someIndex(t)
  const there = join(folder, 'there.jsonl')
  await writeFile(there, 'mine')
  const refused = (file: string, message: RegExp, ...options: string[]): Promise<void> =>
    assertRefused(['export', directory, file, ...options], 2, 'WALV_USAGE', message)
  await refused(there, /exists already\. Name a new file/)
  assert.equal(await readFile(there, 'utf8'), 'mine')
  await refused(join(folder, 'v.parquet'), /Name one that ends in \.jsonl or \.npy\./)
  await refused(join(folder, 'none', 'v.jsonl'), /The folder of .* does not exist/)
  await refused('-', /leave out --json/, '--json')
  await assertRefused(
    ['export', folder, join(folder, 'x.jsonl')],
    1,
    'WALV_NOT_FOUND',
    /There is no vector in /,
  )
})

test('An import builds the graph of the engine that is named, and the next one keeps to it', async (t) => {
  const { folder, directory } = await someIndex(t)
  const file = join(folder, 'v.jsonl')
  await jsonLines(0, 'export', directory, file)
  const target = join(folder, 'graph')
  const kind = async (): Promise<string> => (await jsonLines(0, 'stats', target))[0].info.kind
  await jsonLines(0, 'import', file, target, '--index', 'usearch')
  assert.equal(await kind(), 'usearch')
  await jsonLines(0, 'import', file, target)
  assert.equal(await kind(), 'usearch')
  const { stdout } = await walv('query', target, 'a', '--json')
  assert.equal(stdout.split('\n')[0], '{"id":"a","distance":0,"metadata":{"n":[1,null]}}')
  await assertRefused(
    ['import', file, target, '--from', 'vectra', '--format', 'json'],
    2,
    'WALV_USAGE',
    /leave out --format/,
  )
})
