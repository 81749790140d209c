import { basename, dirname } from 'node:path'
import type { Disk, DiskEntry } from './disk.ts'
import { changeNames, TEMPORARY_SUFFIX } from './names.ts'

/**
 * Makes a directory, its name durable. One whose sync fails is removed again, as no later sync
 * could be trusted to make its name durable; and so is one that is there though the disk failed to
 * make it. `EEXIST` if it was there before.
 */
export async function createDirectory(disk: Disk, path: string): Promise<void> {
  let isMade = false
  try {
    await changeNames(disk, dirname(path), async () => {
      await disk.makeDirectory(path)
      isMade = true
    })
  } catch (error) {
    // What goes wrong then comes of what is told already.
    if (isMade || (error as NodeJS.ErrnoException).code === 'EIO')
      await removeEmpty(disk, path).catch(() => {})
    throw error
  }
}

async function removeEmpty(disk: Disk, path: string): Promise<void> {
  if ((await disk.list(path)).length === 0) await disk.remove(path)
}

/**
 * What the system says to renaming a mount point, a folder of a layer below in an overlay, or one
 * that belongs to somebody else.
 */
const OPERATORS: ReadonlySet<string | undefined> = new Set(['EBUSY', 'EXDEV', 'EPERM', 'EACCES'])

/**
 * The same where it may be there already. In one that is not empty somebody wrote whose folder was
 * durable; its name is synced all the same. An empty one gets its name anew, by a name beside it
 * and back: whoever made it may have been told that its name is not durable, and was killed before
 * it was removed. It stays what it is, a link or of whatever mode, as an operator may have made it;
 * and what cannot be renamed no process of walv made.
 */
export async function ensureDirectory(disk: Disk, path: string): Promise<void> {
  const aside = path + TEMPORARY_SUFFIX
  const names = (await disk.list(dirname(path))).map(({ name }) => name)
  try {
    if (!names.includes(basename(path)) && names.includes(basename(aside))) {
      await changeNames(disk, dirname(path), () => disk.rename(aside, path))
      return
    }
    await createDirectory(disk, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const isEmpty = (await disk.list(path)).length === 0
    await changeNames(disk, dirname(path), isEmpty ? () => renameThereAndBack(disk, path, aside) : undefined)
  }
}

async function renameThereAndBack(disk: Disk, path: string, aside: string): Promise<void> {
  try {
    await disk.rename(path, aside)
  } catch (error) {
    if (OPERATORS.has((error as NodeJS.ErrnoException).code)) return
    throw error
  }
  await disk.rename(aside, path)
}

/** What is in a folder; nothing where there is none. */
export async function listFolder(disk: Disk, path: string): Promise<DiskEntry[]> {
  return disk.list(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
    return []
  })
}

/** For removals: what is gone already needs no removing. */
export function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
