import { dirname } from 'node:path'
import { ignoreMissing } from './directories.ts'
import { type Disk, writeFully } from './disk.ts'
import { changeNames, TEMPORARY_SUFFIX } from './names.ts'

/**
 * Writes a small file so that a crash leaves the one that was there before, or all of this one:
 * under a temporary name, synced, renamed, its directory synced. One at a time under one name.
 */
export async function writeWhole(disk: Disk, path: string, content: Uint8Array): Promise<void> {
  const temporary = path + TEMPORARY_SUFFIX
  await disk.remove(temporary).catch(ignoreMissing)
  const file = await disk.open(temporary, 'create')
  try {
    await writeFully(file, content, 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await changeNames(disk, dirname(path), () => disk.rename(temporary, path))
}
