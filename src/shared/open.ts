import { delay } from '../clock.ts'
import { WalError } from '../errors.ts'
import type { ContentRules, WalOptions } from '../log/options.ts'
import { Wal } from '../log/wal.ts'
import type { ShareSettings } from './share-options.ts'

/** How long to wait, at least and at most, before looking again for who leads. */
const RETRY_MS = 3
const RETRY_SPREAD_MS = 12
/**
 * How often a member looks for who listens, once another has the lock, before it tries the lock
 * again: that takes ten times as long, and who has it needs the processors now.
 */
export const LOOKS_PER_TRY = 8

export const pause = (): Promise<void> => delay(RETRY_MS + Math.random() * RETRY_SPREAD_MS)

/** Resolves to undefined where a process that shares the directory has the lock. */
export async function openWriter(
  settings: ShareSettings,
  options: WalOptions,
  content?: ContentRules,
  proved?: Wal['proved'],
): Promise<Wal | undefined> {
  try {
    return await Wal.openWith(options, content, { proved })
  } catch (error) {
    if (settings.isOfSharer(error)) return undefined
    throw error
  }
}

/**
 * The same of one that has followed the log until now: it goes on with the index that it has, and
 * proves what it has not read.
 */
export const openSuccessor = (settings: ShareSettings, { proved }: Wal): Promise<Wal | undefined> =>
  openWriter(settings, settings.successor, undefined, proved)

export const openFollower = (settings: ShareSettings, content?: ContentRules): Promise<Wal> =>
  Wal.openWith(settings.follower, content, {})

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
