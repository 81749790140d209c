import type { Disk, DiskFile } from '../../disk/disk.ts'
import type { LiveSource } from './live-source.ts'

/**
 * Keeps the file that was opened last: what goes on at the end of a log asks for the same again and
 * again. What whoever follows the log has read just now is taken from there. One reader at a time.
 */
export class LastFile implements Pick<Disk, 'open'> {
  readonly #disk: Disk
  readonly #source: LiveSource
  #path: string | undefined
  #file: DiskFile | undefined

  constructor(disk: Disk, source: LiveSource) {
    this.#disk = disk
    this.#source = source
  }

  async open(path: string, mode: 'read'): Promise<DiskFile> {
    if (this.#file === undefined || this.#path !== path) {
      await this.close()
      this.#file = await this.#disk.open(path, mode)
      this.#path = path
    }
    const file = this.#file
    return {
      read: async (buffer, position) =>
        this.#source.copy?.(path, buffer, position) || file.read(buffer, position),
      size: () => file.size(),
      close: async () => {},
    } as DiskFile
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    // It was only read: what closing answers means nothing.
    await file?.close().catch(() => {})
  }
}
