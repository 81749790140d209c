import { delay, monotonicMs } from '../clock.ts'
import { WalError } from '../errors.ts'
import { DirectoryLock } from './directory-lock.ts'
import { lockIsNoFile, lockPath, refuseDirectory } from './layout.ts'
import { holderOf, ownerText } from './lock-holder.ts'
import type { WalSettings } from './options.ts'

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
    const owner = ownerText(settings.clock(), settings.shares ? { shares: true } : {})
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
