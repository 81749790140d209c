import { WalError } from '../errors.ts'
import { wrongKind } from '../option-names.ts'

/**
 * A moment of a log: right after the record `seq` (−1: before the first), or after the last record
 * whose time is not later than `time` (milliseconds since the epoch, or a `Date`).
 */
export type Moment =
  | { readonly seq: number; readonly time?: undefined }
  | { readonly time: number | Date; readonly seq?: undefined }

/** The same, checked. */
export type CheckedMoment = { readonly seq: number } | { readonly time: number }

/** Which part of a log is looked at. */
export interface Past {
  /** Nothing behind this moment. Undefined: as far as the log goes. */
  readonly until?: CheckedMoment | undefined
  /** The snapshot to begin from is not behind this moment. Undefined: not behind `until`. */
  readonly from?: CheckedMoment | undefined
}

/**
 * Checks a moment. `name` says whose it is in the message.
 * @throws WALV_INVALID_OPTION
 */
export function checkMoment(name: string, moment: Moment): CheckedMoment {
  const { seq, time } = (moment ?? {}) as { readonly seq?: unknown; readonly time?: unknown }
  if ((seq === undefined) === (time === undefined))
    throw new WalError(
      'WALV_INVALID_OPTION',
      `${name} takes a moment: either { seq }, the number of a record, or { time }, in milliseconds since the epoch.`,
    )
  if (time !== undefined) return { time: checkTime(time) }
  if (typeof seq === 'number' && Number.isSafeInteger(seq) && seq >= -1) return { seq }
  throw wrongKind('seq', seq, 'the sequence number of a record, or -1')
}

function checkTime(time: unknown): number {
  const milliseconds = time instanceof Date ? time.getTime() : time
  if (typeof milliseconds === 'number' && Number.isFinite(milliseconds)) return milliseconds
  throw wrongKind('time', time, 'milliseconds since the epoch, or a valid Date')
}

/** `record 7`, `2026-11-30T10:45:00.000Z`: for messages. */
export function momentText(moment: CheckedMoment): string {
  return 'seq' in moment ? `record ${moment.seq}` : timeText(moment.time)
}

/** A time that no calendar has is told as it is. */
export const timeText = (time: number): string =>
  Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : String(time)
