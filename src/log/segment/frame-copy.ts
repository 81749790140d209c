import { type Disk, type DiskFile, writeFully } from '../../disk/disk.ts'
import { WalError } from '../../errors.ts'
import type { ByteBuffer } from '../../format/byte-buffer.ts'
import { byteBuffer, setUint64 } from '../../format/byte-buffer.ts'
import { FRAME_HEADER_BYTES, FRAME_TYPES, type FrameHeader, frameBytes } from '../../format/frame.ts'
import type { SegmentCodec } from '../../format/segment-codec.ts'
import { type Anomaly, type SegmentExtent, SegmentScan } from './segment-scan.ts'

const SINK_BYTES = 1024 * 1024
/** Mostly there is little to copy. */
const FIRST_SINK_BYTES = 16 * 1024

/** Frames on their way into another segment: sealed anew for it, written in large pieces. */
export class FrameSink {
  /** Where the next piece goes. */
  offset: number
  readonly #file: DiskFile
  readonly #codec: SegmentCodec
  #memory: ByteBuffer = byteBuffer(FIRST_SINK_BYTES)
  #used = 0

  constructor(file: DiskFile, codec: SegmentCodec, offset: number) {
    this.#file = file
    this.#codec = codec
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
    this.#codec.sealFrame(this.#memory, target, header, this.offset + target)
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
    this.#codec.sealFrame(this.#memory, target, header, this.offset + target)
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
      const larger = byteBuffer(Math.max(this.#used, 2 * this.#memory.bytes.length))
      this.#memory.bytes.copy(larger.bytes, 0, 0, at)
      this.#memory = larger
    }
    return at
  }
}

/**
 * Copies the verified records of a segment from `fromSeq` on, up to its `scanEnd`, with a gap
 * record in the place of each loss that is among the `known` spots. A gap has the time of the
 * record before it, or `createdAt`.
 * @throws WALV_IO at a bad place that is not: what was whole when the log was looked at is not
 * given up
 */
export async function copyRecords(
  disk: Disk,
  segment: SegmentExtent,
  fromSeq: number,
  createdAt: number,
  sink: FrameSink,
  known: readonly Anomaly[],
): Promise<void> {
  const places = new Set(known.filter((anomaly) => anomaly.segment === segment.number).map(placeOf))
  let timestamp = createdAt
  const scan = await SegmentScan.open(disk, segment, {
    record(window, at, header) {
      timestamp = header.timestamp
      if (header.seq >= fromSeq) sink.add(window.memory, at, header)
      return sink.full
    },
  })
  try {
    let seen = 0
    while (!scan.done) {
      await scan.run()
      for (; seen < scan.anomalies.length; seen++) {
        const { lostFrom, lostThrough, offset } = scan.anomalies[seen]!
        if (!places.has(placeOf(scan.anomalies[seen]!))) throw changed(segment, offset)
        // A walk that is told where to stop knows how much each place lost; it may be more than the
        // log has.
        const through = Math.min(lostThrough!, segment.scanEnd - 1)
        const from = Math.max(lostFrom, fromSeq)
        if (through >= from) sink.addGap(from, through, timestamp)
      }
      if (sink.full || scan.done) await sink.flush()
    }
  } finally {
    await scan.close()
  }
}

const placeOf = ({ offset, lostFrom }: Anomaly): string => `${offset} ${lostFrom}`

const changed = ({ name, path }: SegmentExtent, offset: number): WalError =>
  new WalError(
    'WALV_IO',
    `${name} at offset ${offset}: what was read before cannot be read again. This file was not changed; try again.`,
    {
      file: path,
      offset,
    },
  )
