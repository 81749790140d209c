import assert from 'node:assert/strict'
import type { WalEntry, WalRecord } from '../../../src/entry.ts'
import { type ByteBuffer, byteBuffer } from '../../../src/format/byte-buffer.ts'
import { decodeRecord } from '../../../src/format/decode.ts'
import { encodable } from '../../../src/format/encode.ts'
import { enveloped, flagsOf } from '../../../src/format/envelope.ts'
import { FRAME_HEADER_BYTES, FRAME_TYPES, frameBytes } from '../../../src/format/frame.ts'
import { SegmentCodec } from '../../../src/format/segment-codec.ts'
import { MAX_BATCH_NESTING } from '../../../src/limits.ts'
import { unpack } from '../files.ts'
import { bufferOf, edge, mutateBytes, writeInteger } from '../mutate-bytes.ts'
import { framesOf } from '../mutate-segment.ts'
import { textOf } from '../record-text.ts'
import { seedLogs } from '../seed-logs.ts'
import { FIELDS_BYTES, sealAt } from '../segments.ts'
import { orCode, type Target, Words } from '../target.ts'

const SEED = 0x5eed
const CODEC = new SegmentCodec(SEED)
const PAYLOAD_BYTES_AT = 4
const TYPE_AT = 30
const FLAGS_AT = 31
/** Fields in a payload of which others depend: lengths, counts, types. */
const PREFIX_BYTES = 32

/** One frame: what stands before its sums, then its payload. The sums and the length are right. */
export const v2Frame: Target = {
  name: 'v2-frame',
  seeds: seedFrames,
  mutate(random, input, other) {
    if (random.chance(0.3)) return mutateBytes(random, input, other)
    if (random.chance(0.1))
      return inBatches(bufferOf(input), random.pick([1, 2, MAX_BATCH_NESTING, MAX_BATCH_NESTING + 1]))
    const bytes = Buffer.from(input)
    if (random.chance(0.3)) bytes[random.pick([TYPE_AT, FLAGS_AT])] = random.below(14)
    const width = random.pick([1, 2, 4, 8])
    const at = random.chance(0.5) ? FIELDS_BYTES + random.below(PREFIX_BYTES) : random.below(bytes.length)
    writeInteger(
      bytes,
      at,
      width,
      random.chance(0.5) ? edge(random, width) : BigInt(random.below(bytes.length + 16)),
    )
    return bytes
  },
  async run(input) {
    const words = new Words()
    const payload = bufferOf(input).subarray(FIELDS_BYTES)
    const memory = byteBuffer(frameBytes(payload.length))
    memory.bytes.set(input.subarray(0, FIELDS_BYTES))
    payload.copy(memory.bytes, FRAME_HEADER_BYTES)
    memory.bytes.writeUInt32LE(payload.length, PAYLOAD_BYTES_AT)
    sealAt(memory.bytes, 0, SEED)
    const header = CODEC.readHeader(memory, 0, 0)
    if (header === undefined) return words
    assert.ok(CODEC.verifyPayload(memory, 0, header.payloadBytes), 'a sealed frame verifies')
    const decoding = decodeRecord(memory, 0, header)
    if ('problem' in decoding) words.add(header.type, decoding.problem)
    else {
      assert.ok(leastBytes(decoding.record.entry) <= payload.length, 'more was decoded than is there')
      await checkStable(decoding.record, words)
    }
    return words
  },
}

/** The frame as the only entry of a batch, that as the only entry of another, and so on. */
function inBatches(frame: Buffer, times: number): Buffer {
  let bytes = frame
  for (let count = 0; count < times; count++) {
    const payload = bytes.subarray(FIELDS_BYTES)
    const prefix = Buffer.alloc(16)
    prefix.writeUInt32LE(1, 0)
    prefix.writeUInt32LE(bytes[TYPE_AT]!, 8)
    prefix.writeUInt32LE(payload.length, 12)
    bytes = Buffer.concat([
      bytes.subarray(0, FIELDS_BYTES),
      prefix,
      payload,
      Buffer.alloc(-payload.length & 3),
    ])
    bytes[TYPE_AT] = FRAME_TYPES.batch
  }
  return bytes
}

/** What an entry takes at least, if a character takes a byte and metadata nothing. */
function leastBytes(entry: WalEntry): number {
  if (entry.type === 'batch') return entry.entries.reduce((sum, member) => sum + 8 + leastBytes(member), 8)
  if (entry.type === 'custom') return 8 + entry.kind.length + entry.data.length
  if (entry.type === 'delete') return 12 + entry.id.length
  if (entry.type === 'insert' || entry.type === 'update')
    return 12 + entry.id.length + (entry.vector?.byteLength ?? 0)
  return 0
}

function nestingOf(entry: WalEntry): number {
  return entry.type === 'batch' ? 1 + Math.max(0, ...entry.entries.map(nestingOf)) : 0
}

async function seedFrames(): Promise<Buffer[]> {
  const segments = (await seedLogs())
    .flatMap((log) => unpack(log))
    .filter(({ name }) => name.endsWith('.walv'))
  return segments
    .flatMap(({ bytes }) => framesOf(bytes))
    .map(({ fields, payload }) => Buffer.concat([fields, payload]))
}

/**
 * What was decoded is encoded again, unless it is refused by name; that decodes to the same, and is
 * encoded as the same bytes.
 */
async function checkStable(record: WalRecord, words: Words): Promise<void> {
  const { entry } = record
  assert.ok(nestingOf(entry) <= MAX_BATCH_NESTING, `${nestingOf(entry)} levels came through`)
  const refusals = ['WALV_INVALID_ID', 'WALV_INVALID_ENTRY', 'WALV_INVALID_METADATA', 'WALV_LIMIT'] as const
  const first = await orCode(refusals, async () => encoded(record))
  words.add(entry.type, typeof first === 'string' ? first : record.transactionId === undefined)
  if (typeof first === 'string') return
  const again = decodeRecord(first, 0, CODEC.readHeader(first, 0, 0)!)
  assert.ok('record' in again, 'what was encoded is decoded')
  assert.equal(textOf(again.record), textOf(record))
  assert.deepEqual(encoded(again.record).bytes, first.bytes)
}

function encoded(record: WalRecord): ByteBuffer {
  const { entry, seq, timestamp, transactionId, origin } = record
  const payload = enveloped(encodable(entry), transactionId, origin)
  const memory = byteBuffer(frameBytes(payload.bytes))
  payload.write(memory, FRAME_HEADER_BYTES)
  const header = { type: payload.type, payloadBytes: payload.bytes, seq, durableBefore: seq, timestamp }
  CODEC.sealFrame(memory, 0, { ...header, flags: flagsOf(transactionId, origin) }, 0)
  return memory
}
