import { ioError } from '../../disk/io-error.ts'
import { echo } from '../../echo.ts'
import type { CheckpointEntry, SnapshotReference } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { encodable } from '../../format/encode.ts'
import { wrongKind } from '../../option-names.ts'
import type { CheckpointRequest } from '../log.ts'
import type { WalSettings } from '../options.ts'
import type { SegmentList } from '../segment/segments.ts'
import type { TransactionTable } from '../transaction/transactions.ts'
import type { GroupCommit } from '../write/group-commit.ts'
import type { Retention } from './retention.ts'
import { encodeManifest } from './snapshot-manifest.ts'
import type { SnapshotStore } from './snapshot-store.ts'
import { SnapshotWatch } from './snapshot-watch.ts'

/** The checkpoints of an open log: takes them, one at a time. */
export class Checkpoints {
  readonly #settings: WalSettings
  readonly #snapshots: SnapshotStore
  readonly #watch: SnapshotWatch
  readonly #segments: SegmentList
  readonly #writer: GroupCommit
  readonly #transactions: TransactionTable
  readonly #retention: Retention
  readonly #openedAt: number
  /** By the clock for ages, when the last one since opening was taken. */
  #takenAt: number | undefined
  #taking: Promise<unknown> | undefined

  constructor(
    settings: WalSettings,
    snapshots: SnapshotStore,
    segments: SegmentList,
    writer: GroupCommit,
    transactions: TransactionTable,
    retention: Retention,
  ) {
    this.#settings = settings
    this.#watch = new SnapshotWatch(settings.directory, settings.closeWaitMs)
    this.#snapshots = snapshots
    this.#segments = segments
    this.#writer = writer
    this.#transactions = transactions
    this.#retention = retention
    this.#openedAt = writer.nextSeq
  }

  get last(): CheckpointEntry | undefined {
    return this.#retention.newest?.entry
  }

  /** How long ago the last one since opening was taken. */
  get takenAgoMs(): number | undefined {
    return this.#takenAt === undefined ? undefined : this.#settings.ageClock() - this.#takenAt
  }

  async take({ seq, snapshot }: CheckpointRequest): Promise<CheckpointEntry> {
    this.#check(seq)
    if (typeof snapshot !== 'function') throw wrongKind('snapshot', snapshot, 'a function')
    // What is open now decides where a replay must begin, not what is open when the snapshot is
    // written.
    const replayFrom = this.#transactions.replayFrom(seq)
    const work = this.#publish(seq, replayFrom, snapshot)
    this.#taking = work.catch(() => {})
    try {
      return await work
    } finally {
      this.#taking = undefined
    }
  }

  #check(seq: number): void {
    if (this.#taking) throw refused('another checkpoint is being taken; await it')
    const newest = Math.max(this.last?.sequenceNumber ?? -1, this.#openedAt - 1)
    if (typeof seq !== 'number') throw refused(`seq must be a sequence number, not ${echo(seq)}`)
    if (!Number.isSafeInteger(seq) || seq < newest || seq < 0)
      throw refused(`seq is ${seq}, but the snapshot must reach at least record ${Math.max(0, newest)}`)
    if (seq >= this.#writer.acknowledgedBefore)
      throw refused(
        `seq is ${seq}, but the log is acknowledged only up to ${this.#writer.acknowledgedBefore - 1}`,
      )
    if (seq === this.last?.sequenceNumber) throw refused(`there is a checkpoint at ${seq} already`)
  }

  async #publish(
    seq: number,
    replayFrom: number,
    write: CheckpointRequest['snapshot'],
  ): Promise<CheckpointEntry> {
    // A snapshot must not outlive what it was made from: one that reaches beyond the log's end,
    // even half made, is proof of a loss.
    await this.#writer.flush()
    // Behind the sync, which may take long: a log that was put in the place of this one has no such
    // snapshot.
    await this.#writer.needLock()
    const writeOwned: CheckpointRequest['snapshot'] = async (target) => {
      const info = await this.#watch.run(target, write)
      await this.#writer.needLock()
      return info
    }
    const checkpointOf = (snapshot: SnapshotReference): CheckpointEntry => {
      return { type: 'checkpoint', sequenceNumber: seq, replayFrom, snapshot }
    }
    const { logId } = this.#segments
    const describe = (snapshot: SnapshotReference): Buffer =>
      encodeManifest({ logId, checkpoint: checkpointOf(snapshot) })
    const reference = await this.#snapshots.publish(seq, writeOwned, describe).catch((error) => {
      throw ioError(
        error,
        `The snapshot in ${this.#settings.directory} could not be written; the checkpoints before are as they were`,
        this.#settings.directory,
      )
    })
    const entry = checkpointOf(reference)
    const recordSeq = await this.#writer.append(encodable(entry), 'exempt')
    await this.#writer.flush()
    this.#transactions.forgetEndedBy(seq)
    const timestamp = this.#settings.clock()
    this.#takenAt = this.#settings.ageClock()
    await this.#retention.add({ seq: recordSeq, timestamp, entry }, () => this.#writer.needLock())
    return entry
  }

  /** Resolves when no checkpoint is being taken any more: when it has ended, or is given up. */
  async close(): Promise<void> {
    this.#watch.close()
    await this.#taking
  }
}

const refused = (why: string): WalError =>
  new WalError('WALV_CHECKPOINT', `The checkpoint is refused: ${why}. Nothing was changed.`)
