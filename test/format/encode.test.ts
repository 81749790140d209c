/**
 * What `docs/limits.md` and the entries' types promise of what may be appended. The bytes are in
 * `specification.test.ts`.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { echo } from '../../src/echo.ts'
import { checkedIdBytes, encodable, encodableInput, vectorOf } from '../../src/format/encode.ts'
import { enveloped, flagsOf } from '../../src/format/envelope.ts'
import { FLAG_IN_TRANSACTION, FRAME_TYPES } from '../../src/format/frame.ts'
import {
  type BatchEntry,
  type EntryInput,
  MAX_BATCH_ENTRIES,
  MAX_BATCH_NESTING,
  MAX_CUSTOM_KIND_BYTES,
  MAX_DIMENSIONS,
  MAX_ID_BYTES,
  MAX_RECORD_BYTES,
} from '../support/kit.ts'
import { frameOfEntry, hex, payloadOf, read } from './frames.ts'
import { assertRefused, type Refusal } from './refusal.ts'

const any = (value: unknown): never => value as never
const insert = (fields: object = {}): EntryInput => ({ type: 'insert', id: 'a', vector: [1], ...fields })
const custom = (fields: object = {}): EntryInput => ({
  type: 'custom',
  kind: 'k',
  data: new Uint8Array(1),
  ...fields,
})

/** Batches around each other, `depth` in all. */
function nested(depth: number): BatchEntry {
  let batch: BatchEntry = { type: 'batch', entries: [] }
  for (let level = 1; level < depth; level++) batch = { type: 'batch', entries: [batch] }
  return batch
}

const refusals: [string, unknown, Refusal][] = [
  ...[undefined, null, 7, 7n, Number.NaN, 'text'].map((value): [string, unknown, Refusal] => [
    `the entry ${String(value)}`,
    value,
    {
      code: 'WALV_INVALID_ENTRY',
      message: `An entry must be an object, not ${echo(value)}. Nothing was logged.`,
    },
  ]),
  [
    'an unknown type',
    { type: 'upsert' },
    {
      code: 'WALV_INVALID_ENTRY',
      message:
        'An entry cannot have the type "upsert". The types are: insert, update, delete, batch, custom; an upsert is an insert with replace: true. Nothing was logged.',
    },
  ],
  [
    'no type',
    {},
    {
      code: 'WALV_INVALID_ENTRY',
      message:
        'An entry cannot have the type undefined. The types are: insert, update, delete, batch, custom; an upsert is an insert with replace: true. Nothing was logged.',
    },
  ],
  [
    'a kind that is no string',
    custom({ kind: 7 }),
    {
      code: 'WALV_INVALID_ENTRY',
      message: 'The kind of a custom entry must be a well-formed, non-empty string. Nothing was logged.',
    },
  ],
  [
    'an empty kind',
    custom({ kind: '' }),
    {
      code: 'WALV_INVALID_ENTRY',
      message: 'The kind of a custom entry must be a well-formed, non-empty string. Nothing was logged.',
    },
  ],
  [
    'a kind with half a surrogate pair',
    custom({ kind: '\ud800' }),
    {
      code: 'WALV_INVALID_ENTRY',
      message: 'The kind of a custom entry must be a well-formed, non-empty string. Nothing was logged.',
    },
  ],
  [
    'data that is no Uint8Array',
    custom({ data: 'text' }),
    {
      code: 'WALV_INVALID_ENTRY',
      message: 'The data of the custom entry "k" must be a Uint8Array. Nothing was logged.',
    },
  ],
  [
    'a kind that is too long in UTF-8',
    custom({ kind: 'é'.repeat(128) }),
    {
      code: 'WALV_LIMIT',
      message:
        'The kind of a custom entry has 256 bytes of UTF-8; at most 255 are allowed. Nothing was logged.',
    },
  ],
  [
    'entries of a batch that are no array',
    { type: 'batch', entries: {} },
    { code: 'WALV_INVALID_ENTRY', message: 'The entries of a batch must be an array. Nothing was logged.' },
  ],
  [
    'an entry of a batch that is none',
    { type: 'batch', entries: [null] },
    { code: 'WALV_INVALID_ENTRY', message: 'An entry must be an object, not null. Nothing was logged.' },
  ],
  ...(['beginTransaction', 'commitTransaction', 'gap', 'checkpoint'] as const).map(
    (type): [string, unknown, Refusal] => [
      `a ${type} in a batch`,
      {
        type: 'batch',
        entries: [{ type, throughSeq: 1, sequenceNumber: 1, replayFrom: 2, snapshot: null }],
      },
      {
        code: 'WALV_INVALID_ENTRY',
        message: `A batch cannot hold an entry of type "${type}". Nothing was logged.`,
      },
    ],
  ),
  [
    'batches that are nested too deep',
    nested(MAX_BATCH_NESTING + 1),
    { code: 'WALV_LIMIT', message: 'Batches may be nested at most 16 deep. Nothing was logged.' },
  ],
  [
    'a batch of too many entries, nested ones included',
    {
      type: 'batch',
      entries: [
        { type: 'batch', entries: [] },
        { type: 'batch', entries: new Array(MAX_BATCH_ENTRIES - 1) },
      ],
    },
    {
      code: 'WALV_LIMIT',
      message: 'A batch may hold at most 1000000 entries. Split it. Nothing was logged.',
    },
  ],
  [
    'a record that is too long',
    custom({ data: new Uint8Array(MAX_RECORD_BYTES - 8) }),
    {
      code: 'WALV_LIMIT',
      message:
        'The custom has 67108865 bytes; a record may have at most 67108864. Split it. Nothing was logged.',
    },
  ],
  [
    'a vector that is neither a Float32Array nor an array',
    insert({ vector: { length: 1 } }),
    {
      code: 'WALV_INVALID_VECTOR',
      message: 'The vector of "a" must be a Float32Array or an array of numbers. Nothing was logged.',
      id: 'a',
    },
  ],
  [
    'an update with a vector that is none',
    { type: 'update', id: 'a', vector: null },
    {
      code: 'WALV_INVALID_VECTOR',
      message: 'The vector of "a" must be a Float32Array or an array of numbers. Nothing was logged.',
      id: 'a',
    },
  ],
  [
    'a vector with an element that is no number',
    insert({ vector: ['1', 2] }),
    {
      code: 'WALV_INVALID_VECTOR',
      message: 'Element 0 of the vector of "a" is "1", not a number. Nothing was logged.',
      id: 'a',
    },
  ],
  [
    'a vector with a last element that is no number',
    insert({ vector: [1, 2, undefined] }),
    {
      code: 'WALV_INVALID_VECTOR',
      message: 'Element 2 of the vector of "a" is undefined, not a number. Nothing was logged.',
      id: 'a',
    },
  ],
  [
    'a vector of too many dimensions',
    insert({ vector: new Float32Array(MAX_DIMENSIONS + 1) }),
    {
      code: 'WALV_LIMIT',
      message: 'The vector of "a" has 65536 dimensions; at most 65535 are allowed. Nothing was logged.',
      id: 'a',
    },
  ],
  [
    'an id that is no string',
    { type: 'delete', id: 7 },
    { code: 'WALV_INVALID_ID', message: 'An id must be a string, not 7. Nothing was logged.' },
  ],
  [
    'an empty id',
    { type: 'delete', id: '' },
    { code: 'WALV_INVALID_ID', message: 'An id must not be empty. Nothing was logged.' },
  ],
  [
    'an id with half a surrogate pair',
    { type: 'delete', id: 'a\udfff' },
    {
      code: 'WALV_INVALID_ID',
      message: 'The id "a\\udfff" has half a surrogate pair, which UTF-8 cannot hold. Nothing was logged.',
      id: 'a\udfff',
    },
  ],
  [
    'an id that is too long in UTF-8',
    { type: 'delete', id: 'é'.repeat(32_768) },
    {
      code: 'WALV_LIMIT',
      message: `The id "${'é'.repeat(60)}"… has 65536 bytes of UTF-8; at most 65535 are allowed. Nothing was logged.`,
    },
  ],
]

for (const [name, entry, refusal] of refusals) {
  test(`refused by name: ${name}`, () => {
    assertRefused(() => encodable(any(entry)), refusal)
    assertRefused(() => encodableInput(any(entry)), refusal)
  })
}

test('a user cannot append what only the log itself may write', () => {
  const markers = ['beginTransaction', 'prepareTransaction', 'commitTransaction', 'abortTransaction'] as const
  const own = { throughSeq: 1, sequenceNumber: 1, replayFrom: 2, snapshot: null }
  for (const type of [...markers, 'checkpoint', 'gap'] as const) {
    const entry = any({ type, ...own })
    assert.equal(encodable(entry).type, FRAME_TYPES[type])
    assertRefused(() => encodableInput(entry), {
      code: 'WALV_INVALID_ENTRY',
      message: `A ${type} cannot be appended: it is written by begin(), commit(), abort(), prepare() or checkpoint(). Nothing was logged.`,
    })
  }
  const users: EntryInput[] = [
    insert(),
    { type: 'update', id: 'a' },
    { type: 'delete', id: 'a' },
    nested(1),
    custom(),
  ]
  for (const entry of users) assert.equal(encodableInput(entry).type, FRAME_TYPES[entry.type])
})

test('everything at its limit is encoded and comes back', () => {
  const longest: EntryInput[] = [
    { type: 'delete', id: `x${'é'.repeat(32_767)}` },
    { type: 'insert', id: 'a', vector: new Float32Array(MAX_DIMENSIONS).fill(0.5), metadata: null },
    { type: 'custom', kind: 'k'.repeat(MAX_CUSTOM_KIND_BYTES), data: new Uint8Array(3).fill(1) },
    nested(MAX_BATCH_NESTING),
    // Many at one depth do not add up.
    {
      type: 'batch',
      entries: Array.from({ length: MAX_BATCH_NESTING }, () => nested(MAX_BATCH_NESTING - 1)),
    },
  ]
  for (const entry of longest) {
    const record = read(frameOfEntry(entry))
    assert.deepEqual(typeof record === 'string' ? record : record.entry, entry)
  }
  assert.equal(checkedIdBytes('x'.repeat(MAX_ID_BYTES)), MAX_ID_BYTES)
  assert.equal(encodable(custom({ data: new Uint8Array(MAX_RECORD_BYTES - 9) })).bytes, MAX_RECORD_BYTES)
})

test('a batch may have a million entries, nested ones included', () => {
  const empty: BatchEntry = { type: 'batch', entries: [] }
  const most: BatchEntry = {
    type: 'batch',
    entries: [{ type: 'batch', entries: Array(999_999).fill(empty) }],
  }
  assert.equal(encodable(most).bytes, 8 + 16 + 16 * 999_999)
})

test('numbers are rounded to float32, a Float32Array is taken as it is', () => {
  assert.deepEqual(vectorOf([0.1, 2 ** 200, -0], 'a'), Float32Array.of(0.1, Number.POSITIVE_INFINITY, -0))
  const vector = Float32Array.of(1, 2)
  assert.equal(vectorOf(vector, 'a'), vector)
})

test('an insert with null metadata is one with none; an update with null clears', () => {
  const none = '00000000 0100 0100 01 01 0000 0000803f 61'
  assert.deepEqual(payloadOf(insert()), hex(none))
  assert.deepEqual(payloadOf(insert({ metadata: null })), hex(none))
  assert.deepEqual(payloadOf(insert({ replace: false })), hex(none))
  assert.deepEqual(payloadOf({ type: 'update', id: 'a' }), hex('00000000 0100 0000 00 00 0000 61'))
  assert.deepEqual(
    payloadOf({ type: 'update', id: 'a', metadata: null }),
    hex('04000000 0100 0000 00 02 0000 61 6e756c6c'),
  )
  assert.deepEqual(
    payloadOf({ type: 'update', id: 'a', vector: [] }),
    hex('00000000 0100 0000 01 01 0000 61'),
    'a vector of no dimensions is a vector',
  )
})

test('a delete carries nothing but its id', () => {
  assert.deepEqual(
    payloadOf(any({ type: 'delete', id: 'a', vector: [1], metadata: 1, replace: true })),
    hex('00000000 0100 0000 00 00 0000 61'),
  )
  assert.deepEqual(
    payloadOf(any({ type: 'update', id: 'a', replace: true })),
    hex('00000000 0100 0000 00 00 0000 61'),
    'and an update replaces by itself',
  )
})

test('entries of a batch stand at multiples of 4, zeros between them, and come back', () => {
  const batch: EntryInput = {
    type: 'batch',
    entries: [
      custom(),
      { type: 'delete', id: 'abc' },
      insert({ id: 'é', vector: Float32Array.of(1), metadata: null }),
    ],
  }
  const record = read(frameOfEntry(batch))
  assert.deepEqual(typeof record === 'string' ? record : record.entry, batch)
  assert.deepEqual(
    payloadOf(batch),
    hex(`03000000 00000000
      0a000000 0a000000  01000000 0100 0000 6b 00 0000
      03000000 0f000000  00000000 0300 0000 00 00 0000 616263 00
      01000000 12000000  00000000 0200 0100 01 01 0000 0000803f c3a9 0000`),
  )
})

test('a checkpoint names its snapshot as JSON', () => {
  const snapshot = { name: 's', files: [], info: 'é' }
  const json = JSON.stringify(snapshot)
  const payload = payloadOf({
    type: 'checkpoint',
    sequenceNumber: 2 ** 40,
    replayFrom: 2 ** 40 + 1,
    snapshot,
  })
  assert.deepEqual(payload.subarray(0, 24), hex('0000000000010000 0100000000010000 23000000 00000000'))
  assert.equal(payload.toString('utf8', 24), json)
})

test("a member's payload begins with the id of its transaction, and its flag says so", () => {
  assert.deepEqual(
    payloadOf({ type: 'delete', id: 'a' }, 2 ** 40),
    hex('0000000000010000 00000000 0100 0000 00 00 0000 61'),
  )
  const member = enveloped(encodable({ type: 'commitTransaction' }), 7)
  assert.deepEqual([member.type, member.bytes], [FRAME_TYPES.commitTransaction, 8])
  assert.deepEqual(
    [flagsOf(undefined), flagsOf(0), flagsOf(7)],
    [0, FLAG_IN_TRANSACTION, FLAG_IN_TRANSACTION],
  )
})
