import { dirname } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { syncNames } from './sync-names.ts'

/**
 * Makes a directory, its name durable. One whose sync fails is removed again, as no later sync could be trusted to make its name durable; and so is one
 * that is there though the disk failed to make it. `EEXIST` if it was there before.
 */
export async function makeDirectory(disk: Disk, path: string): Promise<void> {
  let isMade = false
  try {
    await syncNames(disk, dirname(path), async () => {
      await disk.makeDirectory(path)
      isMade = true
    })
  } catch (error) {
    // What goes wrong then comes of what is told already.
    if (isMade || (error as NodeJS.ErrnoException).code === 'EIO') await removeEmpty(disk, path).catch(() => {})
    throw error
  }
}

async function removeEmpty(disk: Disk, path: string): Promise<boolean> {
  if ((await disk.list(path)).length > 0) return false
  await disk.remove(path)
  return true
}

/**
 * The same where it may be there already. An empty one is made anew: whoever made it may have been told that its name is not durable, and was killed before it was removed. In one that is not empty somebody
 * wrote whose folder was durable; its name is synced all the same.
 */
export async function ensureFolder(disk: Disk, path: string): Promise<void> {
  try {
    await makeDirectory(disk, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (await removeEmpty(disk, path)) await makeDirectory(disk, path)
    else await syncNames(disk, dirname(path))
  }
}
