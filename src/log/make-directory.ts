import { dirname } from 'node:path'
import type { Disk } from '../disk/disk.ts'

/**
 * Makes a directory, its name durable. One whose sync fails is removed again, as no later sync could be trusted to make its name durable. `EEXIST` if
 * it is there.
 */
export async function makeDirectory(disk: Disk, path: string): Promise<void> {
  await disk.makeDirectory(path)
  try {
    await disk.syncDirectory(dirname(path))
  } catch (error) {
    if ((await disk.list(path)).length === 0) await disk.remove(path)
    throw error
  }
}

/** The same where it may be there already; its name is then synced all the same, as whoever made it may not have got to that. */
export async function ensureFolder(disk: Disk, path: string): Promise<void> {
  try {
    await makeDirectory(disk, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    await disk.syncDirectory(dirname(path))
  }
}
