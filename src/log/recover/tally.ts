import type { IndexIdentity } from '../../entry.ts'
import { assert } from '../../errors.ts'
import type { ByteBuffer } from '../../format/byte-buffer.ts'
import { decodeRecord, gapThrough, transactionOf } from '../../format/decode.ts'
import { FLAG_IN_TRANSACTION, FRAME_TYPES, type FrameHeader } from '../../format/frame.ts'
import { identityIn, indexIdentity } from '../../format/index-record.ts'
import type { FoundCheckpoint } from '../checkpoint/found-checkpoint.ts'
import { type SequenceSpan, TransactionTracker } from '../transaction/tracker.ts'

/**
 * What a log says that it holds: in a record of its own, which retention may have let go of, or
 * with a checkpoint, whether or not its snapshot is whole.
 */
export const identityOfLog = ({ index, checkpoints }: Tally): IndexIdentity | undefined =>
  index ??
  checkpoints.map(({ entry }) => identityIn(entry.snapshot?.info)).findLast((found) => found !== undefined)

/**
 * What a pass over the log's frames counts and remembers. Bounded by the open transactions and the
 * checkpoints.
 */
export class Tally {
  entries = 0
  bytes = 0
  committed = 0
  aborted = 0
  lastTimestamp = 0
  readonly transactions: TransactionTracker
  readonly checkpoints: FoundCheckpoint[] = []
  readonly gaps: SequenceSpan[] = []
  /** Checkpoints that verify and make no sense: nobody knows which snapshots they name. */
  undecodableCheckpoints = 0
  /** What the newest record about it says of the vectors in the log. */
  index: IndexIdentity | undefined

  constructor(transactions: TransactionTracker = new TransactionTracker()) {
    this.transactions = transactions
  }

  /** Whether every record up to before this one is there, and was understood. */
  isWholeBefore(seq: number): boolean {
    return !this.transactions.hasLost && this.transactions.isNext(seq) && this.undecodableCheckpoints === 0
  }

  /** Another that goes on from here by itself, of a log that begins with a record by now. */
  clone(firstSeq: number): Tally {
    const copy = new Tally(this.transactions.clone())
    copy.entries = this.entries
    copy.bytes = this.bytes
    copy.committed = this.committed
    copy.aborted = this.aborted
    copy.lastTimestamp = this.lastTimestamp
    copy.checkpoints.push(...this.checkpoints.filter(({ seq }) => seq >= firstSeq))
    copy.gaps.push(...this.gaps)
    copy.undecodableCheckpoints = this.undecodableCheckpoints
    copy.index = this.index
    return copy
  }

  add(memory: ByteBuffer, at: number, header: FrameHeader, bytes: number): void {
    this.entries++
    this.bytes += bytes
    this.lastTimestamp = Math.max(this.lastTimestamp, header.timestamp)
    this.transactions.follow(header.seq)
    switch (header.type) {
      case FRAME_TYPES.beginTransaction:
        this.transactions.begin(header.seq, undefined)
        return
      case FRAME_TYPES.prepareTransaction:
        this.transactions.prepare(transactionOf(memory, at, header))
        return
      case FRAME_TYPES.commitTransaction:
        if (this.transactions.commit(transactionOf(memory, at, header))) this.committed++
        return
      case FRAME_TYPES.abortTransaction:
        if (this.transactions.abort(transactionOf(memory, at, header))) this.aborted++
        return
      case FRAME_TYPES.checkpoint:
        this.#addCheckpoint(memory, at, header)
        return
      case FRAME_TYPES.custom:
        this.#addCustom(memory, at, header)
        return
      case FRAME_TYPES.gap:
        this.#addGap({ from: header.seq, through: gapThrough(memory, at) })
    }
  }

  #addGap(gap: SequenceSpan): void {
    this.gaps.push(gap)
    this.transactions.gap(gap)
  }

  #addCustom(memory: ByteBuffer, at: number, header: FrameHeader): void {
    if ((header.flags & FLAG_IN_TRANSACTION) !== 0) return
    const decoding = decodeRecord(memory, at, header, true)
    if ('problem' in decoding) return
    this.index = indexIdentity(decoding.record.entry) ?? this.index
  }

  #addCheckpoint(memory: ByteBuffer, at: number, header: FrameHeader): void {
    const decoding = decodeRecord(memory, at, header)
    if ('problem' in decoding) {
      this.undecodableCheckpoints++
      return
    }
    assert(decoding.record.entry.type === 'checkpoint', 'a checkpoint frame decodes to a checkpoint')
    const { seq, timestamp } = header
    this.checkpoints.push({ seq, timestamp, entry: decoding.record.entry })
  }
}
