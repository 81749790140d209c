import { basename } from 'node:path'
import type { Disk } from '../../src/disk/disk.ts'
import { errno } from './failing-disk.ts'

/**
 * One directory of files in memory, for reading only. Whoever asks for more bytes at once than the
 * file holds has believed a length that is not true, and gets an error.
 */
export function memoryDisk(files: Readonly<Record<string, Buffer>>): Disk {
  const refuse = async (): Promise<never> => {
    throw errno('EROFS')
  }
  return {
    async open(path, mode) {
      const content = files[basename(path)]
      if (mode !== 'read') throw errno('EROFS', path)
      if (content === undefined) throw errno('ENOENT', path)
      return {
        async read(buffer, position) {
          if (buffer.length > content.length)
            throw new Error(`${buffer.length} bytes asked for, of ${content.length}`)
          return content.copy(buffer, 0, position)
        },
        size: async () => content.length,
        close: async () => {},
        write: refuse,
        sync: refuse,
        truncate: refuse,
      }
    },
    list: async () => Object.keys(files).map((name) => ({ name, kind: 'file' })),
    makeDirectory: refuse,
    rename: refuse,
    renameNew: refuse,
    remove: refuse,
    syncDirectory: refuse,
    lock: refuse,
  }
}
