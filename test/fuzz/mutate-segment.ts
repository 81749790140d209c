/**
 * Changes of a segment that keep it one: frames dropped, doubled, moved, lent, told lies in one
 * field; headers likewise.
 */
import { alignUp } from '../../src/format/byte-buffer.ts'
import {
  FRAME_ALIGNMENT,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  FRAME_TYPES,
  frameBytes,
} from '../../src/format/frame.ts'
import { SECTOR_BYTES, SEGMENT_HEADER_BYTES } from '../../src/format/segment.ts'
import type { Random } from '../../src/testing/random.ts'
import { edge, mutateBytes, readInteger, writeInteger } from './mutate-bytes.ts'
import { FIELDS_BYTES, LEAVE_AT, MOST_FRAMES } from './segments.ts'

export interface Frame {
  readonly fields: Buffer
  readonly payload: Buffer
}

interface Field {
  readonly at: number
  readonly width: number
}

const SEQ: Field = { at: 8, width: 8 }
const DURABLE_BEFORE: Field = { at: 16, width: 8 }
const TIME: Field = { at: 24, width: 6 }
const TYPE: Field = { at: 30, width: 1 }
const FLAGS: Field = { at: 31, width: 1 }
const FRAME_FIELDS = [SEQ, DURABLE_BEFORE, TIME, TYPE, TYPE, FLAGS]
/**
 * Version, features, number, first sequence number, durable before, created at, capacity, previous.
 */
const HEADER_FIELDS: readonly Field[] = [
  { at: 4, width: 4 },
  { at: 12, width: 4 },
  { at: 40, width: 8 },
  { at: 48, width: 8 },
  { at: 56, width: 8 },
  { at: 64, width: 8 },
  { at: 72, width: 8 },
  { at: 80, width: 8 },
]
const FIRST_SEQ: Field = { at: 48, width: 8 }

export function mutateSegment(random: Random, bytes: Buffer, donor: Buffer): Buffer {
  if (bytes.length < SEGMENT_HEADER_BYTES || random.chance(0.25)) return mutateBytes(random, bytes, donor)
  if (random.chance(0.2)) return withHeader(random, Buffer.from(bytes))
  const frames = framesOf(bytes)
  const lent = framesOf(donor)
  for (let count = 1 + random.below(3); count > 0; count--) changeFrames(random, frames, lent)
  if (random.chance(0.7)) renumber(frames, Number(readInteger(bytes, FIRST_SEQ.at, 8) % 2n ** 53n))
  const tail = random.chance(0.8) ? bytes.length % SECTOR_BYTES : random.below(2048)
  const parts = frames.slice(0, MOST_FRAMES).map(frameOf)
  return Buffer.concat([bytes.subarray(0, SEGMENT_HEADER_BYTES), ...parts, Buffer.alloc(alignUp(tail, 8))])
}

/**
 * The frames that stand one behind the other, junk between them left out. Their sums do not matter.
 */
export function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = []
  for (let at = SEGMENT_HEADER_BYTES; at + FRAME_HEADER_BYTES <= bytes.length; ) {
    const payloadBytes = bytes.readUInt32LE(at + 4)
    const isFrame =
      bytes.compare(FRAME_MAGIC, 0, 4, at, at + 4) === 0 && at + frameBytes(payloadBytes) <= bytes.length
    if (isFrame) {
      const start = at + FRAME_HEADER_BYTES
      const payload = Buffer.from(bytes.subarray(start, start + payloadBytes))
      frames.push({ fields: Buffer.from(bytes.subarray(at, at + FIELDS_BYTES)), payload })
    }
    at += isFrame ? frameBytes(payloadBytes) : FRAME_ALIGNMENT
  }
  return frames
}

function frameOf({ fields, payload }: Frame): Buffer {
  const bytes = Buffer.alloc(frameBytes(payload.length))
  fields.copy(bytes)
  bytes.writeUInt32LE(payload.length, 4)
  payload.copy(bytes, FRAME_HEADER_BYTES)
  return bytes
}

function changeFrames(random: Random, frames: Frame[], lent: readonly Frame[]): void {
  const at = random.below(frames.length)
  const frame = frames[at]
  const given = lent.length > 0 ? random.pick(lent) : undefined
  const chance = random.below(100)
  if (frame === undefined) {
    if (given) frames.push(given)
  } else if (chance < 10) frames.splice(at, 1)
  else if (chance < 15) frames.splice(at, 0, frame)
  else if (chance < 20) frames.splice(random.below(frames.length), 0, ...frames.splice(at, 1))
  else if (chance < 35) frames.splice(at, 0, given ?? frame)
  else if (chance < 60)
    frames[at] = { ...frame, fields: lie(random, frame.fields, random.pick(FRAME_FIELDS)) }
  else frames[at] = { ...frame, payload: payloadOf(random, frame, given ?? frame) }
}

/** A field with another value: near the old one, or one at which readers may trip. */
function lie(random: Random, fields: Buffer, { at, width }: Field): Buffer {
  const changed = Buffer.from(fields)
  const old = readInteger(fields, at, width)
  const value = random.chance(0.6) ? old + BigInt(random.below(9) - 4) : edge(random, width)
  writeInteger(changed, at, width, value)
  return changed
}

/** Lengths and counts stand in the first bytes of a payload. */
function payloadOf(random: Random, { payload }: Frame, other: Frame): Buffer {
  if (random.chance(0.5)) return mutateBytes(random, payload, other.payload)
  const start = mutateBytes(random, payload.subarray(0, 24), other.payload.subarray(0, 24))
  return Buffer.concat([start, payload.subarray(24)])
}

/**
 * Sequence numbers one after the other, as a walk wants them; promises no larger than what they may
 * be.
 */
function renumber(frames: readonly Frame[], firstSeq: number): void {
  let next = firstSeq
  for (const { fields, payload } of frames) {
    writeInteger(fields, SEQ.at, SEQ.width, BigInt(next))
    if (readInteger(fields, DURABLE_BEFORE.at, 8) > next)
      writeInteger(fields, DURABLE_BEFORE.at, 8, BigInt(next))
    const type = fields[TYPE.at]!
    if (type < FRAME_TYPES.watermark) next++
    if (type === FRAME_TYPES.gap && payload.length === 8)
      next = Math.max(next, Number(readInteger(payload, 0, 8)) + 1)
  }
}

/** Changes a field of one copy of the header or of both, or which sums are left wrong. */
function withHeader(random: Random, bytes: Buffer): Buffer {
  const both = random.chance(0.7)
  const header = Buffer.from(bytes.subarray(0, SECTOR_BYTES))
  const changed = lie(
    random,
    header,
    random.pick([...HEADER_FIELDS, { at: LEAVE_AT + random.below(4), width: 1 }]),
  )
  if (both || random.chance(0.5)) changed.copy(bytes, 0)
  if (both || random.chance(0.5)) changed.copy(bytes, SECTOR_BYTES)
  return bytes
}
