/**
 * A file that is there whole or not at all, and takes the place of none. What was written of it
 * goes when its scope ends, or the process does, also by a signal.
 */
import { type FileHandle, link, lstat, open } from 'node:fs/promises'
import { WalError } from '../mod.ts'
import { removeAtEnd } from './at-end.ts'

const PIECE_BYTES = 1024 * 1024

export class NewFile implements AsyncDisposable {
  readonly #path: string
  readonly #handle: FileHandle
  readonly #removal: Disposable
  #pieces: Buffer[] = []
  #bytes = 0

  private constructor(path: string, handle: FileHandle, removal: Disposable) {
    this.#path = path
    this.#handle = handle
    this.#removal = removal
  }

  /** @throws WALV_USAGE if it exists; WALV_PERMISSION, WALV_IO */
  static async begin(path: string): Promise<NewFile> {
    if (await lstat(path).catch(() => undefined))
      throw new WalError('WALV_USAGE', `${path} exists already. Name a new file, or remove that one.`, {
        file: path,
      })
    const removal = removeAtEnd(temporaryOf(path))
    const handle = await open(temporaryOf(path), 'wx').catch((error: unknown) => {
      removal[Symbol.dispose]()
      throw writeError(path, error)
    })
    return new NewFile(path, handle, removal)
  }

  async write(piece: string | Uint8Array): Promise<void> {
    const bytes = Buffer.from(piece as string)
    this.#pieces.push(bytes)
    this.#bytes += bytes.length
    if (this.#bytes >= PIECE_BYTES) await this.#flush()
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#bytes = 0
    await this.#handle.writeFile(bytes).catch((error: unknown) => {
      throw writeError(this.#path, error)
    })
  }

  /** Gives it its name, when its content is on the disk. */
  async publish(): Promise<void> {
    await this.#flush()
    try {
      await this.#handle.sync()
      await link(temporaryOf(this.#path), this.#path)
    } catch (error) {
      throw writeError(this.#path, error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
    this.#removal[Symbol.dispose]()
  }
}

const temporaryOf = (path: string): string => `${path}.${process.pid}.tmp`

function writeError(file: string, error: unknown): WalError {
  const { code, message } = error as NodeJS.ErrnoException
  const details = { file, cause: error }
  if (code === 'EACCES' || code === 'EPERM')
    return new WalError(
      'WALV_PERMISSION',
      `${file} may not be written (${code}). Change the folder's permissions.`,
      details,
    )
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new WalError('WALV_USAGE', `The folder of ${file} does not exist. Make it first.`, details)
  if (code === 'ENOSPC')
    return new WalError('WALV_DISK_FULL', `There is no room for ${file}. Make space and try again.`, details)
  return new WalError(
    'WALV_IO',
    `${file} cannot be written: ${message}. Check the disk and try again.`,
    details,
  )
}
