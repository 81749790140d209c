import type { CheckpointEntry } from '../entry.ts'
import { assert } from '../errors.ts'
import type { ByteBuffer } from '../format/byte-buffer.ts'
import { getUint64 } from '../format/byte-buffer.ts'
import { decodeRecord } from '../format/decode.ts'
import { FLAG_IN_TRANSACTION, FRAME_HEADER_BYTES, FRAME_TYPES, type FrameHeader } from '../format/frame.ts'

/** A transaction that has begun and not ended. */
export interface OpenTransaction {
  readonly id: number
  readonly prepared: boolean
}

/** A checkpoint as found in the log. */
export interface FoundCheckpoint {
  readonly seq: number
  readonly entry: CheckpointEntry
}

/** What a pass over the log's frames counts and remembers. Bounded by the open transactions and the checkpoints. */
export class Tally {
  entries = 0
  bytes = 0
  committed = 0
  aborted = 0
  lastTimestamp = 0
  readonly open: Map<number, OpenTransaction> = new Map()
  readonly checkpoints: FoundCheckpoint[] = []
  readonly gaps: { readonly from: number; readonly through: number }[] = []

  add(memory: ByteBuffer, at: number, header: FrameHeader, bytes: number): void {
    this.entries++
    this.bytes += bytes
    this.lastTimestamp = Math.max(this.lastTimestamp, header.timestamp)
    switch (header.type) {
      case FRAME_TYPES.beginTransaction:
        this.open.set(header.seq, { id: header.seq, prepared: false })
        return
      case FRAME_TYPES.prepareTransaction:
        this.open.set(transactionOf(memory, at, header), { id: transactionOf(memory, at, header), prepared: true })
        return
      case FRAME_TYPES.commitTransaction:
        if (this.open.delete(transactionOf(memory, at, header))) this.committed++
        return
      case FRAME_TYPES.abortTransaction:
        if (this.open.delete(transactionOf(memory, at, header))) this.aborted++
        return
      case FRAME_TYPES.checkpoint:
        this.#addCheckpoint(memory, at, header)
        return
      case FRAME_TYPES.gap:
        this.gaps.push({ from: header.seq, through: gapThrough(memory, at) })
    }
  }

  #addCheckpoint(memory: ByteBuffer, at: number, header: FrameHeader): void {
    const decoding = decodeRecord(memory, at, header)
    if ('problem' in decoding) return
    assert(decoding.record.entry.type === 'checkpoint', 'a checkpoint frame decodes to a checkpoint')
    this.checkpoints.push({ seq: header.seq, entry: decoding.record.entry })
  }
}

/** The transaction that a frame belongs to, or −1. */
export function transactionOf(memory: ByteBuffer, at: number, header: FrameHeader): number {
  const within = (header.flags & FLAG_IN_TRANSACTION) !== 0 && header.payloadBytes >= 8
  return within ? getUint64(memory.view, at + FRAME_HEADER_BYTES) : -1
}

/** The last lost sequence number that a gap frame names. */
export const gapThrough = (memory: ByteBuffer, at: number): number => getUint64(memory.view, at + FRAME_HEADER_BYTES)
