import { delay, epochMs } from '../clock.ts'
import { WalError } from '../errors.ts'
import { mayShare } from '../log/lock-holder.ts'
import type { SharedOpening } from '../log/open.ts'
import type { ContentRules, WalOptions } from '../log/options.ts'
import { lockIfFree } from '../log/take-lock.ts'
import { Wal } from '../log/wal.ts'
import type { ShareSettings } from './share-options.ts'

/**
 * How long to wait before looking again for who leads: about so long at first, and then twice as
 * long each time, up to the last. Who has the lock needs the processors now, more than those do
 * that wait for it.
 */
const FIRST_RETRY_MS = 8
const LAST_RETRY_MS = 64

/** Each process waits for another time. `before`: how often it has waited already. */
export const pause = (before = 0): Promise<void> =>
  delay(Math.min(FIRST_RETRY_MS * 2 ** before, LAST_RETRY_MS) * (0.5 + Math.random()))

/** Resolves to undefined where a process that shares the directory has the lock. */
export async function openWriter(
  settings: ShareSettings,
  options: WalOptions,
  content?: ContentRules,
  opening: SharedOpening = {},
): Promise<Wal | undefined> {
  try {
    return await Wal.openWith(options, content, opening)
  } catch (error) {
    if (settings.isOfSharer(error)) return undefined
    throw error
  }
}

/**
 * The same of one that has followed the log until now: it goes on with the index that it has, and
 * proves what it has not read.
 */
export async function openSuccessor(settings: ShareSettings, followed: Wal): Promise<Wal | undefined> {
  const { disk, directory, proved } = followed
  const { clock = epochMs } = settings.successor
  const lock = await lockIfFree(disk, directory, clock())
  if (!lock.held) return openWriter(settings, settings.successor, undefined, { lock, proved })
  // One that does not share it is asked again, and then told of.
  return mayShare(lock.owner) ? undefined : openWriter(settings, settings.successor, undefined, { proved })
}

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
