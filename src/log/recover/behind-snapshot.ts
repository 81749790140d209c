/** What of a log has to be read to show a moment of it. */
import type { Disk } from '../../disk/disk.ts'
import type { SnapshotStore } from '../checkpoint/snapshot-store.ts'
import { snapshotThrough } from '../layout.ts'
import type { Past } from '../moment.ts'
import type { LogDirectory } from './directory.ts'
import { seqAt } from './past.ts'
import type { ProvedLog } from './proved-part.ts'
import { chain, identityOf } from './segment-chain.ts'
import { Tally } from './tally.ts'

/**
 * The beginning of a log that a moment does not need: the newest snapshot that is not behind it has
 * the effect of that. It was durable when the snapshot was made. Undefined where no snapshot says
 * so of itself.
 */
export async function coveredPart(
  disk: Disk,
  directory: LogDirectory,
  { from, until }: Past,
  snapshots: SnapshotStore,
  signal: AbortSignal | undefined,
): Promise<ProvedLog | undefined> {
  const logId = identityOf(directory.segments)
  if (logId === undefined) return undefined
  const segments = chain(directory, logId).live.filter(({ headerValid }) => headerValid)
  const log = { segments, firstSeq: segments[0]!.firstSeq, endSeq: Number.POSITIVE_INFINITY }
  let newest = Number.POSITIVE_INFINITY
  for (const moment of [from, until])
    if (moment) newest = Math.min(newest, await seqAt(disk, log, moment, signal))
  const names = await snapshots.names()
  const name = names
    .toSorted()
    .findLast((each) => (snapshotThrough(each) ?? Number.POSITIVE_INFINITY) <= newest)
  const manifest = name === undefined ? undefined : await snapshots.manifest(name)
  if (!manifest?.logId.equals(logId)) return undefined
  const { replayFrom } = manifest.checkpoint
  return { logId, before: replayFrom, segment: 0, offset: 0, tally: new Tally() }
}
