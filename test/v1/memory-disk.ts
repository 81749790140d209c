import type { Disk, DiskEntry, DiskFile, DiskLock } from '../../src/disk/disk.ts'

export const errno = (code: string): Error => Object.assign(new Error(`${code}: on purpose`), { code })

/**
 * A disk in memory, of flat directories, that counts what is done to it and can be told to fail.
 */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, Buffer>()
  /** Names in listings that are no files. */
  readonly others: DiskEntry[] = []
  readonly directories = new Set<string>(['/log'])
  readonly calls: string[] = []
  openFiles = 0
  /** Called with every operation and its path before it is done; may throw. */
  before: (operation: string, path: string) => void = () => {}
  /** What `size` answers instead of the truth. */
  claimedSize: number | undefined

  static of(files: Record<string, Uint8Array>): MemoryDisk {
    const disk = new MemoryDisk()
    for (const [name, bytes] of Object.entries(files)) disk.files.set(`/log/${name}`, Buffer.from(bytes))
    return disk
  }

  #do(operation: string, path: string): void {
    this.calls.push(`${operation} ${path}`)
    this.before(operation, path)
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    this.#do(`open-${mode}`, path)
    if (mode === 'create' && this.files.has(path)) throw errno('EEXIST')
    if (mode === 'create') this.files.set(path, Buffer.alloc(0))
    if (!this.files.has(path)) throw errno('ENOENT')
    this.openFiles++
    return this.#file(path)
  }

  #file(path: string): DiskFile {
    return {
      read: async (buffer, position) => {
        this.#do('read', path)
        return this.files.get(path)!.copy(buffer, 0, position)
      },
      write: async (buffer, position) => {
        this.#do('write', path)
        const old = this.files.get(path)!
        const grown = Buffer.alloc(Math.max(old.length, position + buffer.length))
        old.copy(grown)
        grown.set(buffer, position)
        this.files.set(path, grown)
        return buffer.length
      },
      sync: async () => this.#do('sync', path),
      size: async () => {
        this.#do('size', path)
        return this.claimedSize ?? this.files.get(path)!.length
      },
      truncate: async () => this.#do('truncate', path),
      close: async () => {
        this.#do('close', path)
        this.openFiles--
      },
    }
  }

  async list(directory: string): Promise<DiskEntry[]> {
    this.#do('list', directory)
    if (!this.directories.has(directory)) throw errno(this.files.has(directory) ? 'ENOTDIR' : 'ENOENT')
    const names = [...this.files.keys()].filter((path) => path.startsWith(`${directory}/`))
    return [
      ...names.map((path) => ({ name: path.slice(directory.length + 1), kind: 'file' as const })),
      ...this.others,
    ]
  }

  async makeDirectory(path: string): Promise<void> {
    this.#do('makeDirectory', path)
    if (this.directories.has(path)) throw errno('EEXIST')
    this.directories.add(path)
  }

  async rename(from: string): Promise<void> {
    this.#do('rename', from)
  }

  async renameNew(from: string): Promise<void> {
    this.#do('renameNew', from)
  }

  async remove(path: string): Promise<void> {
    this.#do('remove', path)
  }

  async syncDirectory(path: string): Promise<void> {
    this.#do('syncDirectory', path)
  }

  async lock(path: string): Promise<DiskLock> {
    this.#do('lock', path)
    return { isStillHeld: async () => true, release: async () => {} }
  }
}
