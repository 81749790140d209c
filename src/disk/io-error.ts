import { WalError, type WalErrorCode } from '../errors.ts'

/** The one table from the operating system's codes to ours. What is not in it is `WALV_IO`. */
const CODES: Readonly<Record<string, WalErrorCode>> = {
  EACCES: 'WALV_PERMISSION',
  EPERM: 'WALV_PERMISSION',
  EROFS: 'WALV_PERMISSION',
  ENOSPC: 'WALV_DISK_FULL',
  EDQUOT: 'WALV_DISK_FULL',
  EFTYPE: 'WALV_NOT_A_FILE',
}

export const codeOf = ({ code }: NodeJS.ErrnoException): WalErrorCode => CODES[code ?? ''] ?? 'WALV_IO'

/** Whether there is no space, on the disk or in the quota. */
export const isDiskFull = (cause: NodeJS.ErrnoException): boolean => codeOf(cause) === 'WALV_DISK_FULL'

/** Whether a file was not there: what is read beside a live writer may be retired meanwhile. */
export const isMissing = ({ code, cause }: NodeJS.ErrnoException): boolean =>
  code === 'ENOENT' || (code === 'WALV_IO' && (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')

/** Calls of the system that make a name: there may be no inode for it, though there is space. */
const NAMING = new Set(['open', 'mkdir', 'link', 'rename'])

const fullText = ({ syscall }: NodeJS.ErrnoException): string =>
  NAMING.has(syscall ?? '')
    ? 'no space or no inode is left for another file (see df and df -i)'
    : 'the disk is full'

/** The code, and the file where the system names one. */
const codeText = ({ code, message, path }: NodeJS.ErrnoException): string =>
  path === undefined ? (code ?? message) : `${code}: ${path}`

/**
 * An error of the operating system as one of ours: `what` says what could not be done and what that
 * means. Others are passed on: those that are ours already, and those that came from the caller's
 * own code.
 */
export function ioError(cause: unknown, what: string, file: string): Error {
  const system = cause as NodeJS.ErrnoException
  if (cause instanceof WalError || system.code === undefined) return cause as Error
  const code = codeOf(system)
  return new WalError(code, `${what}${reasonOf(code, system)}`, { file, cause })
}

function reasonOf(code: WalErrorCode, cause: NodeJS.ErrnoException): string {
  if (code === 'WALV_DISK_FULL') return `: ${fullText(cause)} (${codeText(cause)}). Make space and try again.`
  if (code === 'WALV_PERMISSION') return `: not allowed (${codeText(cause)}). Change owner or mode.`
  return ` (${cause.message}).${code === 'WALV_NOT_A_FILE' ? ' Move it away.' : ''}`
}

/** For an append that the disk refused, as not logged. */
export function refusal(cause: NodeJS.ErrnoException, what: string): (seq: number) => WalError {
  const code = codeOf(cause)
  const message = `${what} (${codeText(cause)}). ${retryText(code, cause)} Nothing was logged.`
  return () =>
    new WalError(code, message, { fate: 'not-logged', cause, ...(cause.path && { file: cause.path }) })
}

function retryText(code: WalErrorCode, cause: NodeJS.ErrnoException): string {
  if (code === 'WALV_PERMISSION') return 'This is not allowed. Change owner or mode, and append again.'
  if (code !== 'WALV_DISK_FULL') return 'Append again when the cause is gone.'
  const text = fullText(cause)
  const full = text.replace(text[0]!, text[0]!.toUpperCase())
  return `${full}. The log is whole and readable; append again when there is space.`
}
