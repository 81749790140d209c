/** What a `Wal` is to itself: found and only read, or open for writing. */
import type { CheckpointEntry } from '../entry.ts'
import { WalError } from '../errors.ts'
import type { FoundCheckpoint } from './checkpoint/found-checkpoint.ts'
import type { Extent, LiveSource } from './follow/live-source.ts'
import type { Vitals } from './health.ts'
import type { LogStats, Transaction } from './log.ts'
import type { OpenLog } from './open.ts'
import type { ProvedLog } from './recover/proved-part.ts'
import type { Recovered } from './recover/recover.ts'
import type { Signal } from './write/signal.ts'

export interface WalState {
  readonly lastSeq: number
  readonly durableSeq: number
  readonly lastCheckpoint: CheckpointEntry | undefined
  /** Those whose snapshots are kept, oldest first. */
  readonly checkpoints: readonly FoundCheckpoint[]
  /** The newest checkpoint that is kept and not behind a record. */
  checkpointBefore(seq: number): FoundCheckpoint | undefined
  /** How long ago the last checkpoint since opening was taken. */
  readonly takenAgoMs: number | undefined
  readonly inDoubt: Transaction[]
  readonly extent: Extent
  /** What of a log that others write was read and verified here. */
  readonly proved?: ProvedLog | undefined
  /** In hex; undefined before the first segment. */
  readonly logId: string | undefined
  /** Only cursors need a record before this one; undefined where the writer alone knows. */
  readonly floorSeq: number | undefined
  readonly figures: Omit<LogStats, 'lastSeq' | 'durableSeq' | 'checkpointAgeMs'>
  readonly vitals: Pick<Vitals, 'poison' | 'oldestTransaction'>
  /** Whether what is let go of meanwhile is known here. */
  readonly followsRetention: boolean
  /** @throws WALV_READ_ONLY */
  writable(): OpenLog
  /** What goes on while it is read. @throws WALV_READ_ONLY where nothing does */
  live(): LiveSource
  close(): Promise<void>
}

/** A log as opening found it, which is all that a reader ever sees of it. */
export class FoundState implements WalState {
  readonly takenAgoMs: undefined = undefined
  readonly inDoubt: Transaction[] = []
  readonly vitals: WalState['vitals'] = { poison: undefined, oldestTransaction: undefined }
  readonly followsRetention: boolean = false
  readonly floorSeq: undefined = undefined
  readonly #recovered: Recovered
  readonly #directory: string

  constructor(recovered: Recovered, directory: string) {
    this.#recovered = recovered
    this.#directory = directory
  }

  get lastSeq(): number {
    return this.#recovered.analysis.endSeq - 1
  }

  get durableSeq(): number {
    return this.#recovered.analysis.durableBefore - 1
  }

  get lastCheckpoint(): CheckpointEntry | undefined {
    return this.#recovered.checkpoint
  }

  get checkpoints(): readonly FoundCheckpoint[] {
    return this.#recovered.checkpoints
  }

  checkpointBefore(seq: number): FoundCheckpoint | undefined {
    // Those before it were not looked at.
    const last = this.#recovered.checkpoints.at(-1)
    return last && last.entry.sequenceNumber <= seq ? last : undefined
  }

  get logId(): string | undefined {
    return this.#recovered.analysis.logId?.toString('hex')
  }

  get extent(): Extent {
    const { segments, endSeq } = this.#recovered.analysis
    return { extents: [...segments], before: endSeq }
  }

  get figures(): WalState['figures'] {
    const { analysis, checkpoints, report } = this.#recovered
    return {
      firstSeq: analysis.firstSeq,
      segments: analysis.segments.length,
      bytes: analysis.segments.reduce((sum, { bytes }) => sum + bytes, 0),
      pendingBytes: 0,
      groups: 0,
      syncs: 0,
      bytesWritten: 0,
      rotations: 0,
      lastSyncMs: 0,
      medianSyncMs: undefined,
      openTransactions: report.transactions.inDoubt.length,
      checkpoints: checkpoints.length,
      lastCheckpointAt: checkpoints.at(-1)?.timestamp,
      poisoned: false,
      upkeepFailures: 0,
      lastUpkeepError: undefined,
    }
  }

  writable(): never {
    throw new WalError(
      'WALV_READ_ONLY',
      `The log in ${this.#directory} is open read-only. Open it without readOnly to change it. Nothing was logged.`,
      { fate: 'not-logged' },
    )
  }

  live(): never {
    throw new WalError(
      'WALV_READ_ONLY',
      `The log in ${this.#directory} was opened read-only, and sees nothing that is written later. Open it with follow: true to keep up with its writer.`,
    )
  }

  async close(): Promise<void> {}
}

/** A log that this process writes. */
export class WritingState implements WalState {
  readonly followsRetention: boolean = true
  readonly #log: OpenLog
  readonly #directory: string

  constructor(log: OpenLog, directory: string) {
    this.#log = log
    this.#directory = directory
  }

  get lastSeq(): number {
    return this.#log.writer.nextSeq - 1
  }

  get durableSeq(): number {
    return this.#log.writer.durableBefore - 1
  }

  get lastCheckpoint(): CheckpointEntry | undefined {
    return this.#log.checkpoints.last
  }

  get checkpoints(): readonly FoundCheckpoint[] {
    return this.#log.retention.kept
  }

  get takenAgoMs(): number | undefined {
    return this.#log.checkpoints.takenAgoMs
  }

  get inDoubt(): Transaction[] {
    return this.#log.transactions.inDoubt()
  }

  checkpointBefore(seq: number): FoundCheckpoint | undefined {
    return this.#log.retention.before(seq)
  }

  get logId(): string {
    return this.#log.segments.logId.toString('hex')
  }

  get floorSeq(): number {
    return this.#log.retention.floorSeq
  }

  get extent(): Extent {
    const { segments, writer } = this.#log
    return { extents: segments.extents(), before: writer.acknowledgedBefore }
  }

  get figures(): WalState['figures'] {
    const { writer, segments, transactions, retention } = this.#log
    const { groups, syncs, bytesWritten, rotations, lastSyncMs, medianSyncMs } = writer.counters
    return {
      firstSeq: segments.firstSeq,
      segments: segments.count,
      bytes: segments.bytes,
      pendingBytes: writer.pendingBytes,
      groups,
      syncs,
      bytesWritten,
      rotations,
      lastSyncMs,
      medianSyncMs,
      openTransactions: transactions.openCount,
      checkpoints: retention.count,
      lastCheckpointAt: retention.newest?.timestamp,
      ...(retention.history && { history: retention.history }),
      cursorHeldBytes: retention.cursorHeldBytes,
      poisoned: writer.poison !== undefined,
      upkeepFailures: retention.failures,
      lastUpkeepError: retention.lastError,
    }
  }

  get vitals(): WalState['vitals'] {
    const { writer, transactions } = this.#log
    return { poison: writer.poison, oldestTransaction: transactions.oldest }
  }

  writable(): OpenLog {
    return this.#log
  }

  live(): LiveSource {
    return new LiveLog(this.#log, this.#directory)
  }

  async close(): Promise<void> {
    const { checkpoints, writer, lock } = this.#log
    try {
      await checkpoints.close()
      await writer.close()
    } finally {
      // The lock goes with the descriptor whatever closing that answers.
      await lock.release().catch(() => {})
    }
  }
}

/** A log that this process writes, for who reads it as it grows. */
class LiveLog implements LiveSource {
  readonly directory: string
  readonly moved: Signal
  readonly #log: OpenLog

  constructor(log: OpenLog, directory: string) {
    this.#log = log
    this.directory = directory
    this.moved = log.writer.moved
  }

  get broken(): WalError | undefined {
    return this.#log.writer.poison
  }

  get extent(): Extent {
    const { segments, writer } = this.#log
    const { segment, offset } = writer.position
    // Behind that there are zeros, which nobody has to read.
    const extents = segments
      .extents()
      .map((each) => (each.number === segment ? { ...each, bytes: offset } : each))
    return { extents, before: writer.acknowledgedBefore }
  }

  async syncedBefore(before: number): Promise<number> {
    const { writer } = this.#log
    if (writer.durableBefore < before) await writer.flush()
    return writer.durableBefore
  }

  trim(): Promise<void> {
    const { retention, writer } = this.#log
    return retention.trim(() => writer.needLock())
  }
}
