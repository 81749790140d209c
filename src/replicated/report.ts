import { epochMs } from '../clock.ts'
import { identityIn } from '../format/index-record.ts'
import type { LogStats, RecoveryReport } from '../log/log.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { EngineLink } from './link.ts'
import type { Begin } from './opening.ts'
import type { Replica } from './replica.ts'
import type { VoidKind } from './void-counts.ts'

/** What an opening has found before the log is read. */
export function emptyReport(begin: Begin | undefined, checkpoints: number): RecoveryReport {
  const index = identityIn(begin?.snapshot.reference.info)
  return {
    entries: 0,
    bytes: 0,
    segments: 0,
    lastSeq: begin?.position.seq ?? -1,
    transactions: { committed: 0, aborted: 0, inDoubt: [] },
    incompleteTransactions: [],
    checkpoints,
    snapshotSeq: begin?.position.seq,
    damage: [],
    gaps: [],
    closedInOrder: true,
    reproved: 0,
    quarantined: [],
    ...(index && { index }),
    durationMs: 0,
  }
}

export interface NodeStats extends LogStats {
  /** The last message of the engine that was taken here. */
  readonly place: number
  /** Frames that were sent again. */
  readonly resent: number
  /** Messages without effect, by why, and changes that were not possible at their place. */
  readonly voidMessages: Readonly<Record<VoidKind, number>>
  readonly voidChanges: number
  /** Writers that are remembered. */
  readonly writers: number
}

export function figures(
  link: EngineLink,
  { order, own, outbox, broken, voids }: Replica,
  { begin, taken, failures, lastError }: Checkpoints,
  firstSeq: number,
): NodeStats {
  const lastCheckpointAt = begin?.takenAt
  return {
    firstSeq,
    lastSeq: order.seq,
    durableSeq: order.seq,
    segments: 0,
    bytes: 0,
    pendingBytes: own.bytes,
    groups: 0,
    syncs: 0,
    bytesWritten: 0,
    rotations: 0,
    lastSyncMs: 0,
    medianSyncMs: undefined,
    openTransactions: 0,
    checkpoints: taken,
    lastCheckpointAt,
    checkpointAgeMs: lastCheckpointAt === undefined ? undefined : Math.max(0, epochMs() - lastCheckpointAt),
    poisoned: broken !== undefined,
    upkeepFailures: failures,
    lastUpkeepError: lastError,
    recordsBehind: Math.max(0, link.last - order.place),
    place: order.place,
    resent: outbox.resent,
    voidMessages: { ...voids.messages },
    voidChanges: voids.changes,
    writers: order.writers.size,
  }
}
