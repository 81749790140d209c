import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ByteBuffer, byteBuffer } from '../../src/format/byte-buffer.ts'
import { CRC_PIECE_BYTES } from '../../src/format/crc.ts'
import { decodeRecord } from '../../src/format/decode.ts'
import { encodable } from '../../src/format/encode.ts'
import { enveloped, flagsOf } from '../../src/format/envelope.ts'
import { FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FRAME_TYPES, frameBytes } from '../../src/format/frame.ts'
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  segmentName,
  segmentNumber,
  segmentSeed,
} from '../../src/format/segment.ts'
import { SegmentCodec } from '../../src/format/segment-codec.ts'
import { anyEntry, bits } from '../support/entries.ts'
import type { BatchMember, CheckpointEntry, GapEntry, TransactionMarker, WalRecord } from '../support/kit.ts'

type Loggable = BatchMember | TransactionMarker | CheckpointEntry | GapEntry

const SEED = 0x1234_5678
const CODEC = new SegmentCodec(SEED)
const sequence = fc.maxSafeNat()

interface Sealed {
  readonly memory: ByteBuffer
  readonly bytes: number
}

function seal(
  entry: Loggable,
  record: Pick<WalRecord, 'seq' | 'timestamp' | 'transactionId' | 'origin'>,
  seed = SEED,
): Sealed {
  const { seq, timestamp, transactionId, origin } = record
  const payload = enveloped(encodable(entry), transactionId, origin)
  const bytes = frameBytes(payload.bytes)
  const memory = byteBuffer(bytes)
  memory.bytes.fill(0xaa)
  payload.write(memory, FRAME_HEADER_BYTES)
  const flags = flagsOf(transactionId, origin)
  new SegmentCodec(seed).sealFrame(
    memory,
    0,
    { type: payload.type, payloadBytes: payload.bytes, seq, durableBefore: seq, timestamp, flags },
    0,
  )
  return { memory, bytes }
}

function read({ memory, bytes }: Sealed, seed = SEED): WalRecord | string {
  const header = new SegmentCodec(seed).readHeader(memory, 0, 0)
  if (!header) return 'no header'
  if (frameBytes(header.payloadBytes) !== bytes) return 'another length'
  if (!new SegmentCodec(seed).verifyPayload(memory, 0, header.payloadBytes)) return 'no payload'
  const decoding = decodeRecord(memory, 0, header)
  return 'record' in decoding ? decoding.record : decoding.problem
}

const anyMarker: fc.Arbitrary<Loggable> = fc.oneof(
  fc.record({
    type: fc.constantFrom('beginTransaction', 'prepareTransaction', 'commitTransaction', 'abortTransaction'),
  }),
  fc.record({ type: fc.constant('gap' as const), throughSeq: sequence }),
  fc.record({
    type: fc.constant('checkpoint' as const),
    sequenceNumber: sequence,
    replayFrom: sequence,
    snapshot: fc.option(
      fc.record({
        name: fc.constant('snapshot-0000000000000007'),
        files: fc.uniqueArray(
          fc.record({
            name: fc.constantFrom('vectors.bin', 'catalog.jsonl', '_'),
            bytes: sequence,
            sha256: fc.constant('00ff'.repeat(16)),
          }),
          { selector: ({ name }) => name },
        ),
        info: fc.jsonValue() as fc.Arbitrary<null>,
      }),
    ),
  }),
)

/** A checkpoint that reaches over nothing behind it. One that is the first record cannot be. */
function within(checkpoint: CheckpointEntry, seq: number): Loggable {
  if (seq === 0) return { type: 'beginTransaction' }
  const sequenceNumber = checkpoint.sequenceNumber % seq
  return { ...checkpoint, sequenceNumber, replayFrom: checkpoint.replayFrom % (sequenceNumber + 2) }
}

const anyOrigin = fc.record(
  {
    process: fc
      .uint8Array({ minLength: 16, maxLength: 16 })
      .map((bytes) => Buffer.from(bytes).toString('hex')),
    number: sequence,
  },
  { noNullPrototype: true },
)

test('every record comes back bit for bit, with its number, timestamp, transaction and origin', () => {
  fc.assert(
    fc.property(
      fc.oneof(anyEntry, anyMarker),
      sequence,
      fc.nat(2 ** 48 - 1),
      fc.option(sequence, { nil: undefined }),
      fc.option(anyOrigin, { nil: undefined }),
      (drawn, seq, timestamp, transactionId, origin) => {
        const entry = drawn.type === 'checkpoint' ? within(drawn, seq) : drawn
        const sealed = seal(entry, {
          seq,
          timestamp,
          ...(transactionId !== undefined && { transactionId }),
          ...(origin && { origin }),
        })
        assert.equal(sealed.bytes % FRAME_ALIGNMENT, 0)
        const record = read(sealed)
        assert.ok(typeof record === 'object', String(record))
        assert.deepEqual(bits(record.entry), JSON.parse(JSON.stringify(bits(entry))))
        assert.deepEqual(
          [record.seq, record.timestamp, record.transactionId, record.origin],
          [seq, timestamp, transactionId, origin],
        )
      },
    ),
    { numRuns: 500 },
  )
})

test('up to three flipped bits in a frame never give a record, in payloads of one piece and of several', () => {
  const entries = [3, 700, 5000].map((dimensions) => ({
    type: 'insert' as const,
    id: 'a',
    vector: new Float32Array(dimensions).fill(0.1),
  }))
  assert.ok(5000 * 4 > 2 * CRC_PIECE_BYTES)
  for (const entry of entries) {
    const sealed = seal(entry, { seq: 5, timestamp: 7 })
    assert.equal(typeof read(sealed), 'object')
    const bit = fc.nat(sealed.bytes * 8 - 1)
    fc.assert(
      fc.property(fc.uniqueArray(bit, { minLength: 1, maxLength: 3 }), (flips) => {
        const flip = (): void => {
          for (const at of flips) sealed.memory.bytes[at >> 3]! ^= 1 << (at & 7)
        }
        flip()
        const found = read(sealed)
        flip()
        assert.equal(typeof found, 'string', 'the change is noticed')
      }),
      { numRuns: 3000 },
    )
  }
})

test('every single bit of a frame that is flipped is noticed', () => {
  const sealed = seal(
    { type: 'insert', id: 'id', vector: Float32Array.of(1, 2, 3) },
    { seq: 1, timestamp: 2 },
  )
  for (let bit = 0; bit < sealed.bytes * 8; bit++) {
    sealed.memory.bytes[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(typeof read(sealed), 'string', `bit ${bit}`)
    sealed.memory.bytes[bit >> 3]! ^= 1 << (bit & 7)
  }
})

test('pieces of a payload that are swapped are noticed', () => {
  const vector = Float32Array.from({ length: 8192 }, (_, index) => index)
  const sealed = seal({ type: 'insert', id: 'id', vector }, { seq: 1, timestamp: 2 })
  const piece = (index: number): Buffer => {
    const at = FRAME_HEADER_BYTES + index * CRC_PIECE_BYTES
    return sealed.memory.bytes.subarray(at, at + CRC_PIECE_BYTES)
  }
  const first = Buffer.from(piece(1))
  piece(2).copy(piece(1))
  first.copy(piece(2))
  // Their sums too: only their order is wrong.
  const table = FRAME_HEADER_BYTES + Math.ceil((12 + 4 * 8192 + 2) / 8) * 8
  const sums = sealed.memory.bytes.subarray(table, table + 8)
  sums.copyWithin(0, 4, 8)
  assert.equal(read(sealed), 'no payload')
})

test('a frame of another segment or another log is no frame here', () => {
  const [log, otherLog] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)]
  const sealed = seal({ type: 'delete', id: 'a' }, { seq: 1, timestamp: 1 }, segmentSeed(log, 1))
  assert.equal(typeof read(sealed, segmentSeed(log, 1)), 'object')
  assert.equal(read(sealed, segmentSeed(log, 2)), 'no header')
  assert.equal(read(sealed, segmentSeed(otherLog, 1)), 'no header')
})

test('any payload whose sums are right is a record or has a problem; nothing throws', () => {
  const types = fc.constantFrom(...Object.values(FRAME_TYPES))
  fc.assert(
    fc.property(types, fc.uint8Array({ maxLength: 300 }), fc.nat(3), (type, payload, flags) => {
      const memory = byteBuffer(frameBytes(payload.length))
      memory.bytes.set(payload, FRAME_HEADER_BYTES)
      const header = { type, payloadBytes: payload.length, seq: 1, durableBefore: 0, timestamp: 0, flags }
      CODEC.sealFrame(memory, 0, header, 0)
      const decoding = decodeRecord(memory, 0, CODEC.readHeader(memory, 0, 0)!)
      assert.ok('record' in decoding || decoding.problem.length > 0)
    }),
    { numRuns: 5000 },
  )
})

test('a payload with a few bytes changed and its sums made right again is a record or has a problem', () => {
  fc.assert(
    fc.property(
      anyEntry,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      (entry, changes) => {
        const sealed = seal(entry, { seq: 1, timestamp: 1 })
        const header = CODEC.readHeader(sealed.memory, 0, 0)!
        if (header.payloadBytes === 0) return
        for (const [at, value] of changes)
          sealed.memory.bytes[FRAME_HEADER_BYTES + (at % header.payloadBytes)] = value
        CODEC.sealFrame(sealed.memory, 0, header, 0)
        const decoding = decodeRecord(sealed.memory, 0, header)
        assert.ok('record' in decoding || decoding.problem.length > 0)
      },
    ),
    { numRuns: 2000 },
  )
})

test('a segment header is kept twice, each copy alone tells all of it, and any flipped bit of a copy is noticed', () => {
  const header = {
    logId: Buffer.from('0123456789abcdef'),
    number: 7,
    firstSeq: Number.MAX_SAFE_INTEGER - 1,
    durableBefore: 2 ** 40,
    createdAt: 1_700_000_000_000,
    capacity: 262_144,
    previous: 5,
  }
  const bytes = encodeSegmentHeader(header)
  assert.equal(bytes.length, SEGMENT_HEADER_BYTES)
  for (const at of [0, 512]) {
    const copy = bytes.subarray(at, at + 512)
    assert.deepEqual(decodeSegmentHeader(copy), { state: 'valid', header })
    for (let bit = 0; bit < 512 * 8; bit++) {
      copy[bit >> 3]! ^= 1 << (bit & 7)
      assert.deepEqual(decodeSegmentHeader(copy), { state: 'invalid' }, `bit ${bit}`)
      copy[bit >> 3]! ^= 1 << (bit & 7)
    }
  }
})

test('names of segments sort as their numbers do', () => {
  fc.assert(
    fc.property(fc.nat(9_999_999_999), fc.nat(9_999_999_999), (a, b) => {
      assert.equal(segmentNumber(segmentName(a)), a)
      assert.equal(segmentName(a) < segmentName(b), a < b)
    }),
  )
  for (const name of ['segment-1.walv', 'segment-0000000001.walv.tmp', 'xsegment-0000000001.walv', 'LOCK'])
    assert.equal(segmentNumber(name), undefined, name)
})
