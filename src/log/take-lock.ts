import { delay, isoTime, monotonicMs } from '../clock.ts'
import { machineName } from '../disk/machine.ts'
import { cut } from '../echo.ts'
import { WalError } from '../errors.ts'
import { DirectoryLock } from './directory-lock.ts'
import { lockIsNoFile, lockPath, refuseDirectory } from './layout.ts'
import type { WalSettings } from './options.ts'

/**
 * As much of each thing that a holder says of itself is repeated; names of machines have 64 at
 * most.
 */
const OWNER_CHARACTERS = 64
const UNNAMED_MACHINE = 'a machine whose name may not be asked'
/** How long to wait before asking again for a lock that somebody holds. */
const RETRY_MS = 50

/**
 * Takes the lock of a log, waiting for it as long as `lockWaitMs` says.
 * @throws WALV_LOCKED, and the reason of `signal` if it is aborted meanwhile
 */
export async function takeLock(settings: WalSettings): Promise<DirectoryLock> {
  const { disk, directory, lockWaitMs, signal } = settings
  const path = lockPath(directory)
  const end = monotonicMs() + lockWaitMs
  for (;;) {
    const startedAt = isoTime(settings.clock())
    const owner = JSON.stringify({
      pid: process.pid,
      host: machineName() ?? UNNAMED_MACHINE,
      startedAt,
      ...(settings.shares && { shares: true }),
    })
    const result = await disk.lock(path, owner).catch((error) => refuseLock(directory, error))
    if (!result.held) return new DirectoryLock(result, directory)
    const leftMs = end - monotonicMs()
    if (leftMs <= 0) throw locked(directory, result.owner, lockWaitMs)
    await delay(Math.min(RETRY_MS, leftMs))
    signal?.throwIfAborted()
  }
}

function refuseLock(directory: string, error: NodeJS.ErrnoException): never {
  if (error.code === 'EFTYPE' || error.code === 'EISDIR') throw lockIsNoFile(directory, error)
  return refuseDirectory(directory, error)
}

function locked(directory: string, owner: string, waitedMs: number): WalError {
  const { holder, advice } = holderOf(owner)
  const waited = waitedMs > 0 ? ` Waited for it for ${waitedMs} ms.` : ''
  return new WalError(
    'WALV_LOCKED',
    `The log in ${directory} is open for writing in ${holder}.${waited} ${advice}, or open it here with readOnly.`,
    { file: lockPath(directory), detail: owner },
  )
}

const SAME_PROCESS =
  'Another part of the program, or an earlier copy of this module that a development server has replaced, has not closed it: share one log, for example through globalThis, or close it first'

const SHARE = 'Open it here with share, too'

function holderOf(owner: string): { readonly holder: string; readonly advice: string } {
  try {
    const { pid, host, startedAt, shares } = JSON.parse(owner)
    const isThisProcess = pid === process.pid && host === machineName()
    // Whatever holds the lock has written them.
    const [number, name, time] = [pid, host, startedAt].map((value) => cut(String(value), OWNER_CHARACTERS))
    const holder = `process ${number} on ${name} since ${time}`
    if (shares === true) return { holder: `${holder}, which shares it`, advice: SHARE }
    if (isThisProcess) return { holder: `${holder}, this very process`, advice: SAME_PROCESS }
    return { holder, advice: 'Close it there' }
  } catch {
    return { holder: 'another process', advice: 'Close it there' }
  }
}
