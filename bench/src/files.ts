import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const BLOCK_BYTES = 512

/** What a directory takes of the disk. */
export function bytesIn(directory: string): number {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return files.reduce(
    (sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).blocks * BLOCK_BYTES,
    0,
  )
}

/** How many files this process has open; NaN where the system does not tell. */
export function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return Number.NaN
  }
}
