/**
 * Payloads whose sums are right and whose content is not: nobody else writes them, but a reader has
 * to stand them.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ByteBuffer, byteBuffer } from '../../src/format/byte-buffer.ts'
import { decodeRecord } from '../../src/format/decode.ts'
import { FLAG_HAS_ORIGIN, FLAG_IN_TRANSACTION, FRAME_TYPES, type FrameType } from '../../src/format/frame.ts'
import { MAX_BATCH_NESTING } from '../support/kit.ts'
import { AT, CODEC, frameOf, frameOfEntry, hex, OFFSET, read } from './frames.ts'

type TypeName = keyof typeof FRAME_TYPES

const decode = (type: TypeName | number, payload: string, flags = 0, seq = 0): unknown => {
  const decoded = read(
    frameOf(hex(payload), {
      type: (typeof type === 'string' ? FRAME_TYPES[type] : type) as FrameType,
      flags,
      seq,
    }),
  )
  return typeof decoded === 'string' ? decoded : decoded.entry
}

/** A field that reaches `bytes` too far, told by the last bytes of a payload that is right. */
const problems: [string, TypeName, string, string][] = [
  [
    'a data entry without room for its fields',
    'delete',
    '00000000 0100 0000 00 00 00',
    'no room for its fields',
  ],
  [
    'an id beyond the record',
    'delete',
    '00000000 0200 0000 00 00 0000 61',
    'fields of other lengths than the record',
  ],
  [
    'bytes behind a delete',
    'delete',
    '00000000 0100 0000 00 00 0000 61 00',
    'fields of other lengths than the record',
  ],
  [
    'a vector beyond the record',
    'insert',
    '00000000 0100 0200 01 01 0000 0000803f 61',
    'fields of other lengths than the record',
  ],
  [
    'metadata beyond the record',
    'insert',
    '02000000 0100 0100 01 03 0000 0000803f 61 31',
    'fields of other lengths than the record',
  ],
  [
    'a vector of an unknown type',
    'insert',
    '00000000 0100 0100 02 01 0000 0000803f 61',
    'an unknown element type',
  ],
  ['a vector of no type', 'insert', '00000000 0100 0100 00 01 0000 0000803f 61', 'an unknown element type'],
  ['a type without a vector', 'update', '00000000 0100 0000 01 00 0000 61', 'an unknown element type'],
  ['an insert without a vector', 'insert', '00000000 0100 0000 00 00 0000 61', 'an insert without a vector'],
  ['metadata that is no JSON', 'update', '01000000 0100 0000 00 02 0000 61 7b', 'metadata that is no JSON'],
  ['metadata of no bytes', 'update', '00000000 0100 0000 00 02 0000 61', 'metadata that is no JSON'],
  ['a batch without room for its count', 'batch', '00000000 000000', 'no room for a count'],
  [
    'a batch of more than there is room for',
    'batch',
    '02000000 00000000 00000000',
    'a count of entries beyond the record',
  ],
  ['a batch of 2^32 - 1', 'batch', 'ffffffff 00000000', 'a count of entries beyond the record'],
  ['an entry without room for its type', 'batch', '01000000 00000000 03000000', 'an entry beyond the record'],
  [
    'an entry that is longer than the batch',
    'batch',
    '01000000 00000000 03000000 0d000000 00000000 0100 0000 00 00 0000',
    'an entry beyond the record',
  ],
  [
    'an entry whose padding is not there',
    'batch',
    '01000000 00000000 03000000 0d000000 00000000 0100 0000 00 00 0000 61',
    'an entry beyond the record',
  ],
  ['bytes behind the last entry', 'batch', '00000000 00000000 00000000', 'bytes behind its last entry'],
  ...([0, 5, 6, 9, 11, 12, 13, 256 + 3] as const).map((type): [string, TypeName, string, string] => [
    `an entry of type ${type} in a batch`,
    'batch',
    `01000000 00000000 ${hex32(type)} 00000000`,
    type === 0 ? 'an unknown entry type, 0' : `an entry of type ${type} in a batch`,
  ]),
  [
    'a batch in a batch that is longer than its record',
    'batch',
    '01000000 00000000 04000000 08000000 01000000 00000000',
    'an entry beyond the record',
  ],
  ['a custom entry without room for its fields', 'custom', '00000000 0000 00', 'no room for its fields'],
  ['a kind beyond the record', 'custom', '00000000 0200 0000 6b', 'fields of other lengths than the record'],
  ['data beyond the record', 'custom', '02000000 0100 0000 6b ff', 'fields of other lengths than the record'],
  ['bytes behind the data', 'custom', '00000000 0100 0000 6b ff', 'fields of other lengths than the record'],
  [
    'a checkpoint without room for its fields',
    'checkpoint',
    '0000000000000000 0100000000000000 00000000 000000',
    'no room for its fields',
  ],
  [
    'a snapshot of another length',
    'checkpoint',
    '0000000000000000 0100000000000000 01000000 00000000',
    'fields of other lengths than the record',
  ],
  [
    'a checkpoint through 2^53',
    'checkpoint',
    '0000000000002000 0100000000000000 00000000 00000000',
    'a number beyond 2^53',
  ],
  [
    'a replay from 2^53',
    'checkpoint',
    '0000000000000000 0000000000002000 00000000 00000000',
    'a number beyond 2^53',
  ],
  ['a gap without room for its number', 'gap', '00000000000000', 'no room for a number'],
  ['a gap through 2^53', 'gap', '0000000000002000', 'a number beyond 2^53'],
  ['a promise as a record', 'watermark', '', 'an unknown entry type, 12'],
]

function hex32(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes.toString('hex')
}

for (const [name, type, payload, problem] of problems) {
  test(`a payload makes no sense, and is told so: ${name}`, () => {
    assert.equal(decode(type, payload), problem)
  })
}

test('a batch that counts more entries than it has makes no sense, also where nothing follows in memory', () => {
  const frame = frameOf(hex('02000000 00000000 04000000 08000000 00000000 00000000'), {
    type: FRAME_TYPES.batch,
  })
  const exact = byteBuffer(frame.bytes.length - AT)
  frame.bytes.copy(exact.bytes)
  assert.equal(read(exact), 'an entry beyond the record')
})

test('a transaction id that is cut or beyond 2^53 makes no sense', () => {
  assert.equal(
    decode('commitTransaction', '00000000000000', FLAG_IN_TRANSACTION),
    'no room for a transaction id or an origin',
  )
  assert.equal(
    decode('commitTransaction', '0000000000002000', FLAG_IN_TRANSACTION),
    'a transaction id beyond 2^53',
  )
})

test('an origin that is cut, or whose number is beyond 2^53, makes no sense', () => {
  const process = '00'.repeat(16)
  const cut = decode(
    'commitTransaction',
    `0100000000000000 ${process} 01`,
    FLAG_IN_TRANSACTION | FLAG_HAS_ORIGIN,
  )
  assert.equal(cut, 'no room for a transaction id or an origin')
  assert.equal(
    decode('batch', `${process} 0000000000002000 00000000 00000000`, FLAG_HAS_ORIGIN),
    'the number of an origin beyond 2^53',
  )
})

test('a transaction and an origin are taken off in front of an entry, in that order', () => {
  const process = '000102030405060708090a0b0c0d0e0f'
  const payload = `0700000000000000 ${process} 0500000000000000`
  const flags = FLAG_IN_TRANSACTION | FLAG_HAS_ORIGIN
  assert.deepEqual(
    read(frameOf(hex(payload), { type: FRAME_TYPES.commitTransaction, flags, seq: 9, timestamp: 5 })),
    {
      seq: 9,
      timestamp: 5,
      entry: { type: 'commitTransaction' },
      transactionId: 7,
      origin: { process, number: 5 },
    },
  )
})

test('the id of a transaction is taken off in front of any entry', () => {
  const id = '0700000000000000'
  const payload = `${id} 01000000 00000000 03000000 0d000000 00000000 0100 0000 00 00 0000 61 000000`
  const frame = frameOf(hex(payload), {
    type: FRAME_TYPES.batch,
    flags: FLAG_IN_TRANSACTION,
    seq: 9,
    timestamp: 5,
  })
  assert.deepEqual(read(frame), {
    seq: 9,
    timestamp: 5,
    entry: { type: 'batch', entries: [{ type: 'delete', id: 'a' }] },
    transactionId: 7,
  })
})

function snapshot(value: unknown): unknown {
  const json = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
  const decoded = decode(
    'checkpoint',
    `0000000000000000 0100000000000000 ${hex32(json.length)} 00000000 ${json.toString('hex')}`,
    0,
    1,
  )
  return typeof decoded === 'string' ? decoded : (decoded as { snapshot: unknown }).snapshot
}

const SHA256 = '0123456789abcdef'.repeat(4)

test('a checkpoint gives back the snapshot that it names, with all that it says', () => {
  const files = ['_', 'A-.z_9', '7'].map((name) => ({ name, bytes: 1, sha256: SHA256 }))
  const named = { name: 'snapshot-0000000000000041', files, info: { any: ['thing'] }, later: 1 }
  assert.deepEqual(snapshot(named), named)
})

test('a snapshot without a name or a list of files makes no sense', () => {
  for (const value of ['{', 'null', '7', '[]', {}, { name: 's' }, { files: [] }, { name: 7, files: [] }]) {
    assert.equal(snapshot(value), 'a snapshot without a name or files', JSON.stringify(value))
  }
  assert.equal(snapshot({ name: 's', files: {} }), 'a snapshot without a name or files')
})

test('a name that could lead out of the folder is refused', () => {
  const problem = 'a snapshot with names that are no file names, or come twice'
  for (const name of [
    '',
    '.',
    '..',
    '../up',
    'a/b',
    'a\\b',
    '-a',
    ' a',
    'a ',
    'a\n',
    'é',
    'aé',
    '.hidden',
    'C:x',
  ]) {
    assert.equal(snapshot({ name, files: [] }), problem, `folder ${JSON.stringify(name)}`)
    const files = [{ name: 'fine' }, { name }]
    assert.equal(snapshot({ name: 'fine', files }), problem, `file ${JSON.stringify(name)}`)
  }
  for (const file of [null, 7, {}, { name: 7 }])
    assert.equal(snapshot({ name: 'fine', files: [file] }), problem)
})

/** Batches in each other, the innermost empty. */
function nested(depth: number): string {
  let payload = Buffer.alloc(8)
  for (let level = 1; level < depth; level++) {
    payload = Buffer.concat([hex('01000000 00000000 04000000'), hex(hex32(payload.length)), payload])
  }
  return payload.toString('hex')
}

test('batches are read as deep as the limit and no deeper', () => {
  let depth = 0
  let entry = decode('batch', nested(MAX_BATCH_NESTING)) as { entries: (typeof entry)[] } | undefined
  for (; entry; entry = entry.entries[0]) depth++
  assert.equal(depth, MAX_BATCH_NESTING)
  assert.equal(decode('batch', nested(MAX_BATCH_NESTING + 1)), 'batches nested deeper than 16')
  assert.equal(decode('batch', nested(10_000)), 'batches nested deeper than 16')
})

test('metadata that nests too deep makes no sense', () => {
  const json = `${'['.repeat(101)}${']'.repeat(101)}`
  const payload = `${hex32(json.length)} 0100 0000 00 02 0000 61 ${Buffer.from(json).toString('hex')}`
  assert.equal(decode('update', payload), 'metadata that is no JSON')
})

test('vector and data are copies, bit for bit, from any place', () => {
  const frame: ByteBuffer = frameOf(hex('00000000 0100 0200 01 01 0000 010080ff 0000c0bf 61'), {
    type: FRAME_TYPES.insert,
  })
  const record = read(frame)
  assert.ok(typeof record === 'object' && record.entry.type === 'insert')
  const { vector } = record.entry
  frame.bytes.fill(0)
  assert.equal(
    Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('hex'),
    '010080ff0000c0bf',
  )
  assert.equal(vector.buffer.byteLength, 8, 'and keeps no more than itself alive')
  const custom = frameOf(hex('02000000 0100 0000 6b 01ff'))
  const other = read(custom)
  assert.ok(typeof other === 'object' && other.entry.type === 'custom')
  custom.bytes.fill(0)
  assert.deepEqual(other.entry.data, Uint8Array.of(1, 255))
  assert.equal(other.entry.data.buffer.byteLength, 2)
})

test('what is absent in an entry is absent in what is read', () => {
  assert.deepEqual(decode('update', '00000000 0100 0000 00 00 0000 61'), { type: 'update', id: 'a' })
  assert.deepEqual(decode('update', '00000000 0100 0000 01 01 0000 61'), {
    type: 'update',
    id: 'a',
    vector: new Float32Array(0),
  })
  assert.deepEqual(decode('update', '04000000 0100 0000 00 02 0000 61 6e756c6c'), {
    type: 'update',
    id: 'a',
    metadata: null,
  })
  assert.deepEqual(decode('insert', '00000000 0100 0000 01 01 0000 61'), {
    type: 'insert',
    id: 'a',
    vector: new Float32Array(0),
    metadata: null,
  })
})

test('every marker is read as what it is', () => {
  for (const type of [
    'beginTransaction',
    'prepareTransaction',
    'commitTransaction',
    'abortTransaction',
  ] as const) {
    assert.deepEqual(read(frameOfEntry({ type }, { seq: 5 }, 5)), {
      seq: 5,
      timestamp: 0,
      entry: { type },
      transactionId: 5,
    })
  }
})

test('a payload that is not all in memory is a mistake of the caller, and is not taken for damage', () => {
  const frame = frameOfEntry({ type: 'delete', id: 'a' })
  const header = CODEC.readHeader(frame, AT, OFFSET)!
  const short = byteBuffer(AT + 40)
  assert.throws(() => decodeRecord(short, AT, header), RangeError)
})
