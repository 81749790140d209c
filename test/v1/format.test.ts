import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeV1Entry, type V1DecodeFailure } from '../../src/v1/format/decode.ts'
import { encodeV1Entry } from '../../src/v1/format/encode.ts'
import {
  MAX_V1_BATCH_NESTING,
  MAX_V1_ITEMS,
  MAX_V1_PAYLOAD_BYTES,
  type V1DataEntry,
  type V1Entry,
} from '../../src/v1/format/entry.ts'
import { readVarint, writeVarint } from '../../src/v1/format/varint.ts'
import { entries, u64 } from './arbitraries.ts'
import { bits, insert } from './helpers.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const cursorOn = (bytes: Uint8Array) => ({
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  at: 0,
})

function written(value: number | bigint): string {
  const bytes = Buffer.alloc(9)
  return bytes.subarray(0, writeVarint(cursorOn(bytes).view, 0, value)).toString('hex')
}

function decoded(payload: Uint8Array): V1Entry {
  const result = decodeV1Entry(payload)
  if (!result.ok) assert.fail(`does not decode: ${result.failure.reason}`)
  return result.entry
}

function failure(payload: Uint8Array): V1DecodeFailure {
  const result = decodeV1Entry(payload)
  assert.ok(!result.ok, 'decodes')
  return result.failure
}

test('an integer has the shortest form that holds it', () => {
  const table: [number | bigint, string][] = [
    [0, '00'],
    [250, 'fa'],
    [251, 'fbfb00'],
    [252, 'fbfc00'],
    [255, 'fbff00'],
    [256, 'fb0001'],
    [65_535, 'fbffff'],
    [65_536, 'fc00000100'],
    [2 ** 32 - 1, 'fcffffffff'],
    [2 ** 32, 'fd0000000001000000'],
    [2n ** 64n - 1n, 'fdffffffffffffffff'],
  ]
  for (const [value, bytes] of table) {
    assert.equal(written(value), bytes)
    assert.equal(written(BigInt(value)), bytes)
  }
})

test('every integer of 64 bits is read back', () => {
  fc.assert(
    fc.property(u64, (value) => {
      const cursor = cursorOn(hex(written(value)))
      assert.equal(BigInt(readVarint(cursor)!), value)
      assert.equal(cursor.at, cursor.view.byteLength)
    }),
  )
})

test('an integer may be longer than it need be, but neither cut short nor tagged 254 or 255', () => {
  for (const bytes of ['05', 'fb0500', 'fc05000000', 'fd0500000000000000']) {
    assert.equal(Number(readVarint(cursorOn(hex(bytes)))), 5)
  }
  for (const bytes of [
    '',
    'fb05',
    'fc050000',
    'fd05000000000000',
    `fe${'00'.repeat(16)}`,
    `ff${'00'.repeat(16)}`,
  ]) {
    const cursor = cursorOn(hex(bytes))
    assert.equal(readVarint(cursor), undefined)
    assert.equal(cursor.at, 0)
  }
})

test('an insert is laid out as the original lays it out', () => {
  const payload = hex(
    '00 0161 03 0000803f 000020c0 cdcccc3d 01 02 046c616e67 09e697a5e69cace8aa9e 016b 0176 fc00f15365',
  )
  const entry: V1Entry = {
    type: 'insert',
    id: 'a',
    vector: Float32Array.of(1, -2.5, 0.1),
    metadata: new Map([
      ['lang', '日本語'],
      ['k', 'v'],
    ]),
    timestamp: 1_700_000_000n,
  }
  assert.deepEqual(bits(decoded(payload)), bits(entry))
  assert.deepEqual(Buffer.from(encodeV1Entry(entry)), payload)
})

test('every entry comes back bit for bit, and its encoding comes back byte for byte', () => {
  fc.assert(
    fc.property(entries, (entry) => {
      const payload = encodeV1Entry(entry)
      const result = decodeV1Entry(payload)
      assert.ok(result.ok)
      assert.deepEqual(bits(result.entry), bits(entry))
      assert.equal(result.trailingBytes, 0)
      assert.deepEqual(encodeV1Entry(result.entry), payload)
    }),
    { numRuns: 500 },
  )
})

test('the bits of NaNs, negative zero and subnormals are kept', () => {
  const vector = hex('0100807f 010080ff efbeadff 00000080 01000000 0000807f')
  const payload = Buffer.concat([hex('00 0161 06'), vector, hex('00 00')])
  const entry = decoded(payload) as V1DataEntry
  assert.deepEqual(Buffer.from(entry.vector.buffer), vector)
  assert.deepEqual(Buffer.from(encodeV1Entry(entry)), payload)
})

test('of a repeated metadata key the last value holds, at the place of the first', () => {
  const { metadata } = decoded(hex('00 00 00 01 03 0161 0131 0162 0132 0161 0133 00')) as V1DataEntry
  assert.deepEqual(
    [...metadata!],
    [
      ['a', '3'],
      ['b', '2'],
    ],
  )
})

test('the kind of entry may be over-long in 16 and 32 bits, not in 64', () => {
  for (const kind of ['02', 'fb0200', 'fc02000000']) {
    assert.deepEqual(decoded(hex(`${kind} 0161 05`)), { type: 'delete', id: 'a', timestamp: 5n })
  }
  assert.match(failure(hex('fd0200000000000000 0161 05')).reason, /no kind of entry/)
})

test('bytes behind the entry are counted and otherwise ignored', () => {
  const result = decodeV1Entry(hex('02 0161 05 ffffff'))
  assert.deepEqual(result, { ok: true, entry: { type: 'delete', id: 'a', timestamp: 5n }, trailingBytes: 3 })
})

test('a text keeps a byte order mark and is refused if it is not UTF-8', () => {
  assert.equal((decoded(hex('02 04efbbbf61 00')) as { id: string }).id, '\ufeffa')
  for (const text of ['01ff', '02c080', '03eda080', '04f4908080']) {
    assert.match(failure(hex(`02 ${text} 00`)).reason, /the id is not valid UTF-8/)
  }
})

test('what was read before the failure is told with it', () => {
  const { at, ids, reason } = failure(hex('03 02 02 0161 05 00 0162 00 07'))
  assert.deepEqual(ids, ['a', 'b'])
  assert.equal(at, 10)
  assert.match(reason, /metadata begins with 7/)
})

test('any bytes are an entry or a failure', () => {
  const likely = fc.array(fc.oneof(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 255 })), {
    maxLength: 200,
  })
  let entriesSeen = 0
  fc.assert(
    fc.property(likely, (bytes) => {
      const result = decodeV1Entry(Uint8Array.from(bytes))
      if (result.ok) entriesSeen++
      else assert.ok(result.failure.reason.length > 0 && result.failure.at <= bytes.length)
    }),
    { numRuns: 20_000 },
  )
  assert.ok(entriesSeen > 100, `only ${entriesSeen} of the random payloads decoded`)
})

test('a payload that is cut or altered anywhere is still an entry or a failure', () => {
  fc.assert(
    fc.property(entries, fc.nat(), fc.nat(255), (entry, where, byte) => {
      const payload = encodeV1Entry(entry)
      const at = where % payload.length
      assert.equal(decodeV1Entry(payload.subarray(0, at)).ok, false)
      payload[at] = byte
      assert.equal(typeof decodeV1Entry(payload).ok, 'boolean')
    }),
    { numRuns: 500 },
  )
})

test('nothing is allocated for lengths and counts that are not true', () => {
  const lies = {
    'an id of 2^60 bytes': '02 fd0000000000000010 78',
    'a vector of 2^31 - 1': '00 0161 fcffffff7f 00000000',
    'a vector of 2^64 - 1': '00 0161 fdffffffffffffffff 00000000',
    'a batch of 2^40': '03 fd0000000000010000 02016105',
    'metadata of 2^32 - 1 pairs': '00 00 00 01 fcffffffff 0161 0162',
  }
  for (const [name, payload] of Object.entries(lies)) {
    const before = process.memoryUsage()
    assert.match(failure(hex(payload)).reason, /bytes where|no room for/, name)
    const after = process.memoryUsage()
    assert.ok(after.arrayBuffers - before.arrayBuffers < 1e6, `${name} took a buffer`)
    assert.ok(after.heapTotal - before.heapTotal < 64e6, `${name} took heap`)
  }
})

function nested(depth: number): V1Entry {
  let entry: V1Entry = { type: 'delete', id: 'deep', timestamp: 0n }
  for (let level = 0; level < depth; level++) entry = { type: 'batch', entries: [entry], timestamp: 0n }
  return entry
}

test('batches nest as deep as the limit and no deeper, both ways', () => {
  const deepest = encodeV1Entry(nested(MAX_V1_BATCH_NESTING))
  assert.deepEqual(decoded(deepest), nested(MAX_V1_BATCH_NESTING))
  const deeper = Buffer.concat([hex('0301'), deepest, hex('00')])
  assert.match(failure(deeper).reason, /nested deeper than 64/)
  assert.match(failure(Buffer.from('0301'.repeat(1_000_000), 'hex')).reason, /nested deeper than 64/)
  assert.throws(() => encodeV1Entry(nested(MAX_V1_BATCH_NESTING + 1)), { code: 'WALV_INVALID_ENTRY' })
})

test('a record that would fill the memory with small objects is refused, both ways', () => {
  const small: V1Entry = { type: 'delete', id: '', timestamp: 0n }
  const most = encodeV1Entry({ type: 'batch', entries: new Array(MAX_V1_ITEMS).fill(small), timestamp: 0n })
  assert.equal(decodeV1Entry(most).ok, true)
  const more = Buffer.concat([hex('03 02'), most, hex('03 01 020000 00 00')])
  assert.match(failure(more).reason, /more than 1000000 entries/)
  const tooMany: V1Entry = { type: 'batch', entries: new Array(MAX_V1_ITEMS + 1).fill(small), timestamp: 0n }
  assert.throws(() => encodeV1Entry(tooMany), { code: 'WALV_INVALID_ENTRY' })
})

test('a payload may be as long as the limit, and not a byte longer', () => {
  const longest = 'x'.repeat(MAX_V1_PAYLOAD_BYTES - 7)
  const entry = (id: string): V1Entry => ({ type: 'delete', id, timestamp: 0n })
  assert.equal(encodeV1Entry(entry(longest)).length, MAX_V1_PAYLOAD_BYTES)
  assert.throws(() => encodeV1Entry(entry(`${longest}x`)), {
    code: 'WALV_INVALID_ENTRY',
    message: /longer than/,
  })
})

test('what v1 cannot hold is refused by name', () => {
  const good = insert('a', 1) as V1DataEntry
  const refused: [unknown, RegExp][] = [
    [{ ...good, id: '\ud800' }, /the id holds half a surrogate pair/],
    [{ ...good, id: 7 }, /the id is no string/],
    [{ ...good, metadata: new Map([['k', '\udfff']]) }, /a metadata value of insert "a" holds half/],
    [{ ...good, metadata: new Map([['k', 1]]) }, /a metadata value of insert "a" is no string/],
    [{ ...good, vector: [1] }, /the vector of insert "a" is no Float32Array/],
    [{ ...good, timestamp: -1n }, /timestamp of insert "a" is -1/],
    [{ ...good, timestamp: 2n ** 64n }, /timestamp of insert "a" is 18446744073709551616/],
    [{ ...good, timestamp: 5 }, /timestamp of insert "a" is 5/],
    [{ type: 'checkpoint', sequenceNumber: 2n ** 64n, timestamp: 0n }, /sequence number/],
    [{ type: 'custom', timestamp: 0n }, /no kind of entry "custom"/],
    [{ ...good, vector: new Float32Array(MAX_V1_PAYLOAD_BYTES / 4) }, /longer than 100000000/],
  ]
  for (const [entry, message] of refused) {
    assert.throws(() => encodeV1Entry(entry as V1Entry), { code: 'WALV_INVALID_ENTRY', message })
  }
})
