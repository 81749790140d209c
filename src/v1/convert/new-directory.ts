import { resolve } from 'node:path'
import type { Disk } from '../../disk/disk.ts'
import { fillNewDirectory } from '../../log/new-directory.ts'

/** What is being converted stands beside its place under such a name, until it is whole. */
export const unfinishedPath = (to: string): string => `${resolve(to)}.walv-converting`

/** Runs what fills a directory, which gets its name when it is whole and durable. */
export const intoNewDirectory = <T>(
  disk: Disk,
  path: string,
  work: (unfinished: string) => Promise<T>,
): Promise<T> =>
  fillNewDirectory(
    disk,
    {
      path,
      unfinished: unfinishedPath(path),
      notEmpty: `${path} is not empty. Convert into a new directory.`,
      failed: `The log could not be converted into ${path}`,
    },
    work,
  )
