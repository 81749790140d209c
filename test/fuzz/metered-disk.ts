import type { Disk, DiskEntry, DiskFile } from '../../src/disk/disk.ts'
import { errno } from '../support/failing-disk.ts'

/**
 * Files in memory by their paths, for reading only, and how much was asked of them. A directory is
 * there if something is in it.
 */
export class MeteredDisk implements Disk {
  readonly #files: ReadonlyMap<string, Buffer>
  reads = 0
  bytesRead = 0
  /**
   * By how much a buffer that was to be filled was longer than its file. Who asks for that has
   * believed a length that is not true.
   */
  largestExcess = 0
  openFiles = 0
  /** Calls that a disk for reading only refuses. */
  refused = 0

  constructor(files: Iterable<readonly [path: string, content: Buffer]>) {
    this.#files = new Map(files)
  }

  get count(): number {
    return this.#files.size
  }

  get totalBytes(): number {
    let total = 0
    for (const { length } of this.#files.values()) total += length
    return total
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const content = this.#files.get(path)
    if (mode !== 'read') return this.#refuse(path)
    if (!content) throw errno(this.#below(path).length > 0 ? 'EISDIR' : 'ENOENT', path)
    this.openFiles++
    return this.#file(path, content)
  }

  #file(path: string, content: Buffer): DiskFile {
    return {
      read: async (buffer, position) => {
        this.reads++
        this.bytesRead += Math.min(buffer.length, content.length)
        this.largestExcess = Math.max(this.largestExcess, buffer.length - content.length)
        return content.copy(buffer, 0, position)
      },
      size: async () => content.length,
      close: async () => {
        this.openFiles--
      },
      write: () => this.#refuse(path),
      sync: () => this.#refuse(path),
      truncate: () => this.#refuse(path),
    }
  }

  async list(directory: string): Promise<DiskEntry[]> {
    if (this.#files.has(directory)) throw errno('ENOTDIR', directory)
    const kinds = new Map<string, DiskEntry['kind']>()
    for (const path of this.#below(directory)) {
      const [name = '', ...rest] = path.slice(directory.length + 1).split('/')
      kinds.set(name, rest.length > 0 ? 'directory' : 'file')
    }
    return [...kinds].map(([name, kind]) => ({ name, kind }))
  }

  makeDirectory = (path: string): Promise<never> => this.#refuse(path)
  rename = (path: string): Promise<never> => this.#refuse(path)
  renameNew = (path: string): Promise<never> => this.#refuse(path)
  remove = (path: string): Promise<never> => this.#refuse(path)
  syncDirectory = (path: string): Promise<never> => this.#refuse(path)
  lock = (path: string): Promise<never> => this.#refuse(path)

  #below(directory: string): string[] {
    return [...this.#files.keys()].filter((path) => path.startsWith(`${directory}/`))
  }

  async #refuse(path: string): Promise<never> {
    this.refused++
    throw errno('EROFS', path)
  }
}
