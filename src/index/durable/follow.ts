import { epochMs } from '../../clock.ts'
import type { WalOptions } from '../../log/options.ts'
import type { Wal } from '../../log/wal.ts'
import type { VectorIndex } from '../vector-index.ts'
import { FollowOrder } from './follow-order.ts'
import { openRestored, type Restored } from './restore.ts'

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
  const order = new FollowOrder(
    restored.log as Wal,
    restored.state,
    restored.order.appliedSeq,
    options.clock ?? epochMs,
  )
  order.start()
  return { ...restored, order }
}
