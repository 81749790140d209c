import type { Disk } from './disk.ts'

/**
 * Removes files by `remove`, which makes that durable, and then gives their space back a piece at a
 * time: a file system that frees a large file at once lets nobody sync meanwhile. Not before the
 * removal is durable, or a power cut could bring back the name of a file that was cut. For files
 * that only walv reads: a reader beside is told by its disk that the file is gone.
 */
export async function removeAndReclaim(
  disk: Disk,
  paths: readonly string[],
  remove: () => Promise<void>,
): Promise<void> {
  // What cannot be opened is only removed.
  const files = await Promise.all(paths.map((path) => disk.open(path, 'write').catch(() => undefined)))
  try {
    await remove()
    // What is left of it goes when it is closed.
    for (const file of files) await file?.discard?.().catch(() => {})
  } finally {
    for (const file of files) await file?.close().catch(() => {})
  }
}
