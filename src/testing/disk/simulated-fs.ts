import { dirname } from 'node:path'
import type { Disk, DiskFile } from '../../disk/disk.ts'
import { systemError } from './operations.ts'
import {
  bytesOf,
  type Data,
  type InTurn,
  named,
  type Options,
  SimulatedFileHandle,
  unsupported,
} from './simulated-file-handle.ts'

/** The calls of `node:fs/promises` that `simulatedFs` has. */
export type SimulatedFs = Pick<
  typeof import('node:fs/promises'),
  'appendFile' | 'mkdir' | 'open' | 'readdir' | 'readFile' | 'rename' | 'rm' | 'stat' | 'unlink' | 'writeFile'
>

/**
 * `node:fs/promises` on a simulated disk, so that code written for Node can be crash-tested as it
 * is. It has what programs save and load with: the calls of `SimulatedFs`, and of a file handle
 * `readFile`, `writeFile`, `appendFile`, `write` at the current position, `truncate`, `sync`,
 * `datasync` and `close`. Paths and flags are strings, data are strings or bytes. The options are
 * `encoding`, `flag`, `flush`, `recursive`, `force` and `mode`, which is ignored; `stat` tells
 * `size`, `isFile` and `isDirectory`. As on Linux, a directory can be opened for reading and
 * synced. What else is asked for is no function, or is refused with a `TypeError`. Errors are the
 * disk's, with their `code`.
 */
export function simulatedFs(disk: Disk): SimulatedFs {
  return new FsOnDisk(disk) as object as SimulatedFs
}

interface Stats {
  readonly size: number
  isFile(): boolean
  isDirectory(): boolean
}

const FLAGS = ['r', 'r+', 'w', 'w+', 'wx', 'wx+', 'a', 'a+', 'ax', 'ax+']

/** The methods are properties: callers take them apart from the object. */
class FsOnDisk {
  readonly #disk: Disk
  #appends: Promise<void> = Promise.resolve()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  readonly open = async (path: string, flag = 'r'): Promise<SimulatedFileHandle> => {
    if (typeof path !== 'string' || !FLAGS.includes(flag)) throw unsupported(`open ${path} with flag ${flag}`)
    const file = await this.#openFile(path, flag)
    if (flag.startsWith('w')) await file.truncate(0)
    return new SimulatedFileHandle(file, flag.startsWith('a') ? this.#inTurn : undefined)
  }

  readonly readFile = async (path: string, options?: Options): Promise<Data> =>
    this.#with(path, named(options).flag ?? 'r', (handle) => handle.readFile(options))

  readonly writeFile = async (path: string, data: Data, options?: Options): Promise<void> => {
    const { flag = 'w', flush = false } = named(options)
    const bytes = bytesOf(data, options)
    return this.#with(path, flag, async (handle) => {
      await handle.writeFile(bytes)
      if (flush) await handle.sync()
    })
  }

  readonly appendFile = async (path: string, data: Data, options?: Options): Promise<void> =>
    this.writeFile(path, data, { flag: 'a', ...named(options) })

  readonly rename = (from: string, to: string): Promise<void> => this.#disk.rename(from, to)

  readonly unlink = async (path: string): Promise<void> => {
    if (await this.#isDirectory(path)) throw systemError('EISDIR', path)
    await this.#disk.remove(path)
  }

  readonly rm = async (path: string, options?: Options): Promise<void> => {
    const { recursive = false, force = false } = named(options)
    try {
      if (!recursive && (await this.#isDirectory(path))) throw systemError('ERR_FS_EISDIR', path)
      await this.#disk.remove(path)
    } catch (error) {
      if (!force || codeOf(error) !== 'ENOENT') throw error
    }
  }

  readonly mkdir = async (path: string, options?: Options): Promise<string | undefined> => {
    const { recursive = false } = named(options)
    try {
      await this.#disk.makeDirectory(path)
      return recursive ? path : undefined
    } catch (error) {
      if (!recursive) throw error
      if (codeOf(error) === 'EEXIST' && (await this.#isDirectory(path))) return undefined
      if (codeOf(error) !== 'ENOENT') throw error
    }
    const first = await this.mkdir(dirname(path), options)
    await this.#disk.makeDirectory(path)
    return first ?? path
  }

  readonly readdir = async (path: string, options?: Options): Promise<string[]> => {
    if (named(options).recursive) throw unsupported('read a directory recursively')
    return (await this.#disk.list(path)).map(({ name }) => name)
  }

  readonly stat = async (path: string): Promise<Stats> => {
    if (await this.#isDirectory(path)) return { size: 0, isFile: () => false, isDirectory: () => true }
    const file = await this.#disk.open(path, 'read')
    const size = await file.size().finally(() => file.close())
    return { size, isFile: () => true, isDirectory: () => false }
  }

  readonly #inTurn: InTurn = (append) => {
    const done = this.#appends.then(append)
    this.#appends = done.catch(() => {})
    return done
  }

  async #openFile(path: string, flag: string): Promise<DiskFile> {
    if (flag.includes('x')) return this.#disk.open(path, 'create')
    try {
      return await this.#disk.open(path, flag === 'r' ? 'read' : 'write')
    } catch (error) {
      if (flag === 'r' && codeOf(error) === 'EISDIR') return directoryFile(this.#disk, path)
      if (flag.startsWith('r') || codeOf(error) !== 'ENOENT') throw error
      return this.#disk.open(path, 'create')
    }
  }

  async #with<T>(path: string, flag: string, work: (handle: SimulatedFileHandle) => Promise<T>): Promise<T> {
    const handle = await this.open(path, flag)
    return work(handle).finally(() => handle.close())
  }

  /** Throws where there is nothing. */
  async #isDirectory(path: string): Promise<boolean> {
    try {
      await this.#disk.list(path)
      return true
    } catch (error) {
      if (codeOf(error) !== 'ENOTDIR') throw error
      return false
    }
  }
}

/** A directory as Linux opens it: to be synced and closed. */
function directoryFile(disk: Disk, path: string): DiskFile {
  const refuse = (code: string) => async (): Promise<never> => {
    throw systemError(code, path)
  }
  return {
    read: refuse('EISDIR'),
    size: refuse('EISDIR'),
    write: refuse('EBADF'),
    truncate: refuse('EINVAL'),
    sync: () => disk.syncDirectory(path),
    close: async () => {},
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
