/** Names in a log's directory, and what is said of one that cannot be used. */
import { join } from 'node:path'
import { codeOf, ioError, isDiskFull } from '../disk/io-error.ts'
import { WalError } from '../errors.ts'
import { segmentName } from '../format/segment.ts'
import { MAX_SEQUENCE } from '../limits.ts'

/** Names within a log's directory. */
export const LOCK_FILE = 'LOCK'

export const SNAPSHOT_FOLDER = 'snapshots'

export const QUARANTINE_FOLDER = 'quarantine'

export const CURSOR_FOLDER = 'cursors'

export const snapshotName = (through: number): string => `snapshot-${String(through).padStart(16, '0')}`

/**
 * Whether walv gives such names, to what it makes too: what it finds under others is not its own.
 */
export const isSnapshotName = (name: string): boolean => /^snapshot-\d{16}(?:\.tmp)?$/.test(name)

/**
 * Through which record a snapshot reaches, by its name; the name may be of one that is being made,
 * or that was put aside.
 */
export function snapshotThrough(name: string): number | undefined {
  const through = Number(/^snapshot-(\d{16})(?:\.(?:tmp|\d+))?$/.exec(name)?.[1] ?? Number.NaN)
  return through <= MAX_SEQUENCE ? through : undefined
}

export const segmentPath = (directory: string, number: number): string => join(directory, segmentName(number))

export const lockPath = (directory: string): string => join(directory, LOCK_FILE)

/**
 * Only a regular file can be locked: a pipe has no text, and a link leads to what is not the log's.
 */
export const lockIsNoFile = (directory: string, cause?: unknown): WalError => {
  const file = join(directory, LOCK_FILE)
  const message = `${file} is not a regular file, so that no writer can lock the log. Nothing was changed. Move it away.`
  return new WalError('WALV_NOT_A_FILE', message, { file, cause })
}

/** Turns the operating system's refusal of a directory into a sentence. */
export function refuseDirectory(path: string, cause: unknown): never {
  if (cause instanceof WalError) throw cause
  const code = (cause as NodeJS.ErrnoException).code
  if (code === 'ENOENT') {
    throw new WalError('WALV_NO_DIRECTORY', `There is no directory ${path}. Check the path.`, {
      file: path,
      cause,
    })
  }
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    throw new WalError(
      'WALV_NOT_A_DIRECTORY',
      `${path} is a file, not a directory. Give the log a directory of its own.`,
      { file: path, cause },
    )
  }
  if (codeOf(cause as NodeJS.ErrnoException) === 'WALV_PERMISSION') {
    throw new WalError(
      'WALV_PERMISSION',
      `The directory ${path} does not allow this (${code}). Change its owner or mode, or open it with readOnly.`,
      { file: path, cause },
    )
  }
  if (code !== undefined && isDiskFull(cause as NodeJS.ErrnoException))
    throw ioError(cause, `The directory ${path} cannot be used`, path)
  throw new WalError('WALV_IO', `The directory ${path} cannot be used: ${(cause as Error).message}.`, {
    file: path,
    cause,
  })
}
