import { type DiskFile, readFully } from './disk.ts'

/** Bytes `from` to before `to` of a file. */
export interface ByteRange {
  readonly from: number
  readonly to: number
}

/** The smallest piece that a disk loses. */
const SECTOR_BYTES = 512
/**
 * Stands for what cannot be read: no frame begins with it, and nobody takes it for space that was
 * never used.
 */
const FILL = 0xee

/**
 * Reads until `buffer` is full or the file ends, past sectors that cannot be read (`EIO`): bytes of
 * 0xEE stand in their place.
 * @returns how many bytes were read, and where those sectors are in the file
 */
export async function readAround(
  file: DiskFile,
  buffer: Uint8Array,
  position: number,
): Promise<{ count: number; unreadable: readonly ByteRange[] }> {
  try {
    return { count: await readFully(file, buffer, position), unreadable: [] }
  } catch (error) {
    refuseOther(error)
    return readSectors(file, buffer, position)
  }
}

async function readSectors(
  file: DiskFile,
  buffer: Uint8Array,
  position: number,
): Promise<{ count: number; unreadable: readonly ByteRange[] }> {
  const unreadable: ByteRange[] = []
  const end = Math.min(position + buffer.length, await file.size())
  for (let from = position; from < end; ) {
    const to = Math.min(end, from - (from % SECTOR_BYTES) + SECTOR_BYTES)
    const sector = buffer.subarray(from - position, to - position)
    try {
      await readFully(file, sector, from)
    } catch (error) {
      refuseOther(error)
      sector.fill(FILL)
      unreadable.push({ from, to })
    }
    from = to
  }
  return { count: Math.max(0, end - position), unreadable }
}

function refuseOther(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
}
