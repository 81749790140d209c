import { dirname } from 'node:path'
import { ignoreMissing } from '../disk/directories.ts'
import type { Disk } from '../disk/disk.ts'
import { ioError } from '../disk/io-error.ts'
import { changeNames } from '../disk/names.ts'
import { WalError } from '../errors.ts'
import { refuseDirectory } from './layout.ts'
import { ensureDirectoryPath } from './recover/recover.ts'

/** How a new directory is made. */
export interface NewDirectory {
  readonly path: string
  /** The directory stands here until it is whole. */
  readonly unfinished: string
  /** Sentences: why one that is not empty is refused, and what failed. */
  readonly notEmpty: string
  readonly failed: string
}

/**
 * Runs what fills a directory, which gets its name when it is whole and durable: a crash leaves
 * nothing under it, and a failure nothing at all.
 */
export async function fillNewDirectory<T>(
  disk: Disk,
  { path, unfinished, notEmpty, failed }: NewDirectory,
  work: (unfinished: string) => Promise<T>,
): Promise<T> {
  const before = await disk.list(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    return refuseDirectory(path, error)
  })
  if (before?.length) throw new WalError('WALV_INVALID_OPTION', notEmpty, { file: path })
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
    throw ioError(error, failed, path)
  }
}
