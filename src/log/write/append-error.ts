/**
 * Why an append, or all from now on, cannot be taken; and what became of those that were under way.
 */
import { WalError } from '../../errors.ts'
import { MAX_SEQUENCE } from '../../limits.ts'

export const closedError = (directory: string): WalError =>
  new WalError('WALV_CLOSED', `The log in ${directory} is closed. Open it again. Nothing was logged.`, {
    fate: 'not-logged',
  })

export const isClosed = (error: unknown): boolean => error instanceof WalError && error.code === 'WALV_CLOSED'

export const backpressure = (pendingBytes: number, maxPendingBytes: number): WalError =>
  new WalError(
    'WALV_BACKPRESSURE',
    `${pendingBytes} bytes wait to be written and maxPendingBytes is ${maxPendingBytes}. Await earlier appends, or flush(), before appending more. Nothing was logged.`,
    { fate: 'not-logged' },
  )

export const exhausted = (): WalError =>
  new WalError(
    'WALV_SEQUENCE_EXHAUSTED',
    `The log has used all sequence numbers up to ${MAX_SEQUENCE}. Start a new log. Nothing was logged.`,
    { fate: 'not-logged' },
  )

/**
 * A log that takes nothing more: `what` failed, and everything from `seq` on may or may not be on
 * disk. Of that, what is before `acknowledgedBefore` was acknowledged, at a level that waits for no
 * sync.
 */
export const poisonOf = (
  what: string,
  cause: NodeJS.ErrnoException,
  file: string,
  seq: number,
  acknowledgedBefore: number,
): WalError => {
  const acknowledged =
    acknowledgedBefore > seq
      ? ` Those up to ${acknowledgedBefore - 1} were acknowledged: look for them after reopening.`
      : ''
  return new WalError(
    'WALV_POISONED',
    `${what} (${cause.code ?? cause.message}). Records from ${seq} on may or may not be on disk.${acknowledged} The log takes no more appends; close it and open it again.`,
    { file, seq, cause },
  )
}

/** Of an append that was on its way to the disk when the log was poisoned, or lost its lock. */
export const fateUnknown = ({ code, message, cause }: WalError, seq: number): WalError =>
  new WalError(
    code === 'WALV_POISONED' ? 'WALV_IO' : code,
    `${message} The fate of record ${seq} is unknown: look for it after reopening.`,
    {
      seq,
      fate: 'unknown',
      cause,
    },
  )

/** Of an append that waited behind those, or came later. */
export const refusedBy = ({ code, message }: WalError, cause: unknown): WalError =>
  new WalError(code, `${message} This append was not logged.`, { fate: 'not-logged', cause })
