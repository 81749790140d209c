import { epochMs } from '../../clock.ts'
import { isToOpen, type Log } from '../../log/log.ts'
import type { WalOptions } from '../../log/options.ts'
import { Wal } from '../../log/wal.ts'
import type { VectorIndex } from '../vector-index.ts'
import { FollowOrder } from './follow-order.ts'
import { openRestored, type Restored, restoreOver } from './restore.ts'
import type { LogIndexOptions } from './types.ts'

/**
 * Opens a log and fills an empty index with what it holds; from then on it applies what others
 * write, until the log is closed.
 */
export async function openFollowing(
  options: WalOptions,
  index: VectorIndex,
  model: string | undefined,
): Promise<Restored> {
  const restored = await openRestored({ ...options, readOnly: true, follow: true }, index, model)
  return following(restored, restored.log as Wal, options.clock)
}

/**
 * The same over a log: one that is open already, which is kept up with if it is a log that follows,
 * or one that is opened for this index, and closed where that fails.
 */
export async function openOver<Metadata, Input>(
  options: LogIndexOptions<Metadata, Input>,
): Promise<Restored> {
  const { log, signal } = options
  if (!isToOpen(log)) return openOverOpen(log, options)
  const opened = await log.openLog({ signal })
  try {
    return await openOverOpen(opened, options)
  } catch (error) {
    // What failed is what is told.
    await opened.close().catch(() => {})
    throw error
  }
}

async function openOverOpen<Metadata, Input>(
  log: Log,
  options: LogIndexOptions<Metadata, Input>,
): Promise<Restored> {
  const { index, model } = options
  const restored = await restoreOver(log, options, index, model)
  return log instanceof Wal && log.follows ? following(restored, log) : restored
}

function following(restored: Restored, wal: Wal, clock: () => number = epochMs): Restored {
  const order = new FollowOrder(wal, restored.state, restored.order.appliedSeq, clock)
  order.start()
  return { ...restored, order }
}
