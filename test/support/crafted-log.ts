import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { byteBuffer } from '../../src/format/byte-buffer.ts'
import { FRAME_HEADER_BYTES, type FrameHeader, type FrameType, frameBytes } from '../../src/format/frame.ts'
import {
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentName,
} from '../../src/format/segment.ts'
import { SegmentCodec } from '../../src/format/segment-codec.ts'
import { CRAFTED_LOG_ID } from './frames.ts'

export interface CraftedFrame extends Partial<FrameHeader> {
  readonly type: FrameType
  readonly payload?: Uint8Array
}

const SPARE_BYTES = 4096

/**
 * A segment with any frames in it, checksums and all: what no writer of walv would write, but a
 * reader has to stand.
 */
export async function craftSegment(
  directory: string,
  frames: readonly CraftedFrame[],
  fields: Partial<SegmentHeader> = {},
): Promise<string> {
  const number = fields.number ?? 1
  const firstSeq = fields.firstSeq ?? 0
  const logId = fields.logId ?? CRAFTED_LOG_ID
  const used = frames.reduce(
    (sum, { payload }) => sum + frameBytes(payload?.length ?? 0),
    SEGMENT_HEADER_BYTES,
  )
  const memory = byteBuffer(used + SPARE_BYTES)
  const capacity = memory.bytes.length
  encodeSegmentHeader({
    durableBefore: 0,
    createdAt: 0,
    previous: number - 1,
    capacity,
    ...fields,
    logId,
    number,
    firstSeq,
  }).copy(memory.bytes)
  let at = SEGMENT_HEADER_BYTES
  frames.forEach(({ payload = new Uint8Array(), ...header }, index) => {
    memory.bytes.set(payload, at + FRAME_HEADER_BYTES)
    const whole = { seq: firstSeq + index, durableBefore: 0, timestamp: 0, flags: 0, ...header }
    SegmentCodec.of(logId, number).sealFrame(memory, at, { ...whole, payloadBytes: payload.length }, at)
    at += frameBytes(payload.length)
  })
  await mkdir(directory, { recursive: true })
  const path = join(directory, segmentName(number))
  await writeFile(path, memory.bytes)
  return path
}
