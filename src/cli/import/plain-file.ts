/**
 * A source that can be read once, from its beginning to its end (standard input, a file packed with
 * gzip), as a plain file that can be read again: everything is checked before anything is written.
 * Takes room in the temporary folder, not in memory.
 */
import { createReadStream, createWriteStream, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { WalError } from '../../mod.ts'
import { removeAtEnd } from '../at-end.ts'
import { invalidFile, readError, readHead, sizeOf } from './file.ts'

/**
 * Made when it is first asked for; removed when its scope ends, or the process does, also by a
 * signal.
 */
export class TemporaryFolder implements Disposable {
  #path: string | undefined
  #removal: Disposable | undefined

  /** The path of a file in it. */
  file(name: string): string {
    if (this.#path === undefined) {
      const path = mkdtempSync(join(tmpdir(), 'walv-import-'))
      this.#path = path
      this.#removal = removeAtEnd(path)
    }
    return join(this.#path, name)
  }

  [Symbol.dispose](): void {
    this.#removal?.[Symbol.dispose]()
  }
}

const GZIP_MAGIC = Buffer.of(0x1f, 0x8b)

export const STANDARD_INPUT = '-'

/** Writes standard input to `target`. */
export async function spoolInput(
  target: string,
  input: NodeJS.ReadableStream = process.stdin,
): Promise<void> {
  await pipeline(input, createWriteStream(target)).catch((error) => {
    throw spoolError(error, 'standard input')
  })
}

export async function isPacked(file: string): Promise<boolean> {
  await sizeOf(file)
  return (await readHead(file, GZIP_MAGIC.length)).equals(GZIP_MAGIC)
}

/** Writes the content of a gzip file to `target`. @throws WALV_INVALID_FILE */
export async function unpack(file: string, target: string): Promise<void> {
  let unpacked = 0
  const counting = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      unpacked += chunk.length
      done(null, chunk)
    },
  })
  try {
    await pipeline(createReadStream(file), createGunzip(), counting, createWriteStream(target))
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (!code.startsWith('Z_')) throw spoolError(error, file)
    const what = `what gzip packed is not whole (${(error as Error).message}), after ${unpacked} bytes of content`
    throw invalidFile(file, 0, what, 'Copy or write the file again.', error)
  }
}

function spoolError(error: unknown, from: string): WalError {
  const { code } = error as NodeJS.ErrnoException
  if (code !== 'ENOSPC') return readError(from, error)
  return new WalError(
    'WALV_DISK_FULL',
    `${tmpdir()} is full: ${from} is kept there while it is read. Make space, or set TMPDIR to another folder. Nothing was written.`,
    { cause: error },
  )
}

/** An error about a temporary file, told of what it was made from. */
export function toldOf(error: unknown, temporary: string, name: string): unknown {
  if (!(error instanceof WalError) || !error.message.includes(temporary)) return error
  const { offset, detail, cause } = error
  return new WalError(error.code, error.message.replaceAll(temporary, name), {
    file: name,
    ...(offset !== undefined && { offset }),
    ...(detail !== undefined && { detail }),
    cause,
  })
}
