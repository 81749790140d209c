/** Format v1, byte for byte. What it promises of whole entries is in `test/v1/format.test.ts`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeV1Entry } from '../../src/v1/format/decode.ts'
import { encodeV1Entry } from '../../src/v1/format/encode.ts'
import {
  MAX_V1_INTEGER,
  MAX_V1_ITEMS,
  MAX_V1_PAYLOAD_BYTES,
  V1_VARIANTS,
  type V1Entry,
} from '../../src/v1/format/entry.ts'
import {
  encodeV1Header,
  isRepeatedV1Header,
  isV1SegmentName,
  V1_FRAME_BYTES,
  V1_HEADER_BYTES,
  V1_MAGIC,
  v1HeaderState,
  v1SegmentName,
} from '../../src/v1/format/segment.ts'
import { MAX_VARINT_BYTES, readVarint, writeVarint } from '../../src/v1/format/varint.ts'
import { hex } from './frames.ts'

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const layouts: [string, string, V1Entry][] = [
  [
    'an insert without metadata',
    '00 0161 02 0000803f 000000c0 00 05',
    { type: 'insert', id: 'a', vector: Float32Array.of(1, -2), metadata: null, timestamp: 5n },
  ],
  [
    'an update with metadata',
    '01 02c3a9 00 01 02 016b 0176 00 00 fc00f15365',
    {
      type: 'update',
      id: 'é',
      vector: new Float32Array(0),
      metadata: new Map([
        ['k', 'v'],
        ['', ''],
      ]),
      timestamp: 1_700_000_000n,
    },
  ],
  ['a delete', '02 0161 fbfb00', { type: 'delete', id: 'a', timestamp: 251n }],
  [
    'a batch',
    '03 02 02 0161 01 03 00 02 03',
    {
      type: 'batch',
      entries: [
        { type: 'delete', id: 'a', timestamp: 1n },
        { type: 'batch', entries: [], timestamp: 2n },
      ],
      timestamp: 3n,
    },
  ],
  [
    'a checkpoint',
    '04 fd0000000001000000 07',
    { type: 'checkpoint', sequenceNumber: 2n ** 32n, timestamp: 7n },
  ],
  ['a begin', '05 09 07', { type: 'beginTransaction', transactionId: 9n, timestamp: 7n }],
  ['a commit', '06 09 07', { type: 'commitTransaction', transactionId: 9n, timestamp: 7n }],
  [
    'an abort',
    '07 fdffffffffffffffff 07',
    { type: 'abortTransaction', transactionId: MAX_V1_INTEGER, timestamp: 7n },
  ],
]

for (const [name, bytes, entry] of layouts) {
  test(`laid out as the original does: ${name}`, () => {
    assert.equal(Buffer.from(encodeV1Entry(entry)).toString('hex'), hex(bytes).toString('hex'))
    assert.deepEqual(decodeV1Entry(hex(bytes)), { ok: true, entry, trailingBytes: 0 })
    // Within other bytes.
    const around = Buffer.concat([Buffer.alloc(3, 0xff), hex(bytes), Buffer.alloc(2, 0xff)])
    assert.deepEqual(decodeV1Entry(around.subarray(3)), { ok: true, entry, trailingBytes: 2 })
  })
}

test('the kinds of entries have the numbers that they have always had', () => {
  assert.deepEqual(V1_VARIANTS, [
    'insert',
    'update',
    'delete',
    'batch',
    'checkpoint',
    'beginTransaction',
    'commitTransaction',
    'abortTransaction',
  ])
})

/** Each with the place and the ids that were read before. */
const unreadable: [string, string, string, number, string[]][] = [
  ['nothing', '', 'the kind of entry is cut short', 0, []],
  ['a cut kind', 'fb00', 'the kind of entry is cut short', 0, []],
  ['a kind that is none', '08', 'there is no kind of entry 8', 1, []],
  ['a kind of 64 bits', 'fd0200000000000000', 'there is no kind of entry 2', 9, []],
  ['a reserved tag', 'fe', 'the kind of entry has the reserved tag 254', 0, []],
  ['the other reserved tag', '02ff', 'the length of the id has the reserved tag 255', 1, []],
  ['an id that is cut', '02 0261', 'the id needs 2 bytes where 1 are left', 2, []],
  ['an id that is no UTF-8', '02 0261ff 05', 'the id is not valid UTF-8', 2, []],
  ['a delete without a time', '02 0161', 'the timestamp is cut short', 3, ['a']],
  ['a delete with a cut time', '02 0161 fd00', 'the timestamp is cut short', 3, ['a']],
  ['a delete with a time that lacks a byte of 4', '02 0161 fc050000', 'the timestamp is cut short', 3, ['a']],
  [
    'a delete with a time of a reserved tag',
    `02 0161 fe${'00'.repeat(16)}`,
    'the timestamp has the reserved tag 254',
    3,
    ['a'],
  ],
  ['an insert without dimensions', '00 0161', 'the number of dimensions is cut short', 3, ['a']],
  ['a cut vector', '01 0161 02 00000000', 'the vector needs 8 bytes where 4 are left', 4, ['a']],
  ['no metadata', '00 0161 00', 'the metadata needs 1 bytes where 0 are left', 4, ['a']],
  [
    'metadata of another tag',
    '00 0161 00 02 00',
    'the metadata begins with 2, neither 0 for none nor 1 for some',
    4,
    ['a'],
  ],
  ['no count of pairs', '00 0161 00 01', 'the number of metadata pairs is cut short', 5, ['a']],
  [
    'more pairs than bytes',
    '00 0161 00 01 02 000000',
    'there is no room for 2 metadata pairs in 3 bytes',
    6,
    ['a'],
  ],
  ['a cut key', '00 0161 00 01 01 0261', 'a metadata key needs 2 bytes where 1 are left', 7, ['a']],
  ['no length of a key', '00 0161 00 01 01 fb00', 'the length of a metadata key is cut short', 6, ['a']],
  [
    'a value that is no UTF-8',
    '00 0161 00 01 01 016b 01ff 00',
    'a metadata value is not valid UTF-8',
    9,
    ['a'],
  ],
  ['no length of a value', '00 0161 00 01 01 016b', 'the length of a metadata value is cut short', 8, ['a']],
  ['an insert without a time', '00 0161 00 00', 'the timestamp is cut short', 5, ['a']],
  ['a batch without a count', '03', 'the number of entries is cut short', 1, []],
  ['a batch of more than there is', '03 02 0200000200', 'there is no room for 2 entries in 5 bytes', 2, []],
  ['a batch without a time', '03 01 026100', 'the id needs 97 bytes where 1 are left', 4, []],
  ['a batch whose time is cut', '03 01 020000', 'the timestamp is cut short', 5, ['']],
  ['a checkpoint without a number', '04', 'the sequence number is cut short', 1, []],
  ['a checkpoint without a time', '04 05', 'the timestamp is cut short', 2, []],
  ['a begin without an id', '05', 'the transaction id is cut short', 1, []],
  ['a commit without a time', '06 05', 'the timestamp is cut short', 2, []],
]

for (const [name, bytes, reason, at, ids] of unreadable) {
  test(`not read, and told why and where: ${name}`, () => {
    assert.deepEqual(decodeV1Entry(hex(bytes)), { ok: false, failure: { reason, at, ids } })
  })
}

test('as many entries and pairs as there is room for are read', () => {
  assert.equal(decodeV1Entry(hex('03 02 020000020000 00')).ok, true)
  assert.equal(decodeV1Entry(hex('00 00 00 01 02 0000 0000 00')).ok, true)
})

test('an error that is not about the bytes is not taken for one', () => {
  const failure = new Error('out of memory')
  class Unwilling extends Uint8Array {
    override subarray(): never {
      throw failure
    }
  }
  assert.throws(
    () => decodeV1Entry(Unwilling.from([2, 1, 97, 5])),
    (error) => error === failure,
  )
})

test('what v1 cannot hold is refused in a sentence', () => {
  const entry = { type: 'insert', id: 'a', vector: new Float32Array(1), metadata: null, timestamp: 0n }
  const refused: [object, string][] = [
    [{ ...entry, type: 'gap' }, 'there is no kind of entry "gap"'],
    [{ ...entry, id: null }, 'the id is no string'],
    [
      { type: 'delete', id: '\udc00', timestamp: 0n },
      'the id holds half a surrogate pair, which UTF-8 cannot say',
    ],
    [{ ...entry, type: 'update', vector: [1] }, 'the vector of update "a" is no Float32Array'],
    [{ ...entry, metadata: new Map([[1, 'v']]) }, 'a metadata key of insert "a" is no string'],
    [{ ...entry, metadata: new Map([['k', 1]]) }, 'a metadata value of insert "a" is no string'],
    [{ ...entry, timestamp: -1n }, 'the timestamp of insert "a" is -1n, not a bigint of 0 to 2^64 - 1'],
    [{ ...entry, timestamp: 1 }, 'the timestamp of insert "a" is 1, not a bigint of 0 to 2^64 - 1'],
    [
      { type: 'batch', entries: [], timestamp: 2n ** 64n },
      'the timestamp of a batch is 18446744073709551616n, not a bigint of 0 to 2^64 - 1',
    ],
    [
      { type: 'checkpoint', sequenceNumber: 'x', timestamp: 0n },
      'the sequence number of a checkpoint is "x", not a bigint of 0 to 2^64 - 1',
    ],
    [
      { type: 'commitTransaction', timestamp: 0n },
      'the id of a transaction is undefined, not a bigint of 0 to 2^64 - 1',
    ],
  ]
  for (const [wrong, problem] of refused) {
    assert.throws(() => encodeV1Entry(wrong as V1Entry), {
      name: 'WalError',
      code: 'WALV_INVALID_ENTRY',
      message: `Format v1 cannot hold this entry: ${problem}. Nothing was written.`,
    })
  }
})

test('nesting and items beyond the limits are refused in a sentence', () => {
  let deep: V1Entry = { type: 'batch', entries: [], timestamp: 0n }
  for (let level = 1; level < 64; level++) deep = { type: 'batch', entries: [deep], timestamp: 0n }
  assert.equal(decodeV1Entry(encodeV1Entry(deep)).ok, true)
  assert.throws(() => encodeV1Entry({ type: 'batch', entries: [deep], timestamp: 0n }), {
    message: 'Format v1 cannot hold this entry: batches are nested deeper than 64. Nothing was written.',
  })
  const message =
    'Format v1 cannot hold this entry: it holds more than 1000000 entries and metadata pairs. Nothing was written.'
  const empty: V1Entry = { type: 'batch', entries: [], timestamp: 0n }
  const batch = (...entries: V1Entry[]): V1Entry => ({ type: 'batch', entries, timestamp: 0n })
  const holes: V1Entry = { type: 'batch', entries: Array(MAX_V1_ITEMS), timestamp: 0n }
  assert.throws(() => encodeV1Entry(batch(holes)), { message })
  assert.throws(() => encodeV1Entry({ ...holes, entries: Array(MAX_V1_ITEMS + 1) }), { message })
  assert.deepEqual(decodeV1Entry(Buffer.concat([hex('03 fc41420f00'), Buffer.alloc(3_000_003)])), {
    ok: false,
    failure: { reason: 'it holds more than 1000000 entries and metadata pairs', at: 6, ids: [] },
  })
  assert.deepEqual(decodeV1Entry(encodeV1Entry(batch(empty))), {
    ok: true,
    entry: batch(empty),
    trailingBytes: 0,
  })
})

test('nesting and items at the limits are not refused for it', () => {
  const unread = Buffer.concat([hex('03 fc40420f00'), Buffer.alloc(3_000_000, 0xff)])
  assert.deepEqual(decodeV1Entry(unread), {
    ok: false,
    failure: { reason: 'the kind of entry has the reserved tag 255', at: 6, ids: [] },
  })
  const entries: V1Entry[] = Object.assign(Array(MAX_V1_ITEMS), [{ type: 'gap' }])
  assert.throws(() => encodeV1Entry({ type: 'batch', entries, timestamp: 0n }), {
    message: /no kind of entry "gap"/,
  })
})

test('a payload deeper than the limit is not read', () => {
  const reason = 'batches are nested deeper than 64'
  assert.deepEqual(decodeV1Entry(Buffer.from('0301'.repeat(70), 'hex')), {
    ok: false,
    failure: { reason, at: 129, ids: [] },
  })
})

test('a payload may be as long as the limit, and not a byte longer', () => {
  const vector = new Float32Array(MAX_V1_PAYLOAD_BYTES / 4 - 3)
  const entry: V1Entry = { type: 'insert', id: 'abc', vector, metadata: null, timestamp: 0n }
  assert.equal(encodeV1Entry(entry).length, MAX_V1_PAYLOAD_BYTES)
  const message =
    'Format v1 cannot hold this entry: its payload is longer than 100000000 bytes. Nothing was written.'
  assert.throws(() => encodeV1Entry({ ...entry, id: 'abcd' }), { message })
  assert.throws(() => encodeV1Entry({ ...entry, vector: new Float32Array(MAX_V1_PAYLOAD_BYTES / 4) }), {
    message,
  })
})

test('a byte order mark is a part of the text', () => {
  assert.deepEqual(decodeV1Entry(hex('02 04efbbbf61 05')), {
    ok: true,
    entry: { type: 'delete', id: '\ufeffa', timestamp: 5n },
    trailingBytes: 0,
  })
})

test('several texts and vectors that are long take the room that they need', () => {
  const id = 'x'.repeat(200)
  const vector = new Float32Array(1000).fill(0.5)
  const entries: V1Entry[] = [1n, 2n, 3n].map((timestamp) => ({
    type: 'insert',
    id,
    vector,
    metadata: new Map([[id, id]]),
    timestamp,
  }))
  const batch: V1Entry = { type: 'batch', entries, timestamp: 0n }
  const payload = encodeV1Entry(batch)
  assert.equal(payload.length, 2 + 3 * (1 + 201 + 3 + 4000 + 2 + 402 + 1) + 1)
  assert.equal(payload.buffer.byteLength, payload.length, 'and keep no more alive')
  assert.deepEqual(decodeV1Entry(payload), { ok: true, entry: batch, trailingBytes: 0 })
})

test('a header has the magic, the version and the time', () => {
  assert.equal(encodeV1Header(1_700_000_000).toString('hex'), '57414c560100000000f1536500000000')
  assert.equal(encodeV1Header(2 ** 40).toString('hex'), '57414c56010000000000000000010000')
  assert.deepEqual([V1_HEADER_BYTES, V1_FRAME_BYTES, V1_MAGIC.length], [16, 12, 8])
})

test('a header is told from one of another version and from other bytes', () => {
  const header = encodeV1Header(5)
  assert.equal(v1HeaderState(header), 'valid')
  assert.equal(v1HeaderState(header.fill(0xff, 8)), 'valid', 'at any time')
  for (let byte = 0; byte < 8; byte++) {
    const other = encodeV1Header(5)
    other[byte]!++
    assert.equal(v1HeaderState(other), byte < 4 ? 'bad-magic' : 'bad-version', `byte ${byte}`)
    assert.equal(
      v1HeaderState(header.subarray(0, byte)),
      byte < 4 ? 'bad-magic' : 'bad-version',
      `${byte} bytes`,
    )
  }
})

test('names sort as the times do', () => {
  assert.equal(v1SegmentName(1_700_000_000), 'wal-000000006553f100.log')
  assert.equal(v1SegmentName(0), 'wal-0000000000000000.log')
})

test('any name that begins and ends rightly is a segment, as for the original', () => {
  for (const name of ['wal-000000006553f100.log', 'wal-.log', 'wal-anything.log'])
    assert.equal(isV1SegmentName(name), true)
  for (const name of ['wal-0.log.tmp', 'xwal-0.log', 'wal-0', 'wal.log', '0.log', ''])
    assert.equal(isV1SegmentName(name), false)
})

test('a header in the middle is told from a frame by a time that no length can be', () => {
  const at = (seconds: number, offset = 0): Buffer =>
    Buffer.concat([Buffer.alloc(offset), encodeV1Header(seconds)])
  assert.equal(isRepeatedV1Header(at(MAX_V1_PAYLOAD_BYTES + 1)), true)
  assert.equal(isRepeatedV1Header(at(MAX_V1_PAYLOAD_BYTES)), false)
  assert.equal(isRepeatedV1Header(at(1_700_000_000, 12), 12), true)
  assert.equal(isRepeatedV1Header(at(1_700_000_000, 12), 0), false)
  assert.equal(isRepeatedV1Header(at(1_700_000_000, 12).subarray(0, 27), 12), false, 'that is cut')
  for (let byte = 0; byte < 8; byte++) {
    const other = at(1_700_000_000)
    other[byte]!++
    assert.equal(isRepeatedV1Header(other), false, `byte ${byte}`)
  }
})

test('an integer is written and read at its place, within other bytes', () => {
  for (const [value, bytes] of [
    [250n, 'fa'],
    [251n, 'fbfb00'],
    [65_535n, 'fbffff'],
    [65_536n, 'fc00000100'],
    [2n ** 32n - 1n, 'fcffffffff'],
    [2n ** 32n, 'fd0000000001000000'],
  ] as const) {
    const memory = Buffer.alloc(16, 0xaa)
    const end = writeVarint(view(memory), 3, value)
    assert.equal(memory.toString('hex'), `aaaaaa${bytes}`.padEnd(32, 'aa'))
    const cursor = { view: view(memory.subarray(0, end)), at: 3 }
    assert.equal(BigInt(readVarint(cursor)!), value)
    assert.deepEqual([cursor.at, end], [3 + bytes.length / 2, 3 + bytes.length / 2])
  }
  assert.equal(MAX_VARINT_BYTES, 9)
})
