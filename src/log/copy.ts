import { type Disk, type DiskFile, writeFully } from '../disk/disk.ts'
import type { ByteBuffer } from '../format/byte-buffer.ts'
import { byteBuffer, setUint64 } from '../format/byte-buffer.ts'
import { FRAME_HEADER_BYTES, FRAME_TYPES, type FrameHeader, frameBytes, sealFrame } from '../format/frame.ts'
import { type SegmentExtent, SegmentWalk } from './walk.ts'

const SINK_BYTES = 1024 * 1024

/** Frames on their way into another segment: sealed anew for it, written in large pieces. */
export class FrameSink {
  offset: number
  readonly #file: DiskFile
  readonly #seed: number
  #memory: ByteBuffer = byteBuffer(SINK_BYTES)
  #used = 0

  constructor(file: DiskFile, seed: number, offset: number) {
    this.#file = file
    this.#seed = seed
    this.offset = offset
  }

  get full(): boolean {
    return this.#used >= SINK_BYTES / 2
  }

  /** Takes a verified frame over. */
  add(source: ByteBuffer, at: number, header: FrameHeader): void {
    const start = at + FRAME_HEADER_BYTES
    const target = this.#reserve(header)
    source.bytes.copy(this.#memory.bytes, target + FRAME_HEADER_BYTES, start, start + header.payloadBytes)
    sealFrame(this.#memory, target, header, this.#seed)
  }

  /** Says that a range of records is lost. */
  addGap(fromSeq: number, throughSeq: number, timestamp: number): void {
    const header: FrameHeader = {
      type: FRAME_TYPES.gap,
      payloadBytes: 8,
      seq: fromSeq,
      durableBefore: 0,
      timestamp,
      flags: 0,
    }
    const target = this.#reserve(header)
    setUint64(this.#memory.view, target + FRAME_HEADER_BYTES, throughSeq)
    sealFrame(this.#memory, target, header, this.#seed)
  }

  async flush(): Promise<void> {
    await writeFully(this.#file, this.#memory.bytes.subarray(0, this.#used), this.offset)
    this.offset += this.#used
    this.#used = 0
  }

  #reserve({ payloadBytes }: FrameHeader): number {
    const at = this.#used
    this.#used += frameBytes(payloadBytes)
    if (this.#used > this.#memory.bytes.length) {
      const larger = byteBuffer(this.#used)
      this.#memory.bytes.copy(larger.bytes, 0, 0, at)
      this.#memory = larger
    }
    return at
  }
}

/** Copies the verified records of a segment from `fromSeq` on, with a gap record in the place of each loss. */
export async function copyRecords(disk: Disk, segment: SegmentExtent, fromSeq: number, sink: FrameSink): Promise<void> {
  let timestamp = 0
  const walk = await SegmentWalk.open(disk, segment, {
    record(window, at, header) {
      timestamp = header.timestamp
      if (header.seq >= fromSeq) sink.add(window.memory, at, header)
      return sink.full
    },
  })
  try {
    let seen = 0
    while (!walk.done) {
      await walk.run()
      for (; seen < walk.spots.length; seen++) {
        const { lostFrom, lostThrough } = walk.spots[seen]!
        if (lostThrough !== null && lostThrough >= lostFrom) sink.addGap(lostFrom, lostThrough, timestamp)
      }
      await sink.flush()
    }
  } finally {
    await walk.close()
  }
}
