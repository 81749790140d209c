import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { type ByteBuffer, setUint64 } from '../../src/format/byte-buffer.ts'
import {
  FLAG_CLOSED,
  FLAG_IN_TRANSACTION,
  FRAME_MAGIC,
  FRAME_TYPES,
  type FrameType,
  frameBytes,
  takesSequence,
} from '../../src/format/frame.ts'
import { SegmentCodec } from '../../src/format/segment-codec.ts'
import { AT, assertUntouched, CODEC, frameOf, OFFSET, SEED } from './frames.ts'

const PAYLOAD_AT = AT + 40

/** Makes the header's sum right again, after somebody changed the header. */
const resum = ({ bytes, view }: ByteBuffer): void =>
  view.setUint32(AT + 36, crc32(bytes.subarray(AT, AT + 36), SEED) ^ (OFFSET / 8), true)

const payload = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(7)

const verifies = (memory: ByteBuffer, bytes: number, seed = SEED): boolean =>
  new SegmentCodec(seed).verifyPayload(memory, AT, bytes)

test('a frame takes its header, its payload and a sum for every piece behind the first, each in multiples of 8', () => {
  for (const [payloadBytes, bytes] of [
    [0, 40],
    [1, 48],
    [8, 48],
    [9, 56],
    [8191, 40 + 8192],
    [8192, 40 + 8192],
    [8193, 40 + 8200 + 8],
    [16_384, 40 + 16_384 + 8],
    [16_385, 40 + 16_392 + 8],
    [24_576, 40 + 24_576 + 8],
    [24_577, 40 + 24_584 + 16],
    [2 ** 32 - 1, 40 + 2 ** 32 + 4 * (2 ** 32 / 8192)],
  ] as const) {
    assert.equal(frameBytes(payloadBytes), bytes, `${payloadBytes} bytes`)
  }
})

test('every field of a header comes back at its largest', () => {
  const header = {
    payloadBytes: 3,
    seq: Number.MAX_SAFE_INTEGER,
    durableBefore: Number.MAX_SAFE_INTEGER,
    timestamp: 2 ** 48 - 1,
    type: FRAME_TYPES.gap,
    flags: FLAG_IN_TRANSACTION | FLAG_CLOSED,
  }
  const memory = frameOf(payload(3), header)
  assert.deepEqual(CODEC.readHeader(memory, AT, OFFSET), header)
  assert.equal(memory.bytes.indexOf(FRAME_MAGIC), AT)
  assertUntouched(memory, 48)
})

test('every byte of a field has its place', () => {
  const header = {
    payloadBytes: 3,
    seq: 0x06_0708_090a_0b0c,
    durableBefore: 0x05_0607_0809_0a0b,
    timestamp: 0x0102_0304_0506,
    type: FRAME_TYPES.update,
    flags: FLAG_CLOSED,
  }
  const memory = frameOf(payload(3), header)
  assert.deepEqual(CODEC.readHeader(memory, AT, OFFSET), header)
  assert.equal(
    memory.bytes.toString('hex', AT, AT + 32),
    'f55756fe030000000c0b0a09080706000b0a0908070605000605040302010202',
  )
})

test('a payload has at most 64 MiB, the id of its transaction and its origin', () => {
  for (const [bytes, isRead] of [
    [64 * 1024 * 1024 + 32, true],
    [64 * 1024 * 1024 + 33, false],
  ] as const) {
    const memory = frameOf(payload(0))
    memory.view.setUint32(AT + 4, bytes, true)
    resum(memory)
    assert.equal(CODEC.readHeader(memory, AT, OFFSET)?.payloadBytes, isRead ? bytes : undefined)
  }
})

test('a frame begins with bytes that no text in UTF-8 holds', () => {
  assert.deepEqual([...FRAME_MAGIC], [0xf5, 0x57, 0x56, 0xfe])
})

test('a header is read with the sum and magic of its place only', () => {
  const memory = frameOf(payload(3))
  assert.equal(new SegmentCodec(SEED + 1).readHeader(memory, AT, OFFSET), undefined)
  assert.equal(CODEC.readHeader(memory, AT + 8, OFFSET), undefined)
  for (let byte = 0; byte < 40; byte++) {
    memory.bytes[AT + byte]! ^= 0x10
    // Byte 32 to 35, the payload's sum, are covered too.
    assert.equal(CODEC.readHeader(memory, AT, OFFSET), undefined, `byte ${byte}`)
    memory.bytes[AT + byte]! ^= 0x10
  }
  memory.bytes[AT] = 0xf4
  resum(memory)
  assert.equal(CODEC.readHeader(memory, AT, OFFSET), undefined, 'another magic with a right sum')
})

test('a frame is read only where it was written, also far into a file', () => {
  for (const offset of [0, 8, OFFSET - 8, OFFSET + 8, OFFSET + 512, OFFSET + 2 ** 32])
    assert.equal(CODEC.readHeader(frameOf(payload(3)), AT, offset), undefined, `at ${offset}`)
  const memory = frameOf(payload(3))
  CODEC.sealWatermark(memory, AT, 0, 2 ** 34 + 8)
  assert.ok(CODEC.readHeader(memory, AT, 2 ** 34 + 8))
})

test('a header with a right sum that says what walv never writes is no header', () => {
  const refused: [string, (memory: ByteBuffer) => void][] = [
    ['a sequence number of 2^53', ({ view }) => view.setUint16(AT + 14, 0x20, true)],
    ['a promise beyond its own number', ({ view }) => setUint64(view, AT + 16, 6)],
    ['a promise of 2^53', ({ view }) => view.setUint16(AT + 22, 0x20, true)],
    ['type 0', ({ view }) => view.setUint8(AT + 30, 0)],
    ['type 13', ({ view }) => view.setUint8(AT + 30, 13)],
    ['flag 8', ({ view }) => view.setUint8(AT + 31, 8)],
    ['flag 128', ({ view }) => view.setUint8(AT + 31, 128)],
  ]
  for (const [name, change] of refused) {
    const memory = frameOf(payload(3), { seq: 5, durableBefore: 5 })
    assert.equal(CODEC.readHeader(memory, AT, OFFSET)?.durableBefore, 5)
    change(memory)
    resum(memory)
    assert.equal(CODEC.readHeader(memory, AT, OFFSET), undefined, name)
  }
})

test('every type is read, and all but a promise take a sequence number', () => {
  for (const [name, type] of Object.entries(FRAME_TYPES) as [string, FrameType][]) {
    assert.equal(CODEC.readHeader(frameOf(payload(3), { type }), AT, OFFSET)?.type, type)
    assert.equal(takesSequence(type), name !== 'watermark', name)
  }
})

test('a promise put into a sealed frame changes that and the sum, and nothing else', () => {
  const memory = frameOf(payload(3), { seq: 2 ** 40 + 5, durableBefore: 1 })
  const before = Buffer.from(memory.bytes)
  CODEC.sealWatermark(memory, AT, 2 ** 40 + 4, OFFSET)
  assert.deepEqual(CODEC.readHeader(memory, AT, OFFSET), {
    ...CODEC.readHeader(memory, AT, OFFSET),
    seq: 2 ** 40 + 5,
    durableBefore: 2 ** 40 + 4,
  })
  const changed = [...memory.bytes.keys()].filter((at) => memory.bytes[at] !== before[at])
  assert.ok(changed.every((at) => (at >= AT + 16 && at < AT + 24) || (at >= AT + 36 && at < AT + 40)))
})

// One piece, a full one, two with a padded table, three with a full one, four with a padded one
// again.
const SIZES = [0, 1, 8, 8191, 8192, 8193, 16_384, 16_385, 24_577]

for (const bytes of SIZES) {
  test(`of a payload of ${bytes} bytes no byte, no padding and no sum can change unnoticed`, () => {
    const memory = frameOf(payload(bytes))
    assertUntouched(memory, frameBytes(bytes))
    assert.ok(verifies(memory, bytes))
    assert.equal(verifies(memory, bytes, SEED + 1), false, 'another seed')
    const end = AT + frameBytes(bytes)
    const sums = [AT + 32, AT + 33, AT + 34, AT + 35]
    const near = [...memory.bytes.keys()].filter((at) => at >= PAYLOAD_AT && at < end)
    for (const at of [
      ...sums,
      ...near.filter((at) => at < PAYLOAD_AT + 16 || at >= end - 64 || at % 997 === 0),
    ]) {
      memory.bytes[at]! ^= 1
      assert.equal(verifies(memory, bytes), false, `byte ${at - AT}`)
      memory.bytes[at]! ^= 1
    }
  })
}

test('padding that is not zero is refused, though its sum is right', () => {
  const memory = frameOf(payload(9))
  memory.bytes[PAYLOAD_AT + 15] = 1
  memory.view.setUint32(AT + 32, crc32(memory.bytes.subarray(PAYLOAD_AT, PAYLOAD_AT + 16), SEED), true)
  assert.equal(verifies(memory, 9), false)
})

test('each piece is summed on top of the one before', () => {
  const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => index)
  const memory = frameOf(bytes)
  const sums = [8192, 16_384, 20_000].map((end) => crc32(bytes.subarray(0, end), SEED))
  assert.equal(memory.view.getUint32(AT + 32, true), sums[0])
  assert.equal(memory.view.getUint32(PAYLOAD_AT + 20_000, true), sums[1])
  assert.equal(memory.view.getUint32(PAYLOAD_AT + 20_004, true), sums[2])
})

test('what stood in the memory before does not get into padding and table', () => {
  const memory = frameOf(payload(8193))
  assert.deepEqual([...memory.bytes.subarray(PAYLOAD_AT + 8193, PAYLOAD_AT + 8200)], [0, 0, 0, 0, 0, 0, 0])
  assert.deepEqual([...memory.bytes.subarray(PAYLOAD_AT + 8204, PAYLOAD_AT + 8208)], [0, 0, 0, 0])
})
