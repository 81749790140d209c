import { WalError } from '../errors.ts'

/**
 * An error of the operating system as one of ours: `what` says what could not be done and what that means. Others are passed on: those that are ours already, and those
 * that came from the caller's own code.
 */
export function ioError(cause: unknown, what: string, file: string): Error {
  const { code } = cause as NodeJS.ErrnoException
  if (cause instanceof WalError || code === undefined) return cause as Error
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new WalError('WALV_DISK_FULL', `${what}: the disk is full (${code}). Make space and try again.`, {
      file,
      cause,
    })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new WalError('WALV_PERMISSION', `${what}: not allowed (${code}). Change owner or mode.`, { file, cause })
  }
  return new WalError('WALV_IO', `${what} (${(cause as Error).message}).`, { file, cause })
}
