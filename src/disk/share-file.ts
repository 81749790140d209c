import { type Disk, readFully, writeFully } from './disk.ts'

const PIECE_BYTES = 1024 * 1024

/**
 * Gives the content of a file that nobody writes to any more a second name, and makes it durable
 * under it, but for the name: as the disk can share it, or as a copy.
 */
export async function shareFile(disk: Disk, from: string, to: string): Promise<void> {
  try {
    if (disk.share) {
      await disk.share(from, to)
      const file = await disk.open(to, 'write')
      await file.sync().finally(() => file.close())
      return
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' || code === 'ENOENT' || code === 'EIO' || code === 'ENOSPC') throw error
  }
  await copyFile(disk, from, to)
}

async function copyFile(disk: Disk, from: string, to: string): Promise<void> {
  const source = await disk.open(from, 'read')
  try {
    const target = await disk.open(to, 'create')
    try {
      const piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
      for (let at = 0; ; ) {
        const count = await readFully(source, piece, at)
        await writeFully(target, piece.subarray(0, count), at)
        at += count
        if (count < piece.length) break
      }
      await target.sync()
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}
