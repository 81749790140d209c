/**
 * What is accepted is found again as it was; what cannot be is refused by name. Whatever is handed
 * in.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { byteBuffer } from '../../src/format/byte-buffer.ts'
import { decodeRecord } from '../../src/format/decode.ts'
import { encodableInput } from '../../src/format/encode.ts'
import { FRAME_HEADER_BYTES, frameBytes } from '../../src/format/frame.ts'
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  SECTOR_BYTES,
  type SegmentHeader,
} from '../../src/format/segment.ts'
import { SegmentCodec } from '../../src/format/segment-codec.ts'
import { bits } from '../support/entries.ts'
import {
  type BatchMember,
  type JsonValue,
  MAX_BATCH_NESTING,
  MAX_ID_BYTES,
  MAX_METADATA_NESTING,
  openOn,
  refusal,
  SimulatedDisk,
  WalError,
} from '../support/kit.ts'

/** The entry as a reader finds it. */
function found(entry: BatchMember): BatchMember {
  const encodable = encodableInput(entry)
  const { type, bytes } = encodable
  const memory = byteBuffer(frameBytes(bytes))
  encodable.write(memory, FRAME_HEADER_BYTES)
  new SegmentCodec(0).sealFrame(
    memory,
    0,
    { type, payloadBytes: bytes, seq: 0, durableBefore: 0, timestamp: 0, flags: 0 },
    0,
  )
  const decoding = decodeRecord(memory, 0, new SegmentCodec(0).readHeader(memory, 0, 0)!)
  assert.ok('record' in decoding, 'problem' in decoding ? decoding.problem : '')
  return decoding.record.entry as BatchMember
}

const insert = (id: string, metadata: JsonValue = null): BatchMember => ({
  type: 'insert',
  id,
  vector: new Float32Array(),
  metadata,
})

const nested = (depth: number): JsonValue => {
  let value: JsonValue = 0
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { '': value }
  return value
}

/** Any UTF-16 at all, half surrogate pairs included. */
const anyText = fc
  .array(fc.oneof(fc.nat(0xffff), fc.integer({ min: 0xd7ff, max: 0xe000 })), { maxLength: 20 })
  .map((units) => String.fromCharCode(...units))

test('an id of any UTF-16 comes back, unless it is empty or no Unicode', () => {
  fc.assert(
    fc.property(anyText, (id) => {
      if (id.length > 0 && id.isWellFormed()) assert.deepEqual(found(insert(id)), insert(id))
      else assert.throws(() => found(insert(id)), refusal('WALV_INVALID_ID'))
    }),
    { numRuns: 2_000 },
  )
})

test('an id may have as many bytes as the limit, in characters of any length, and not one more', () => {
  for (const character of ['a', 'é', '日', '🎉']) {
    const bytes = Buffer.byteLength(character)
    const longest = character.repeat(Math.floor(MAX_ID_BYTES / bytes)) + 'a'.repeat(MAX_ID_BYTES % bytes)
    assert.deepEqual(found(insert(longest)), insert(longest))
    assert.throws(() => found(insert(`${longest}a`)), refusal('WALV_LIMIT'))
  }
})

const REFUSED = Symbol('JSON cannot hold it')

/**
 * What JSON makes of a value that it can hold without changing it, but for members that are
 * undefined. Written apart from the engine.
 */
function asJson(value: unknown): unknown {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') return value.isWellFormed() ? value : REFUSED
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : REFUSED
  if (typeof value !== 'object') return REFUSED
  if (Array.isArray(value)) {
    const items = Array.from({ length: value.length }, (_, index) => asJson(value[index]))
    return items.includes(REFUSED) ? REFUSED : items
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) return REFUSED
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  const kept = members.map(([key, member]): [string, unknown] => [key, asJson(member)])
  const refused = kept.some(([key, member]) => member === REFUSED || !key.isWellFormed())
  return refused ? REFUSED : Object.fromEntries(kept)
}

const anyValue = fc.anything({
  key: fc.oneof(anyText, fc.constantFrom('__proto__', 'constructor', 'toString', 'length', '0')),
  values: [
    fc.constantFrom<unknown>(
      null,
      true,
      undefined,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      -0,
      2 ** 53 + 2,
      5e-324,
    ),
    fc.double(),
    anyText,
  ],
  maxDepth: 4,
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withSparseArray: true,
  withTypedArray: true,
})

test('metadata of any value comes back as it is, unless JSON would alter it', () => {
  let [accepted, refused] = [0, 0]
  fc.assert(
    fc.property(fc.oneof(anyValue, fc.jsonValue({ maxDepth: 6 })), (value) => {
      const expected = value === undefined ? null : asJson(value)
      if (expected === REFUSED) {
        refused++
        assert.throws(() => found(insert('id', value as JsonValue)), refusal('WALV_INVALID_METADATA'))
      } else {
        accepted++
        // As text: it tells the order of members, and members of every name.
        const { metadata } = found(insert('id', value as JsonValue)) as { metadata: JsonValue }
        assert.equal(JSON.stringify(metadata), JSON.stringify(expected))
      }
    }),
    { numRuns: 3_000, examples: [[{ '\ud800': undefined }]] },
  )
  assert.ok(accepted > 500 && refused > 500, `${accepted} accepted, ${refused} refused`)
})

test('metadata is nested as deep as the limit and no deeper', () => {
  for (let depth = 1; depth <= MAX_METADATA_NESTING; depth++)
    assert.deepEqual(found(insert('id', nested(depth))), insert('id', nested(depth)))
  for (const depth of [MAX_METADATA_NESTING + 1, 10 * MAX_METADATA_NESTING, 100_000])
    assert.throws(() => found(insert('id', nested(depth))), refusal('WALV_LIMIT'))
})

test('batches are nested as deep as the limit and no deeper', () => {
  let batch: BatchMember = { type: 'batch', entries: [] }
  for (let depth = 1; depth <= MAX_BATCH_NESTING; depth++) {
    assert.deepEqual(bits(found(batch)), bits(batch))
    batch = { type: 'batch', entries: [insert('before'), batch, { type: 'delete', id: 'behind' }] }
  }
  assert.throws(() => found(batch), refusal('WALV_LIMIT'))
})

test('a segment header of any numbers comes back from either copy', () => {
  const number = fc.maxSafeNat()
  const header: fc.Arbitrary<SegmentHeader> = fc.record(
    {
      logId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
      number,
      firstSeq: number,
      durableBefore: number,
      createdAt: number,
      capacity: number,
      previous: number,
    },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(header, (given) => {
      const bytes = encodeSegmentHeader(given)
      for (const copy of [bytes.subarray(0, SECTOR_BYTES), bytes.subarray(SECTOR_BYTES)])
        assert.deepEqual(decodeSegmentHeader(copy), { state: 'valid', header: given })
    }),
  )
})

for (const depth of [1, MAX_METADATA_NESTING - 1, MAX_METADATA_NESTING, MAX_METADATA_NESTING + 1, 100_000]) {
  test(`a checkpoint whose info is nested ${depth} deep is found again, or refused by name`, async () => {
    const disk = new SimulatedDisk()
    const wal = await openOn(disk, { checkpointRetention: 1, segmentMaxAgeMs: 1 })
    for (const id of ['a', 'b', 'c']) await wal.append({ type: 'delete', id })
    const taken = await wal
      .checkpoint({ seq: 2, snapshot: async () => nested(depth) })
      .catch((error) => error)
    await wal.append({ type: 'delete', id: 'd' })
    await wal.close()
    const again = await openOn(disk)
    if (taken instanceof Error) assert.ok(taken instanceof WalError, String(taken))
    else assert.deepEqual(again.lastCheckpoint?.snapshot?.info, nested(depth))
    await again.close()
  })
}
