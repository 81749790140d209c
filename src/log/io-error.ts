import { WalError } from '../errors.ts'

/**
 * An error of the operating system as one of ours: `what` says what could not be done and what that means. Others are passed on: those that are ours already, and those
 * that came from the caller's own code.
 */
export function ioError(cause: unknown, what: string, file: string): Error {
  const { code } = cause as NodeJS.ErrnoException
  if (cause instanceof WalError || code === undefined) return cause as Error
  if (isDiskFull(cause as NodeJS.ErrnoException)) {
    return new WalError('WALV_DISK_FULL', `${what}: the disk is full (${code}). Make space and try again.`, {
      file,
      cause,
    })
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new WalError('WALV_PERMISSION', `${what}: not allowed (${code}). Change owner or mode.`, { file, cause })
  }
  if (code === 'EFTYPE') {
    return new WalError('WALV_NOT_A_FILE', `${what} (${(cause as Error).message}). Move it away.`, { file, cause })
  }
  return new WalError('WALV_IO', `${what} (${(cause as Error).message}).`, { file, cause })
}

/** Whether there is no space, on the disk or in the quota. */
export const isDiskFull = ({ code }: NodeJS.ErrnoException): boolean => code === 'ENOSPC' || code === 'EDQUOT'

/** For an append that the disk refused, as not logged. */
export function refusal(cause: NodeJS.ErrnoException, what: string): (seq: number) => WalError {
  const code = isDiskFull(cause) ? 'WALV_DISK_FULL' : 'WALV_IO'
  const advice = isDiskFull(cause)
    ? 'The disk is full. The log is whole and readable; append again when there is space.'
    : 'Append again when the cause is gone.'
  return () =>
    new WalError(code, `${what} (${cause.code ?? cause.message}). ${advice} Nothing was logged.`, {
      fate: 'not-logged',
      cause,
    })
}
