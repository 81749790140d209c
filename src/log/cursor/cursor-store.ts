import { join } from 'node:path'
import { ensureDirectory, ignoreMissing, listFolder } from '../../disk/directories.ts'
import { type Disk, type DiskLock, readFully } from '../../disk/disk.ts'
import { ioError, isMissing } from '../../disk/io-error.ts'
import { changeNames } from '../../disk/names.ts'
import { writeWhole } from '../../disk/whole-file.ts'
import { WalError } from '../../errors.ts'
import { CURSOR_FOLDER } from '../layout.ts'
import { holderOf } from '../lock-holder.ts'
import {
  type CursorContent,
  cursorFileName,
  cursorOfFile,
  decodeCursor,
  encodeCursor,
} from './cursor-file.ts'

/** What is larger is none of walv's. */
const MAX_FILE_BYTES = 64 * 1024
/** Another process that makes the folder may give it its name anew meanwhile. */
const MAX_LOCK_ATTEMPTS = 10

/** A cursor as its file has it. */
export interface FoundCursor {
  readonly name: string
  /** Undefined where the file cannot be used. */
  readonly content: CursorContent | undefined
  /** Why it cannot: a clause. */
  readonly problem: string | undefined
}

/** The files of a log's cursors, each with the lock of who has it open. */
export class CursorStore {
  readonly #disk: Disk
  readonly #directory: string
  readonly #folder: string

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
    this.#folder = join(directory, CURSOR_FOLDER)
  }

  /** All of them, by name. Rejects with what the system says where the folder cannot be listed. */
  async all(): Promise<FoundCursor[]> {
    const entries = await listFolder(this.#disk, this.#folder)
    const found: FoundCursor[] = []
    for (const name of entries.map((entry) => cursorOfFile(entry.name)).toSorted()) {
      const cursor = name === undefined ? undefined : await this.read(name)
      if (cursor) found.push(cursor)
    }
    return found
  }

  /** Undefined where there is none. */
  async read(name: string): Promise<FoundCursor | undefined> {
    const file = `${CURSOR_FOLDER}/${cursorFileName(name)}`
    try {
      const content = decodeCursor(name, await this.#bytesOf(name))
      return { name, content, problem: content ? undefined : `${file} is damaged: it does not verify` }
    } catch (error) {
      if (isMissing(error as NodeJS.ErrnoException)) return undefined
      return { name, content: undefined, problem: `${file} cannot be read: ${(error as Error).message}` }
    }
  }

  async #bytesOf(name: string): Promise<Buffer> {
    const file = await this.#disk.open(this.pathOf(name), 'read')
    try {
      const bytes = Buffer.alloc(Math.min(await file.size(), MAX_FILE_BYTES))
      return bytes.subarray(0, await readFully(file, bytes, 0))
    } finally {
      await file.close()
    }
  }

  pathOf(name: string): string {
    return join(this.#folder, cursorFileName(name))
  }

  /** Durable when it resolves; only for who has the lock. */
  async write(content: CursorContent): Promise<void> {
    const path = this.pathOf(content.name)
    await writeWhole(this.#disk, path, encodeCursor(content)).catch((error) => {
      throw ioError(
        error,
        `The cursor ${content.name} of the log in ${this.#directory} cannot be moved`,
        path,
      )
    })
  }

  /** @throws WALV_LOCKED where it is open, with who has it; WALV_PERMISSION, WALV_IO */
  async lock(name: string, owner: string): Promise<DiskLock> {
    const path = join(this.#folder, `${name}.lock`)
    for (let left = MAX_LOCK_ATTEMPTS; ; left--) {
      try {
        await ensureDirectory(this.#disk, this.#folder)
        const lock = await this.#disk.lock(path, owner)
        if (lock.held) throw this.#locked(name, lock.owner, path)
        return lock
      } catch (error) {
        if (left > 0 && isMissing(error as NodeJS.ErrnoException)) continue
        throw ioError(error, `The cursor ${name} of the log in ${this.#directory} cannot be opened`, path)
      }
    }
  }

  /** Durable when it resolves; only for who has the lock, whose file goes, too. */
  async remove(name: string): Promise<void> {
    await changeNames(this.#disk, this.#folder, async () => {
      await this.#disk.remove(this.pathOf(name)).catch(ignoreMissing)
      // Not all systems remove a file that is open.
      await this.#disk.remove(join(this.#folder, `${name}.lock`)).catch(() => {})
    })
  }

  #locked(name: string, owner: string, file: string): WalError {
    const { text, isThisProcess } = holderOf(owner)
    const message = `The cursor ${name} of the log in ${this.#directory} is open in ${text}${isThisProcess ? ', this very process' : ''}. One consumer moves it at a time: close it there, or use another name.`
    return new WalError('WALV_LOCKED', message, { file, detail: owner })
  }
}
