import { groupChannel } from '../../diagnostics.ts'
import type { WalSettings } from '../options.ts'
import type { Group } from './group.ts'
import type { SegmentWriter } from './segment-writer.ts'

/** Tells whoever measures that a group has been acknowledged. */
export function tellOfGroup(
  { directory, durability }: WalSettings,
  { firstSeq, nextSeq, bytes }: Group,
  { syncTimes }: SegmentWriter,
  pendingBytes: number,
): void {
  const syncMs = durability === 'commit' ? syncTimes.lastMs : undefined
  groupChannel.publish({ directory, firstSeq, entries: nextSeq - firstSeq, bytes, syncMs, pendingBytes })
}
