import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { DurableIndex, flat, temporaryDirectory } from '../../support/kit.ts'
import { assertRefused, assertUnchanged, jsonLines, MAIN, outcome, textLines, walv } from './program.ts'

const VECTORS = [
  [1, 2, 3],
  [4, 5, 6],
]

/** An .fvecs file: for each vector its dimensions, then its elements. */
function fvecs(vectors: readonly (readonly number[])[]): Buffer {
  return Buffer.concat(
    vectors.map((vector) => {
      const bytes = Buffer.alloc(4 + 4 * vector.length)
      bytes.writeInt32LE(vector.length)
      vector.forEach((element, index) => {
        bytes.writeFloatLE(element, 4 + 4 * index)
      })
      return bytes
    }),
  )
}

/** A .npy file of float32, as numpy writes it. */
function npy(vectors: readonly (readonly number[])[]): Buffer {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${vectors.length}, ${vectors[0]!.length}), }`
  const header = `${text.padEnd(117)}\n`
  const head = Buffer.from(`\x93NUMPY\x01\x00${String.fromCharCode(header.length)}\x00${header}`, 'latin1')
  return Buffer.concat([head, Buffer.from(Float32Array.from(vectors.flat()).buffer)])
}

const jsonl = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

interface Place {
  readonly directory: string
  /** Writes a file beside the directory, and resolves to its path. */
  file(name: string, content: string | Uint8Array): Promise<string>
}

async function place(t: TestContext): Promise<Place> {
  const folder = await temporaryDirectory(t)
  return {
    directory: join(folder, 'index'),
    async file(name, content) {
      const path = join(folder, name)
      await writeFile(path, content)
      return path
    },
  }
}

/** What an index holds: ids with their elements and metadata. */
async function contents(directory: string, dimensions = 3): Promise<Record<string, unknown>> {
  await using index = await DurableIndex.open({ directory, readOnly: true, index: flat({ dimensions }) })
  return Object.fromEntries(
    [...index.ids()].map((id) => {
      const { vector, metadata } = index.get(id)!
      return [id, metadata === null ? [...vector] : [...vector, metadata]]
    }),
  )
}

test('The vectors of an .fvecs, an .npy and a .jsonl file are in the index, bit for bit, with their ids and metadata', async (t) => {
  const { directory, file } = await place(t)
  const files = [
    await file('v.fvecs', fvecs(VECTORS)),
    await file('v.npy', npy([[7, 8, 9]])),
    await file(
      'v.jsonl',
      '{"id":"a","vector":[-0,1.5,0],"metadata":{"lang":"en"}}\n\n{"id":7,"vector":[0,0,1]}',
    ),
  ]
  assert.deepEqual(await imported(files[0]!, directory), { rows: 2, dimensions: 3, added: 2, size: 2 })
  assert.deepEqual(await imported(files[1]!, directory, '--prefix', 'n-'), {
    rows: 1,
    dimensions: 3,
    added: 1,
    size: 3,
  })
  assert.deepEqual(await imported(files[2]!, directory), { rows: 2, dimensions: 3, added: 2, size: 5 })
  assert.deepEqual(await contents(directory), {
    0: [1, 2, 3],
    1: [4, 5, 6],
    'n-0': [7, 8, 9],
    a: [-0, 1.5, 0, { lang: 'en' }],
    7: [0, 0, 1],
  })
})

async function imported(...args: string[]): Promise<object> {
  const [{ imported }, ...others] = await jsonLines(0, 'import', ...args)
  const { durationMs, duplicates, ...figures } = imported
  assert.deepEqual(others, [])
  assert.ok(durationMs >= 0 && duplicates >= 0)
  return figures
}

test('An id that exists is replaced; for people a sentence says so', async (t) => {
  const { directory, file } = await place(t)
  await imported(await file('v.npy', npy(VECTORS)), directory)
  const again = await file('w.npy', npy([[9, 9, 9]]))
  const [line] = await textLines(0, 'import', again, directory)
  assert.match(line!, /^1 vector of 3 dimensions imported in .*: 0 ids are new, 2 are in .*index now\.$/)
  assert.deepEqual(await contents(directory), { 0: [9, 9, 9], 1: [4, 5, 6] })
})

test('Of an id that a file has twice the later row holds', async (t) => {
  const { directory, file } = await place(t)
  const rows = Array.from({ length: 1000 }, (_, index) => ({ id: 'a', vector: [index, 0, 0] }))
  assert.deepEqual(await imported(await file('v.jsonl', jsonl(rows)), directory), {
    rows: 1000,
    dimensions: 3,
    added: 1,
    size: 1,
  })
  assert.deepEqual(await contents(directory), { a: [999, 0, 0] })
})

test('An id that comes twice is told, in figures and in a sentence', async (t) => {
  const { directory, file } = await place(t)
  const rows = ['a', 'b', 'a', 'a'].map((id) => ({ id, vector: [1, 2, 3] }))
  const path = await file('v.jsonl', jsonl(rows))
  const [{ imported }] = await jsonLines(0, 'import', path, directory)
  assert.deepEqual([imported.rows, imported.added, imported.duplicates], [4, 2, 2])
  const [, line] = await textLines(0, 'import', path, directory)
  assert.equal(line, '2 rows have an id that comes again further down: the last of each holds.')
})

test('The metric of a new index is remembered; another is refused, and nothing is written', async (t) => {
  const { directory, file } = await place(t)
  const vectors = await file(
    'v.npy',
    npy([
      [1, 0, 0],
      [9, 0, 0],
    ]),
  )
  await imported(vectors, directory, '--metric', 'l2')
  const hits = await jsonLines(0, 'query', directory, '0')
  assert.deepEqual(
    hits.map(({ id, distance }) => [id, distance]),
    [
      ['0', 0],
      ['1', 64],
    ],
  )
  await imported(vectors, directory)
  await assertUnchanged(directory, () =>
    assertRefused(
      ['import', vectors, directory, '--metric', 'ip'],
      2,
      'WALV_INDEX_MISMATCH',
      /has the metric l2, not ip\./,
    ),
  )
})

/**
 * Refused in an index that is there, which stays as it is, and with a new directory, which is not
 * made.
 */
async function assertNothingImported(
  t: TestContext,
  name: string,
  content: string | Uint8Array,
  code: Parameters<typeof assertRefused>[2],
  message: RegExp,
  ...options: string[]
): Promise<void> {
  const { directory, file } = await place(t)
  await imported(await file('good.npy', npy(VECTORS)), directory)
  const bad = await file(name, content)
  await assertUnchanged(join(directory, '..'), async () => {
    await assertRefused(['import', bad, directory, '--json', ...options], 2, code, message)
    await assertRefused(['import', bad, `${directory}-new`, '--json', ...options], 2, code, message)
  })
}

test('A truncated .npy file imports nothing', async (t) => {
  const content = npy(VECTORS).subarray(0, -5)
  await assertNothingImported(
    t,
    'v.npy',
    content,
    'WALV_INVALID_FILE',
    /at byte 147, the file ends, where its header says that it has 152 bytes/,
  )
})

test('A truncated .fvecs file imports nothing', async (t) => {
  await assertNothingImported(t, 'v.fvecs', fvecs(VECTORS).subarray(0, -1), 'WALV_INVALID_FILE', /v\.fvecs/)
})

test('A line that is cut in two imports nothing, not even the lines before it', async (t) => {
  const content = jsonl([
    { id: 'a', vector: [1, 2, 3] },
    { id: 'b', vector: [1, 2, 3] },
  ]).slice(0, -10)
  await assertNothingImported(t, 'v.jsonl', content, 'WALV_INVALID_FILE', /line 2 is not JSON/)
})

test('A NaN in the last vector imports nothing, and its place is named', async (t) => {
  const vectors = [...VECTORS, [1, Number.NaN, 3]]
  await assertNothingImported(
    t,
    'v.npy',
    npy(vectors),
    'WALV_INVALID_VECTOR',
    /Element 1 of row 2 is NaN; vectors must be finite\. Nothing was written\./,
  )
  await assertNothingImported(
    t,
    'v.fvecs',
    fvecs(vectors),
    'WALV_INVALID_VECTOR',
    /Element 1 of row 2 is NaN/,
  )
})

test('Dimensions that differ within a file import nothing', async (t) => {
  await assertNothingImported(
    t,
    'v.jsonl',
    jsonl([
      { id: 'a', vector: [1, 2, 3] },
      { id: 'b', vector: [1, 2] },
    ]),
    'WALV_INVALID_FILE',
    /line 2 has 2 dimensions, where line 1 has 3/,
  )
  await assertNothingImported(
    t,
    'v.fvecs',
    fvecs([
      [1, 2, 3],
      [1, 2],
    ]),
    'WALV_INVALID_FILE',
    /v\.fvecs/,
  )
})

test('Dimensions that differ from those of the index import nothing, with a snapshot and without', async (t) => {
  const { directory, file } = await place(t)
  const bad = await file('v.npy', npy([[1, 2, 3, 4]]))
  await using index = await DurableIndex.open({ directory, index: flat({ dimensions: 3 }) })
  await index.batch([{ type: 'insert', id: 'a', vector: [1, 2, 3] }])
  await index.close()
  const refusal = (): Promise<void> =>
    assertRefused(
      ['import', bad, directory, '--json'],
      2,
      'WALV_INDEX_MISMATCH',
      /The vectors in .*v\.npy have 4 dimensions, those in .*index have 3\. Nothing was written\./,
    )
  await assertUnchanged(directory, refusal)
  await imported(await file('good.npy', npy(VECTORS)), directory)
  await assertUnchanged(directory, refusal)
})

test('Ids and metadata that no log takes import nothing', async (t) => {
  const row = { id: 'a', vector: [1, 2, 3] }
  const rows = (last: object): string => jsonl([row, { ...row, ...last }])
  const refused = (last: object, message: RegExp): Promise<void> =>
    assertNothingImported(t, 'v.jsonl', rows(last), 'WALV_INVALID_FILE', message)
  await refused({ id: '' }, /line 2 has an unfit "id"/)
  await refused({ id: 1.5 }, /line 2 has the "id" 1\.5, which is not an exact integer/)
  await refused({ id: 'é'.repeat(40_000) }, /line 2 has an unfit "id"/)
  await refused({ id: null }, /line 2 has an unfit "id"/)
  let nested: unknown = 0
  for (let depth = 0; depth < 101; depth++) nested = [nested]
  await refused({ metadata: nested }, /line 2 has metadata nested deeper than 100/)
  await refused(
    { metadata: { text: 'x'.repeat(17_000_000) } },
    /line 2 has metadata of 170000\d\d bytes, more than 16777216/,
  )
  await refused({ metadata: ['\ud800'] }, /line 2 has metadata with half a surrogate pair/)
  const infinite = rows({ metadata: [-1] }).replace('-1', '1e999')
  await assertNothingImported(
    t,
    'v.jsonl',
    infinite,
    'WALV_INVALID_FILE',
    /line 2 has metadata with a number that is too large/,
  )
})

test('Metadata as deep as is allowed is imported', async (t) => {
  const { directory, file } = await place(t)
  let nested: unknown = 0
  for (let depth = 0; depth < 100; depth++) nested = depth % 2 === 0 ? [nested] : { nested }
  await imported(await file('v.jsonl', jsonl([{ id: 'a', vector: [1], metadata: nested }])), directory)
  assert.deepEqual(await contents(directory, 1), { a: [1, nested] })
})

test('A prefix that makes an id too long imports nothing', async (t) => {
  const content = jsonl([
    { id: 'a', vector: [1, 2, 3] },
    { id: 'aa', vector: [1, 2, 3] },
  ])
  await assertNothingImported(
    t,
    'v.jsonl',
    content,
    'WALV_LIMIT',
    /The id of line 2 has more than 65535 bytes/,
    '--prefix',
    'x'.repeat(65_534),
  )
})

test('A file that is not there, is none, is empty or of another kind is refused', async (t) => {
  const { directory, file } = await place(t)
  const folder = join(directory, '..')
  const refused = (path: string, code: Parameters<typeof assertRefused>[2], message: RegExp): Promise<void> =>
    assertRefused(['import', path, directory], 2, code, message)
  await refused(join(folder, 'none.npy'), 'WALV_INVALID_FILE', /there is no such file\. Check the path/)
  await refused(await file('e.npy', ''), 'WALV_INVALID_FILE', /it is empty/)
  await refused(await file('e.jsonl', '\n\n'), 'WALV_INVALID_FILE', /it holds no vectors/)
  await refused(await file('v.txt', '1,2'), 'WALV_USAGE', /ends in \.jsonl, \.json, \.csv, \.npy/)
  await refused(await file('v.npy', jsonl([{}])), 'WALV_INVALID_FILE', /does not begin as a \.npy file does/)
})

const MANY = 60_000

/** An import that takes a while, stopped as soon as its log is there. */
async function stoppedImport(t: TestContext, { directory, file }: Place) {
  const vectors = Array.from({ length: MANY }, (_, index) => [index, 1, 2])
  const child = spawn(
    process.execPath,
    [MAIN, 'import', await file('many.fvecs', fvecs(vectors)), directory],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    },
  )
  t.after(() => child.kill('SIGKILL'))
  const ended = outcome(child)
  // The lock is taken before the first segment is there.
  while ((await readdir(directory).catch(() => [])).every((name) => !name.endsWith('.walv'))) await delay(1)
  child.kill('SIGSTOP')
  return { child, ended }
}

test('While an import runs a second writer is refused and told who writes; readers are not', async (t) => {
  const there = await place(t)
  const { child, ended } = await stoppedImport(t, there)
  const one = await there.file('one.npy', npy([[1, 2, 3]]))
  const holder = new RegExp(`is open for writing in process ${child.pid} on .* since `)
  await assertUnchanged(there.directory, () =>
    assertRefused(['import', one, there.directory, '--json'], 2, 'WALV_LOCKED', holder),
  )
  const [{ verified }] = await jsonLines(0, 'verify', there.directory)
  assert.equal(verified.intact, true)
  child.kill('SIGCONT')
  const { code, stderr } = await ended
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.deepEqual(await imported(one, there.directory), { rows: 1, dimensions: 3, added: 0, size: MANY })
})

test('An import that is killed leaves a whole log, and can be done again', async (t) => {
  const there = await place(t)
  const { child } = await stoppedImport(t, there)
  child.kill('SIGCONT')
  await delay(100)
  child.kill('SIGKILL')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  const [{ verified }] = (await jsonLines(0, 'verify', there.directory)).slice(-1)
  assert.equal(verified.intact, true)
  const again = await jsonLines(0, 'import', join(there.directory, '..', 'many.fvecs'), there.directory)
  assert.equal(again[0].imported.size, MANY)
})

test('An import that the disk stops says so in a sentence, and leaves a whole log', async (t) => {
  const { directory, file } = await place(t)
  // All of one id, so that the snapshot at the end would still have room.
  const row = { id: 'a', vector: [1, 2, 3], metadata: 'x'.repeat(1000) }
  const path = await file('many.jsonl', jsonl(Array.from({ length: 5_000 }, () => row)))
  // No file may grow beyond 1 MiB: the system refuses what a writer asks for.
  const command = 'ulimit -f 1024; exec "$0" "$@"'
  const child = spawn('bash', ['-c', command, process.execPath, MAIN, 'import', path, directory], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const { code, stdout, stderr } = await outcome(child)
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' }, stderr)
  assert.match(stderr, /^walv: [^\n]+\. \(WALV_(IO|DISK_FULL|POISONED)\)\n$/)
  const [{ verified }] = (await jsonLines(0, 'verify', directory)).slice(-1)
  assert.equal(verified.intact, true)
  const { code: again } = await walv('import', path, directory)
  assert.equal(again, 0)
})
