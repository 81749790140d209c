import { delay } from '../clock.ts'
import { WalError } from '../errors.ts'
import type { ContentRules, WalOptions } from '../log/options.ts'
import { Wal } from '../log/wal.ts'
import type { ShareSettings } from './share-options.ts'

/** How long to wait, at least and at most, before looking again for who leads. */
const RETRY_MS = 3
const RETRY_SPREAD_MS = 12

export const pause = (): Promise<void> => delay(RETRY_MS + Math.random() * RETRY_SPREAD_MS)

/** Resolves to undefined where a process that shares the directory has the lock. */
export async function openWriter(
  settings: ShareSettings,
  options: WalOptions,
  content?: ContentRules,
): Promise<Wal | undefined> {
  try {
    return await Wal.openWith(options, content, true)
  } catch (error) {
    if (settings.isOfSharer(error)) return undefined
    throw error
  }
}

export const openFollower = (settings: ShareSettings, content?: ContentRules): Promise<Wal> =>
  Wal.openWith(settings.follower, content, true)

/** Resolves to undefined where there is nothing yet that could be followed. */
export async function tryToFollow(settings: ShareSettings, content?: ContentRules): Promise<Wal | undefined> {
  try {
    return await openFollower(settings, content)
  } catch (error) {
    if (error instanceof WalError && error.code === 'WALV_NO_DIRECTORY' && settings.role !== 'follow')
      return undefined
    throw error
  }
}
