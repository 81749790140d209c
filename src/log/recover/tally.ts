import type { CheckpointEntry, IndexIdentity } from '../../entry.ts'
import { assert } from '../../errors.ts'
import type { ByteBuffer } from '../../format/byte-buffer.ts'
import { getUint64 } from '../../format/byte-buffer.ts'
import { decodeRecord } from '../../format/decode.ts'
import { FLAG_IN_TRANSACTION, FRAME_HEADER_BYTES, FRAME_TYPES, type FrameHeader } from '../../format/frame.ts'
import { identityIn, indexIdentity } from '../../format/index-record.ts'

/** A transaction that has begun and not ended. */
export interface OpenTransaction {
  readonly id: number
  readonly prepared: boolean
}

/** An inclusive range of sequence numbers. */
interface SequenceSpan {
  readonly from: number
  readonly through: number
}

/** A checkpoint as found in the log. */
export interface FoundCheckpoint {
  readonly seq: number
  readonly timestamp: number
  readonly entry: CheckpointEntry
}

/**
 * What a log says that it holds: in a record of its own, which retention may have let go of, or with a checkpoint,
 * whether or not its snapshot is whole.
 */
export const identityOfLog = ({ index, checkpoints }: Tally): IndexIdentity | undefined =>
  index ?? checkpoints.map(({ entry }) => identityIn(entry.snapshot?.info)).findLast((found) => found !== undefined)

/** What a pass over the log's frames counts and remembers. Bounded by the open transactions and the checkpoints. */
export class Tally {
  entries = 0
  bytes = 0
  committed = 0
  aborted = 0
  lastTimestamp = 0
  readonly open: Map<number, OpenTransaction> = new Map()
  readonly checkpoints: FoundCheckpoint[] = []
  readonly gaps: SequenceSpan[] = []
  /** Checkpoints that verify and make no sense: nobody knows which snapshots they name. */
  undecodableCheckpoints = 0
  /** What the newest record about it says of the vectors in the log. */
  index: IndexIdentity | undefined
  /** Transactions that were open where records are lost, and not aborted: nothing of them takes effect. */
  readonly #broken: Map<number, OpenTransaction> = new Map()
  readonly #incomplete: number[] = []
  /** Lost records, whether a gap record says so or numbers are missing. */
  readonly #lost: SequenceSpan[] = []
  #expected: number | undefined

  /** Ids of the transactions that committed, or were prepared, and of which records are lost or may be. */
  get incomplete(): number[] {
    const prepared = [...this.#broken.values()].filter((transaction) => transaction.prepared)
    return [...this.#incomplete, ...prepared.map(({ id }) => id)]
  }

  add(memory: ByteBuffer, at: number, header: FrameHeader, bytes: number): void {
    this.entries++
    this.bytes += bytes
    this.lastTimestamp = Math.max(this.lastTimestamp, header.timestamp)
    this.#follow(header)
    switch (header.type) {
      case FRAME_TYPES.beginTransaction:
        this.open.set(header.seq, { id: header.seq, prepared: false })
        return
      case FRAME_TYPES.prepareTransaction:
        this.#prepare(transactionOf(memory, at, header))
        return
      case FRAME_TYPES.commitTransaction:
        this.#commit(transactionOf(memory, at, header))
        return
      case FRAME_TYPES.abortTransaction:
        if (this.#end(transactionOf(memory, at, header))) this.aborted++
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

  #follow({ seq }: FrameHeader): void {
    if (this.#expected !== undefined && seq > this.#expected) this.#lose({ from: this.#expected, through: seq - 1 })
    this.#expected = seq + 1
  }

  #addGap(gap: SequenceSpan): void {
    this.gaps.push(gap)
    this.#lose(gap)
    this.#expected = gap.through + 1
  }

  #lose(span: SequenceSpan): void {
    this.#lost.push(span)
    for (const [id, transaction] of this.open) this.#broken.set(id, transaction)
    this.open.clear()
  }

  #prepare(id: number): void {
    if (this.open.has(id)) this.open.set(id, { id, prepared: true })
    else if (this.#broken.has(id) || this.#isLost(id)) this.#broken.set(id, { id, prepared: true })
  }

  #commit(id: number): void {
    if (this.open.delete(id)) this.committed++
    else if (this.#broken.delete(id) || this.#isLost(id)) this.#incomplete.push(id)
  }

  /** The spans are in their order, and do not overlap. */
  #isLost(seq: number): boolean {
    let [low, high] = [0, this.#lost.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#lost[middle]!.through < seq) low = middle + 1
      else high = middle
    }
    return low < this.#lost.length && this.#lost[low]!.from <= seq
  }

  #end(id: number): boolean {
    return this.open.delete(id) || this.#broken.delete(id)
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

/** The transaction that a frame belongs to, or −1. */
export function transactionOf(memory: ByteBuffer, at: number, header: FrameHeader): number {
  const within = (header.flags & FLAG_IN_TRANSACTION) !== 0 && header.payloadBytes >= 8
  return within ? getUint64(memory.view, at + FRAME_HEADER_BYTES) : -1
}

/** The last lost sequence number that a gap frame names. */
export const gapThrough = (memory: ByteBuffer, at: number): number => getUint64(memory.view, at + FRAME_HEADER_BYTES)
