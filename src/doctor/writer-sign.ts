import { epochMs } from '../clock.ts'
import type { Disk } from '../disk/disk.ts'
import { readFully } from '../disk/disk.ts'
import { machineName, uptimeSeconds } from '../disk/machine.ts'
import type { WalError } from '../errors.ts'
import { LOCK_FILE, lockIsNoFile, lockPath } from '../log/layout.ts'

/**
 * What the lock file says of who has the log open for writing. It is written on opening and wiped
 * on closing; a process that was killed leaves it.
 */
export interface WriterSign {
  readonly pid: number
  readonly host: string
  readonly startedAt: string
  /**
   * Whether that process seems to live: there is one of this number here. `null`: it ran on another
   * machine, or the runtime does not let it be asked. Only taking the lock would prove it.
   */
  readonly alive: boolean | null
}

const MAX_SIGN_BYTES = 4096

/**
 * Reads the lock file and touches nothing. Undefined where there is none, or none that says
 * anything.
 */
export async function readWriter(disk: Disk, directory: string): Promise<WriterSign | undefined> {
  const file = await disk.open(lockPath(directory), 'read').catch(() => undefined)
  if (file === undefined) return undefined
  const buffer = Buffer.alloc(MAX_SIGN_BYTES)
  // It only informs: a lock file that cannot be read says nothing.
  const length = await readFully(file, buffer, 0).catch(() => 0)
  await file.close().catch(() => {})
  return signOf(buffer.toString('utf8', 0, length))
}

/**
 * What a writer would be refused with, if something stands in the place of the lock file that is no
 * file.
 */
export async function lockRefusal(disk: Disk, directory: string): Promise<WalError | undefined> {
  const entries = await disk.list(directory)
  const isNoFile = entries.some(({ name, kind }) => name === LOCK_FILE && kind !== 'file')
  return isNoFile ? lockIsNoFile(directory) : undefined
}

function signOf(text: string): WriterSign | undefined {
  try {
    const { pid, host, startedAt } = JSON.parse(text)
    if (!Number.isSafeInteger(pid) || typeof host !== 'string' || typeof startedAt !== 'string')
      return undefined
    const isHere = host === machineName()
    return { pid, host, startedAt, alive: isHere ? isAlive(pid, Date.parse(startedAt)) : null }
  } catch {
    return undefined
  }
}

/**
 * Numbers of processes are used again: one from before this machine started is gone, whoever has
 * its number now.
 */
function isAlive(pid: number, startedAt: number): boolean | null {
  const upMs = (uptimeSeconds() ?? Number.POSITIVE_INFINITY) * 1000
  if (startedAt < epochMs() - upMs) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'EPERM' ? true : code === 'ESRCH' ? false : null
  }
}
