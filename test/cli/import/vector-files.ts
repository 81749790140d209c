import assert from 'node:assert/strict'
import { openVectorFile, type VectorRow } from '../../../src/cli/import/index.ts'
import { WalError, type WalErrorCode } from '../../../src/errors.ts'

/** All rows of a file, read as `walv import` reads them. */
export async function readAll(file: string): Promise<VectorRow[]> {
  return collect((await openVectorFile(file)).read())
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of source) all.push(one)
  return all
}

/** The bits of a vector, which tell NaN from NaN and 0 from −0. */
export function bits(vector: Float32Array): number[] {
  return Array.from(new Uint32Array(vector.buffer, vector.byteOffset, vector.length))
}

/** The file is refused while it is opened, before a row is seen. */
export async function assertRefused(file: string, message: RegExp, offset: number): Promise<void> {
  await assert.rejects(openVectorFile(file), isInvalidFile(file, message, offset))
}

/** The file opens and gives `rows` rows, then fails. */
export async function assertFailsAfter(
  file: string,
  rows: number,
  message: RegExp,
  offset: number,
): Promise<void> {
  const seen: VectorRow[] = []
  const read = async (): Promise<void> => {
    for await (const row of (await openVectorFile(file)).read()) seen.push(row)
  }
  await assert.rejects(read, isInvalidFile(file, message, offset))
  assert.equal(seen.length, rows)
}

export function isError(code: WalErrorCode, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof WalError, `a WalError, not ${error}`)
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

function isInvalidFile(file: string, message: RegExp, offset: number): (error: unknown) => boolean {
  return (error) => {
    isError('WALV_INVALID_FILE', message)(error)
    const { file: named, offset: at, message: text } = error as WalError
    assert.deepEqual({ file: named, offset: at }, { file, offset })
    assert.ok(text.includes(file) && text.includes(`byte ${offset}`), text)
    // The last sentence says what to do.
    assert.match(text, /\. [A-Z][^.]+.*[.)]$/)
    return true
  }
}
