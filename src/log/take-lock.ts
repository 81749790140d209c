import { delay, monotonicMs } from '../clock.ts'
import type { Disk, HeldByAnother } from '../disk/disk.ts'
import { WalError } from '../errors.ts'
import { DirectoryLock } from './directory-lock.ts'
import { lockIsNoFile, lockPath, refuseDirectory } from './layout.ts'
import { holderOf, mayShare, ownerText } from './lock-holder.ts'
import type { WalSettings } from './options.ts'

/** How long to wait before asking again for a lock that somebody holds. */
const RETRY_MS = 50

/**
 * Takes the lock of a log, waiting for it as long as `lockWaitMs` says, but not for one that shares
 * the directory as this process does.
 * @throws WALV_LOCKED, and the reason of `signal` if it is aborted meanwhile
 */
export async function takeLock(settings: WalSettings): Promise<DirectoryLock> {
  const { disk, directory, lockWaitMs, signal, shares = false } = settings
  const path = lockPath(directory)
  const end = monotonicMs() + lockWaitMs
  for (;;) {
    const owner = ownerText(settings.clock(), shares ? { shares } : {})
    const result = await disk.lock(path, owner).catch((error) => refuseLock(directory, error))
    if (!result.held) return new DirectoryLock(result, directory)
    if (shares && mayShare(result.owner)) throw locked(directory, result.owner, 0)
    const leftMs = end - monotonicMs()
    if (leftMs <= 0) throw locked(directory, result.owner, lockWaitMs)
    await delay(Math.min(RETRY_MS, leftMs))
    signal?.throwIfAborted()
  }
}

/**
 * Takes the lock of a log that this process shares, if nobody has it. Else what its holder has
 * written, or one before: who waits asks often, and nothing is dearer than it has to be.
 */
export async function lockIfFree(
  disk: Disk,
  directory: string,
  now: number,
): Promise<DirectoryLock | HeldByAnother> {
  const owner = ownerText(now, { shares: true })
  const result = await disk
    .lock(lockPath(directory), owner, true)
    .catch((error) => refuseLock(directory, error))
  return result.held ? result : new DirectoryLock(result, directory)
}

function refuseLock(directory: string, error: NodeJS.ErrnoException): never {
  if (error.code === 'EFTYPE' || error.code === 'EISDIR') throw lockIsNoFile(directory, error)
  return refuseDirectory(directory, error)
}

function locked(directory: string, owner: string, waitedMs: number): WalError {
  const { holder, advice } = holderAndAdvice(owner)
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

function holderAndAdvice(owner: string): { readonly holder: string; readonly advice: string } {
  const { text, isThisProcess, shares } = holderOf(owner)
  if (shares) return { holder: `${text}, which shares it`, advice: SHARE }
  if (isThisProcess) return { holder: `${text}, this very process`, advice: SAME_PROCESS }
  return { holder: text, advice: 'Close it there' }
}
