import { dirname, resolve } from 'node:path'
import { ignoreMissing } from '../../disk/directories.ts'
import type { Disk } from '../../disk/disk.ts'
import { ioError } from '../../disk/io-error.ts'
import { changeNames } from '../../disk/names.ts'
import { WalError } from '../../errors.ts'
import { refuseDirectory } from '../../log/layout.ts'
import { ensureDirectoryPath } from '../../log/recover/recover.ts'

/** What is being converted stands beside its place under such a name, until it is whole. */
export const unfinishedPath = (to: string): string => `${resolve(to)}.walv-converting`

/**
 * Runs what fills a directory, which gets its name when it is whole and durable: a crash leaves
 * nothing under it, and a failure nothing at all.
 */
export async function intoNewDirectory<T>(
  disk: Disk,
  path: string,
  work: (unfinished: string) => Promise<T>,
): Promise<T> {
  const before = await disk.list(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    return refuseDirectory(path, error)
  })
  if (before?.length) {
    throw new WalError('WALV_INVALID_OPTION', `${path} is not empty. Convert into a new directory.`, {
      file: path,
    })
  }
  const unfinished = unfinishedPath(path)
  let isNamed = false
  try {
    await ensureDirectoryPath(disk, dirname(path))
    await disk.remove(unfinished).catch(ignoreMissing)
    const result = await work(unfinished)
    await disk.syncDirectory(unfinished)
    if (before) await disk.remove(path)
    isNamed = true
    await changeNames(disk, dirname(path), () => disk.rename(unfinished, path))
    return result
  } catch (error) {
    const isTaken = ['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
    await disk.remove(unfinished).catch(() => {})
    // A failed sync leaves it open under which name it is: both go. Never what somebody else put
    // there meanwhile.
    if (isNamed && !isTaken) await disk.remove(path).catch(() => {})
    throw ioError(error, `The log could not be converted into ${path}`, path)
  }
}
