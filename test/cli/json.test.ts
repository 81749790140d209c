import assert from 'node:assert/strict'
import { test } from 'node:test'
import { damageToJson, recordToJson, v1RecordToJson } from '../../src/cli/json.ts'
import { conditionEntry, NO_DIGEST } from '../../src/format/condition.ts'
import type { V1Entry, V1Record } from '../../src/v1/format/entry.ts'
import type { Damage, JsonValue, WalEntry, WalRecord } from '../support/kit.ts'

const vector = new Float32Array([1, -2.5])
const VECTOR = 'AACAPwAAIMA='

function line(entry: WalEntry, rest: Partial<WalRecord> = {}): string {
  return recordToJson({ seq: 7, timestamp: 1_700_000_000_000, entry, ...rest })
}

const lines: [title: string, entry: WalEntry, body: string][] = [
  [
    'An insert',
    { type: 'insert', id: 'a', vector, metadata: { lang: 'en' } },
    `"type":"insert","id":"a","vector":"${VECTOR}","metadata":{"lang":"en"}`,
  ],
  [
    'An insert without metadata',
    { type: 'insert', id: 'a', vector: new Float32Array(0) },
    '"type":"insert","id":"a","vector":"","metadata":null',
  ],
  [
    'A condition',
    conditionEntry({
      expects: [
        { id: 'a', seq: 7 },
        { id: 'b', seq: null },
      ],
      key: { text: 'k', digest: NO_DIGEST },
    }),
    '"type":"custom","kind":"walv.condition","data":"AQABAAIAAAAAAAAAAAAAAAAAAAAAAAAAawcAAAAAAAAAAQBh//////////8BAGI=","condition":{"expects":[{"id":"a","seq":"7"},{"id":"b","seq":null}],"idempotencyKey":"k"}',
  ],
  [
    'An upsert',
    { type: 'insert', id: 'a', vector, metadata: null, replace: true },
    `"type":"insert","id":"a","vector":"${VECTOR}","metadata":null,"replace":true`,
  ],
  [
    'An update of both',
    { type: 'update', id: 'a', vector, metadata: [0, false, ''] },
    `"type":"update","id":"a","vector":"${VECTOR}","metadata":[0,false,""]`,
  ],
  [
    'An update of the vector',
    { type: 'update', id: 'a', vector },
    `"type":"update","id":"a","vector":"${VECTOR}"`,
  ],
  [
    'An update that clears',
    { type: 'update', id: 'a', metadata: null },
    '"type":"update","id":"a","metadata":null',
  ],
  ['A delete', { type: 'delete', id: '\u2028"\ud800' }, '"type":"delete","id":"\u2028\\"\\ud800"'],
  [
    'A custom entry',
    { type: 'custom', kind: 'my.kind', data: Uint8Array.of(9, 255, 0, 9).subarray(1, 3) },
    '"type":"custom","kind":"my.kind","data":"/wA="',
  ],
  [
    'A batch within a batch',
    {
      type: 'batch',
      entries: [
        { type: 'delete', id: 'a' },
        { type: 'batch', entries: [{ type: 'insert', id: 'b', vector }] },
        { type: 'custom', kind: 'k', data: new Uint8Array(0) },
      ],
    },
    `"type":"batch","entries":[{"type":"delete","id":"a"},{"type":"batch","entries":[{"type":"insert","id":"b","vector":"${VECTOR}","metadata":null}]},{"type":"custom","kind":"k","data":""}]`,
  ],
  [
    'A checkpoint without a snapshot',
    { type: 'checkpoint', sequenceNumber: 5, replayFrom: 6, snapshot: null },
    '"type":"checkpoint","sequenceNumber":"5"',
  ],
  [
    'A checkpoint with a snapshot',
    {
      type: 'checkpoint',
      sequenceNumber: 5,
      replayFrom: 3,
      snapshot: { name: 's-5', files: [{ name: 'f', bytes: 12, sha256: 'ab' }], info: { k: 1 } },
    },
    '"type":"checkpoint","sequenceNumber":"5","replayFrom":"3","snapshot":{"name":"s-5","files":[{"name":"f","bytes":12,"sha256":"ab"}],"info":{"k":1}}',
  ],
  ['A gap', { type: 'gap', throughSeq: 9 }, '"type":"gap","throughSeq":"9"'],
]
for (const [title, entry, body] of lines) {
  test(`${title} has its line`, () => {
    const expected = `{"seq":"7",${body},"timestamp":"1700000000000"}`
    assert.equal(line(entry), expected)
    assert.doesNotThrow(() => JSON.parse(expected))
  })
}

test('The markers of a transaction and the entries in it carry its id', () => {
  for (const type of [
    'beginTransaction',
    'prepareTransaction',
    'commitTransaction',
    'abortTransaction',
  ] as const) {
    const expected = `{"seq":"7","type":"${type}","transactionId":"4","timestamp":"1700000000000"}`
    assert.equal(line({ type }, { transactionId: 4 }), expected)
  }
  const expected = '{"seq":"7","type":"delete","id":"a","transactionId":"0","timestamp":"1700000000000"}'
  assert.equal(line({ type: 'delete', id: 'a' }, { transactionId: 0 }), expected)
})

test('The largest numbers are written digit by digit', () => {
  const text = line(
    { type: 'delete', id: 'a' },
    { seq: Number.MAX_SAFE_INTEGER - 1, timestamp: Number.MAX_SAFE_INTEGER },
  )
  assert.equal(text, '{"seq":"9007199254740990","type":"delete","id":"a","timestamp":"9007199254740991"}')
})

test('The bits of a vector survive, NaN payloads and views into larger buffers included', () => {
  const bits = Uint32Array.of(1, 0x7fa00001, 0x80000000, 0xffffffff, 1)
  const view = new Float32Array(bits.buffer, 4, 3)
  const { vector: base64 } = JSON.parse(line({ type: 'insert', id: 'a', vector: view }))
  assert.equal(Buffer.from(base64, 'base64').toString('hex'), '0100a07f00000080ffffffff')
})

test('Keys of metadata mean nothing but themselves', () => {
  const text = '{"__proto__":{"a":1},"constructor":null,"toJSON":"x","seq":"1"}'
  const metadata: JsonValue = JSON.parse(text)
  assert.ok(line({ type: 'insert', id: 'a', vector, metadata }).includes(`"metadata":${text},"timestamp"`))
  assert.ok(line({ type: 'update', id: 'a', metadata }).includes(`"metadata":${text},"timestamp"`))
})

test('A line holds no line feed, whatever the record holds', () => {
  const text = line({ type: 'insert', id: 'a\nb\r', vector, metadata: { 'k\n': 'v\n' } })
  assert.doesNotMatch(text, /[\n\r]/)
})

function v1Line(entry: V1Entry, seq = 7n): string {
  const record: V1Record = {
    seq,
    entry,
    file: 'wal-0.log',
    offset: 16,
    payload: new Uint8Array(0),
    trailingBytes: 0,
  }
  return v1RecordToJson(record)
}

const timestamp = 1_700_000_000n
const v1Lines: [title: string, entry: V1Entry, body: string][] = [
  [
    'insert',
    {
      type: 'insert',
      id: 'a',
      vector,
      metadata: new Map([
        ['lang', '日本語'],
        ['k', 'v'],
      ]),
      timestamp,
    },
    `"id":"a","vector":"${VECTOR}","metadata":{"lang":"日本語","k":"v"}`,
  ],
  [
    'update',
    { type: 'update', id: 'a', vector, metadata: null, timestamp },
    `"id":"a","vector":"${VECTOR}","metadata":null`,
  ],
  ['delete', { type: 'delete', id: 'a', timestamp }, '"id":"a"'],
  [
    'checkpoint',
    { type: 'checkpoint', sequenceNumber: 2n ** 64n - 1n, timestamp },
    '"sequenceNumber":"18446744073709551615"',
  ],
  [
    'beginTransaction',
    { type: 'beginTransaction', transactionId: 2n ** 63n, timestamp },
    '"transactionId":"9223372036854775808"',
  ],
  ['commitTransaction', { type: 'commitTransaction', transactionId: 0n, timestamp }, '"transactionId":"0"'],
  ['abortTransaction', { type: 'abortTransaction', transactionId: 8n, timestamp }, '"transactionId":"8"'],
  [
    'batch',
    {
      type: 'batch',
      entries: [
        { type: 'delete', id: 'b', timestamp: 3n },
        {
          type: 'batch',
          entries: [{ type: 'checkpoint', sequenceNumber: 1n, timestamp: 5n }],
          timestamp: 4n,
        },
      ],
      timestamp,
    },
    '"entries":[{"type":"delete","id":"b","timestamp":"3"},{"type":"batch","entries":[{"type":"checkpoint","sequenceNumber":"1","timestamp":"5"}],"timestamp":"4"}]',
  ],
]
for (const [type, entry, body] of v1Lines) {
  test(`A v1 ${type} has its line, with the timestamp as it stands`, () => {
    const expected = `{"seq":"18446744073709551615","type":"${type}",${body},"timestamp":"1700000000"}`
    assert.equal(v1Line(entry, 2n ** 64n - 1n), expected)
    assert.doesNotThrow(() => JSON.parse(expected))
  })
}

test('Metadata of v1 keeps the order and the names of its keys', () => {
  const metadata = new Map([
    ['10', 'x'],
    ['__proto__', 'y'],
    ['2', 'z"'],
  ])
  const text = v1Line({ type: 'insert', id: 'a', vector, metadata, timestamp })
  assert.ok(text.includes('"metadata":{"10":"x","__proto__":"y","2":"z\\""},"timestamp"'), text)
})

const damage: Damage = {
  kind: 'corrupt',
  file: 'segment.walv',
  offset: 4096,
  bytes: 52,
  acknowledged: true,
  seqs: [],
  ids: [],
  detail: 'The checksum "differs".',
}

function seqsOf(seqs: Damage['seqs']): string[] {
  return JSON.parse(damageToJson({ ...damage, seqs })).damage.seqs
}

test('Damage has its line', () => {
  assert.equal(
    damageToJson({ ...damage, seqs: [{ from: 7, through: 8 }] }),
    '{"damage":{"kind":"corrupt","file":"segment.walv","offset":4096,"bytes":52,"acknowledged":true,"seqs":["7","8"],"detail":"The checksum \\"differs\\"."}}',
  )
  for (const acknowledged of [false, null]) {
    assert.equal(JSON.parse(damageToJson({ ...damage, acknowledged })).damage.acknowledged, acknowledged)
  }
})

test('Damage names the ids that could be read', () => {
  assert.deepEqual(JSON.parse(damageToJson({ ...damage, ids: ['a', 'b'] })).damage.ids, ['a', 'b'])
  assert.equal('ids' in JSON.parse(damageToJson(damage)).damage, false)
})

test('Lost sequence numbers are listed one by one up to a thousand in a range, beyond that as from-through', () => {
  assert.deepEqual(seqsOf([]), [])
  assert.deepEqual(
    seqsOf([
      { from: 0, through: 0 },
      { from: 3, through: 4 },
    ]),
    ['0', '3', '4'],
  )
  const thousand = seqsOf([{ from: 5, through: 1004 }])
  assert.deepEqual([thousand.length, thousand[0], thousand[999]], [1000, '5', '1004'])
  assert.deepEqual(
    seqsOf([
      { from: 5, through: 1005 },
      { from: 2000, through: 2000 },
    ]),
    ['5-1005', '2000'],
  )
  assert.deepEqual(seqsOf([{ from: 9, through: null }]), ['9-'])
  const huge = 2n ** 64n - 1n
  assert.deepEqual(seqsOf([{ from: huge - 1n, through: huge }]), [
    '18446744073709551614',
    '18446744073709551615',
  ])
  assert.deepEqual(seqsOf([{ from: 0n, through: huge }]), ['0-18446744073709551615'])
})
