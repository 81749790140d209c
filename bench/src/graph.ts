import type { DurableIndex } from 'walv'
import { pause } from './loop-delay.ts'

/** What an index with its graph in a thread has besides. */
interface Lagging {
  caughtUp?(): Promise<void>
  stats(): { readonly graphLag?: number }
}

/** How many vectors the graph does not have yet; 0 where it always has all. */
export const lagOf = (index: DurableIndex): number => (index as Lagging).stats().graphLag ?? 0

/** Waits until the graph has everything, but not for longer; to whether it has. */
export async function caughtUp(index: DurableIndex, limitMs: number): Promise<boolean> {
  const { caughtUp: wait } = index as Lagging
  if (wait === undefined) return true
  return Promise.race([wait.call(index).then(() => true), pause(limitMs).then(() => false)])
}
