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
    if (isMade || (error as NodeJS.ErrnoException).code === 'EIO') await removeEmpty(disk, path)
    throw error
  }
}

async function removeEmpty(disk: Disk, path: string): Promise<void> {
  // Where it cannot be read, what went wrong is told already.
  const entries = await disk.list(path).catch(() => undefined)
  if (entries?.length === 0) await disk.remove(path)
}

/** The same where it may be there already; its name is then synced all the same, as whoever made it may not have got to that. */
export async function ensureFolder(disk: Disk, path: string): Promise<void> {
  try {
    await makeDirectory(disk, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    await syncNames(disk, dirname(path))
  }
}
