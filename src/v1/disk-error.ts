import { codeOf } from '../disk/io-error.ts'
import { WalError } from '../errors.ts'

/**
 * Passes a `WalError` on and makes one of an error of the operating system; `doing` completes "…
 * failed".
 */
export function diskError(cause: unknown, doing: string, file: string): WalError {
  if (cause instanceof WalError) return cause
  const system = cause as NodeJS.ErrnoException
  return new WalError(codeOf(system), `${doing} ${file} failed: ${system.message}.`, { file, cause })
}

/** The same for the log's directory, which may be missing or no directory. */
export function directoryError(cause: unknown, directory: string): WalError {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ENOENT') {
    return new WalError('WALV_NO_DIRECTORY', `There is no directory ${directory}. Check the path.`, {
      file: directory,
      cause,
    })
  }
  if (code === 'ENOTDIR') {
    return new WalError(
      'WALV_NOT_A_DIRECTORY',
      `${directory} is not a directory. Give the directory that holds the log's files.`,
      {
        file: directory,
        cause,
      },
    )
  }
  return diskError(cause, 'Using the directory', directory)
}
