/**
 * Files as they are, damaged or not, under a disk that has no will of its own. Copying one costs
 * nothing, so that each damage gets its own.
 */
import type { Disk, DiskEntry, DiskFile, DiskLock } from '../../src/mod.ts'
import { systemError } from '../../src/testing/disk/operations.ts'

export const DIRECTORY = '/data/log'
export const SECTOR = 512

/** By path. What a buffer in it holds is never changed. */
export type Files = ReadonlyMap<string, Buffer>

/** A sector that reads fail on. */
export interface Unreadable {
  readonly path: string
  readonly sector: number
}

interface Content {
  bytes: Buffer
  /** Nobody else has these bytes: they may be written to. */
  own: boolean
  unreadable: readonly number[]
}

export class FilesDisk implements Disk {
  readonly #contents = new Map<string, Content>()
  readonly #folders = new Set<string>()
  readonly #readOnly: boolean

  /** `readOnly`: whatever would change something throws. */
  constructor(files: Files, { readOnly = false, unreadable = [] as readonly Unreadable[] } = {}) {
    this.#readOnly = readOnly
    for (const [path, bytes] of files) {
      const sectors = unreadable.filter((place) => place.path === path).map(({ sector }) => sector)
      this.#contents.set(path, { bytes, own: false, unreadable: sectors })
      for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1))
        this.#folders.add(path.slice(0, at))
    }
  }

  /** What is there now. */
  files(): Files {
    for (const content of this.#contents.values()) content.own = false
    return new Map([...this.#contents].map(([path, { bytes }]) => [path, bytes]))
  }

  /** What could not be read can be read again. */
  heal(): void {
    for (const content of this.#contents.values()) content.unreadable = []
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const found = this.#contents.get(path)
    if (mode === 'create') return this.#create(path, found)
    if (this.#folders.has(path)) throw systemError('EISDIR', path)
    if (!found) throw systemError('ENOENT', path)
    return this.#handle(found)
  }

  async list(directory: string): Promise<DiskEntry[]> {
    if (!this.#folders.has(directory)) throw systemError('ENOENT', directory)
    const kinds = new Map<string, 'file' | 'directory'>()
    for (const path of this.#contents.keys())
      if (isIn(directory, path)) kinds.set(nameIn(directory, path), 'file')
    for (const path of this.#folders)
      if (isIn(directory, path)) kinds.set(nameIn(directory, path), 'directory')
    return [...kinds].map(([name, kind]) => ({ name, kind }))
  }

  async makeDirectory(path: string): Promise<void> {
    this.#change()
    if (this.#folders.has(path) || this.#contents.has(path)) throw systemError('EEXIST', path)
    this.#folders.add(path)
  }

  async rename(from: string, to: string): Promise<void> {
    this.#change()
    const moved = (path: string): string => (path === from ? to : to + path.slice(from.length))
    const isMoved = (path: string): boolean => path === from || path.startsWith(`${from}/`)
    if (![...this.#contents.keys(), ...this.#folders].some(isMoved)) throw systemError('ENOENT', from)
    for (const [path, content] of [...this.#contents].filter(([path]) => isMoved(path))) {
      this.#contents.delete(path)
      this.#contents.set(moved(path), content)
    }
    for (const path of [...this.#folders].filter(isMoved)) {
      this.#folders.delete(path)
      this.#folders.add(moved(path))
    }
  }

  async renameNew(from: string, to: string): Promise<void> {
    if (this.#contents.has(to) || this.#folders.has(to)) throw systemError('EEXIST', to)
    await this.rename(from, to)
  }

  async remove(path: string): Promise<void> {
    this.#change()
    const isGone = (each: string): boolean => each === path || each.startsWith(`${path}/`)
    const gone = [...this.#contents.keys(), ...this.#folders].filter(isGone)
    if (gone.length === 0) throw systemError('ENOENT', path)
    for (const each of gone) if (!this.#contents.delete(each)) this.#folders.delete(each)
  }

  async syncDirectory(): Promise<void> {
    this.#change()
  }

  async lock(path: string): Promise<DiskLock> {
    this.#change()
    if (!this.#contents.has(path))
      this.#contents.set(path, { bytes: Buffer.alloc(0), own: false, unreadable: [] })
    return { isStillHeld: async () => true, release: async () => {} }
  }

  #create(path: string, found: Content | undefined): DiskFile {
    this.#change()
    if (found) throw systemError('EEXIST', path)
    const content: Content = { bytes: Buffer.alloc(0), own: false, unreadable: [] }
    this.#contents.set(path, content)
    return this.#handle(content)
  }

  #handle(content: Content): DiskFile {
    return {
      read: async (buffer, position) => {
        const end = Math.min(position + buffer.length, content.bytes.length)
        for (const sector of content.unreadable) {
          if (position < (sector + 1) * SECTOR && end > sector * SECTOR)
            throw systemError('EIO', 'an unreadable sector')
        }
        return position < end ? content.bytes.copy(buffer, 0, position) : 0
      },
      write: async (buffer, position) => {
        this.#change()
        const inPlace = content.own && position + buffer.length <= content.bytes.length
        if (inPlace) content.bytes.set(buffer, position)
        else content.bytes = written(content.bytes, buffer, position)
        content.own = true
        return buffer.length
      },
      sync: async () => this.#change(),
      size: async () => content.bytes.length,
      truncate: async (bytes) => {
        this.#change()
        content.bytes = resized(content.bytes, bytes)
      },
      close: async () => {},
    }
  }

  #change(): void {
    if (this.#readOnly) throw new Error('something was to be changed by what only reads')
  }
}

const isIn = (directory: string, path: string): boolean =>
  path.lastIndexOf('/') === directory.length && path.startsWith(directory)

const nameIn = (directory: string, path: string): string => path.slice(directory.length + 1)

export function written(bytes: Buffer, piece: Uint8Array, position: number): Buffer {
  const result = resized(bytes, Math.max(bytes.length, position + piece.length))
  result.set(piece, position)
  return result
}

export function resized(bytes: Buffer, length: number): Buffer {
  const result = Buffer.alloc(length)
  bytes.copy(result)
  return result
}

/**
 * The same within the bytes that are there: behind the end of a file that was cut there is nothing
 * to write over.
 */
export const overwritten = (bytes: Buffer, piece: Buffer, at: number): Buffer =>
  at >= bytes.length ? bytes : written(bytes, piece.subarray(0, bytes.length - at), at)
