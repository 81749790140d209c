import { WalError, type WalErrorCode } from '../../errors.ts'

const CODES: Readonly<Record<string, WalErrorCode>> = {
  EACCES: 'WALV_PERMISSION',
  EPERM: 'WALV_PERMISSION',
  EROFS: 'WALV_PERMISSION',
  ENOSPC: 'WALV_DISK_FULL',
  EDQUOT: 'WALV_DISK_FULL',
  EFTYPE: 'WALV_NOT_A_FILE',
}

/** Passes a `WalError` on and makes one of an error of the operating system; `doing` completes "… failed". */
export function diskError(cause: unknown, doing: string, file: string): WalError {
  if (cause instanceof WalError) return cause
  const { code, message } = cause as NodeJS.ErrnoException
  return new WalError(CODES[code ?? ''] ?? 'WALV_IO', `${doing} ${file} failed: ${message}.`, { file, cause })
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
