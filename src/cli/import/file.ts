/** What every kind of vector file has in common: what it gives, how it is read, how it fails. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { JsonValue, Metric } from '../../mod.ts'
import { MAX_DIMENSIONS, WalError } from '../../mod.ts'

/** One vector of a file. */
export interface VectorRow {
  readonly id: string
  readonly vector: Float32Array
  readonly metadata?: JsonValue
  /** Its place, for messages: `row 12` (from 0), `line 12` (from 1). */
  readonly where: string
  /** Offset behind it in the file: how many of the file's bytes are done. */
  readonly endOffset: number
}

/** The kinds of files, by the names that `--format` takes. */
export type FileFormat = 'jsonl' | 'json' | 'csv' | 'npy' | 'npz' | 'fvecs'

/** The stores of other libraries, by the names that `--from` takes. */
export type StoreFormat = 'memory-vector-store' | 'hnswlib' | 'vectra'

/** A file of vectors, opened and checked as far as its size and its beginning tell. */
export interface VectorFile {
  readonly format: FileFormat | StoreFormat
  readonly bytes: number
  /** How many vectors it holds, where that is known ahead. */
  readonly rows: number | undefined
  /** Of every vector: a file in which they differ is refused. */
  readonly dimensions: number
  /** What it was searched with, where it says. */
  readonly metric?: Metric
  /**
   * Reads from the beginning, each time it is called, in bounded memory.
   * @throws WalError `WALV_INVALID_FILE` with the offset at the first thing that is wrong;
   * `WALV_PERMISSION`, `WALV_IO`.
   */
  read(): AsyncGenerator<VectorRow>
}

const CHUNK_BYTES = 256 * 1024

/**
 * A file's size.
 * @throws WalError `WALV_INVALID_FILE` if it is not there, not a regular file or empty;
 * `WALV_PERMISSION`, `WALV_IO`.
 */
export async function sizeOf(file: string, hint = 'Name a file of vectors.'): Promise<number> {
  const found = await stat(file).catch((error: unknown) => {
    throw readError(file, error)
  })
  if (!found.isFile()) throw invalidFile(file, 0, 'it is not a regular file', hint)
  if (found.size === 0) throw invalidFile(file, 0, 'it is empty', 'Write the file again.')
  return found.size
}

/** The file from `start` on, in pieces of at most 256 KiB. */
export async function* readChunks(file: string, start = 0): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(file, { start, highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>
  } catch (error) {
    throw readError(file, error)
  }
}

/** The first bytes of a file: `bytes` of them, or all there are. */
export async function readHead(file: string, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of readChunks(file)) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= bytes) break
  }
  return Buffer.concat(chunks).subarray(0, bytes)
}

/**
 * The file from `start` on, in records of `recordBytes`, each valid until the next is asked for.
 * What is left over is not given.
 */
export async function* readRecords(file: string, start: number, recordBytes: number): AsyncGenerator<Buffer> {
  let rest: Buffer[] = []
  let restBytes = 0
  for await (const chunk of readChunks(file, start)) {
    rest.push(chunk)
    restBytes += chunk.length
    if (restBytes < recordBytes) continue
    const bytes = Buffer.concat(rest)
    let position = 0
    for (; bytes.length - position >= recordBytes; position += recordBytes) {
      yield bytes.subarray(position, position + recordBytes)
    }
    rest = [bytes.subarray(position)]
    restBytes = bytes.length - position
  }
}

/** Refuses what no vector can have. */
export function checkDimensions(file: string, offset: number, dimensions: number, where: string): void {
  if (Number.isSafeInteger(dimensions) && dimensions >= 1 && dimensions <= MAX_DIMENSIONS) return
  const hint = `A vector has 1 to ${MAX_DIMENSIONS} dimensions: check that the file has the format that its name says.`
  throw invalidFile(file, offset, `${where} has ${dimensions} dimensions`, hint)
}

/** `what` is a clause, `hint` a sentence that says what to do. */
export function invalidFile(
  file: string,
  offset: number,
  what: string,
  hint: string,
  cause?: unknown,
): WalError {
  return new WalError('WALV_INVALID_FILE', `Cannot import ${file}: at byte ${offset}, ${what}. ${hint}`, {
    file,
    offset,
    cause,
  })
}

export function readError(file: string, error: unknown): WalError {
  const code = (error as NodeJS.ErrnoException).code
  const details = { file, cause: error }
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new WalError(
      'WALV_INVALID_FILE',
      `Cannot import ${file}: there is no such file. Check the path.`,
      details,
    )
  }
  if (code === 'EACCES' || code === 'EPERM') {
    const message = `Cannot import ${file}: it may not be read (${code}). Change its permissions.`
    return new WalError('WALV_PERMISSION', message, details)
  }
  const message = `Cannot import ${file}: reading it failed (${(error as Error).message}). Check the disk and try again.`
  return new WalError('WALV_IO', message, details)
}
