import { isoTime } from '../clock.ts'
import { machineName } from '../disk/machine.ts'
import { cut } from '../echo.ts'

/**
 * As much of each thing that a holder says of itself is repeated; names of machines have 64 at
 * most.
 */
const OWNER_CHARACTERS = 64
const UNNAMED_MACHINE = 'a machine whose name may not be asked'

/** What this process writes into a lock file; `now` in milliseconds since the epoch. */
export const ownerText = (now: number, more: object = {}): string =>
  JSON.stringify({
    pid: process.pid,
    host: machineName() ?? UNNAMED_MACHINE,
    startedAt: isoTime(now),
    ...more,
  })

export interface LockHolder {
  /** Which process it is, in words. */
  readonly text: string
  readonly isThisProcess: boolean
  readonly shares: boolean
}

/** Who has written this into a lock file. */
export function holderOf(owner: string): LockHolder {
  try {
    const { pid, host, startedAt, shares } = JSON.parse(owner)
    // Whatever holds the lock has written them.
    const [number, name, time] = [pid, host, startedAt].map((value) => cut(String(value), OWNER_CHARACTERS))
    return {
      text: `process ${number} on ${name} since ${time}`,
      isThisProcess: pid === process.pid && host === machineName(),
      shares: shares === true,
    }
  } catch {
    return { text: 'another process', isThisProcess: false, shares: false }
  }
}

/** Whether one that shares the directory has the lock, as far as its text tells. */
export const mayShare = (owner: unknown): boolean =>
  // What is not written yet is written in a moment.
  owner === '' || (typeof owner === 'string' && holderOf(owner).shares)
