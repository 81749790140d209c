import assert from 'node:assert/strict'
import { test } from 'node:test'
import { damageToText, recordToText, v1RecordToText } from '../../src/cli/text.ts'
import { conditionEntry, NO_DIGEST } from '../../src/format/condition.ts'
import type { V1Entry } from '../../src/v1/format/entry.ts'
import type { Damage, WalEntry } from '../support/kit.ts'

const vector = new Float32Array(100)

function text(entry: WalEntry, transactionId?: number): string {
  const record = { seq: 7, timestamp: 1_700_000_000_000, entry }
  return recordToText(transactionId === undefined ? record : { ...record, transactionId })
}

const texts: [entry: WalEntry, expected: string][] = [
  [
    { type: 'insert', id: 'a', vector, metadata: { lang: 'en' } },
    'insert "a", 100 dimensions, {"lang":"en"}',
  ],
  [{ type: 'insert', id: 'a', vector: new Float32Array(1), metadata: null }, 'insert "a", 1 dimension'],
  [{ type: 'insert', id: 'a', vector, replace: true }, 'upsert "a", 100 dimensions'],
  [{ type: 'update', id: 'a', vector }, 'update "a", 100 dimensions'],
  [{ type: 'update', id: 'a', metadata: null }, 'update "a", no metadata'],
  [{ type: 'update', id: 'a', metadata: 0 }, 'update "a", 0'],
  [{ type: 'delete', id: 'a' }, 'delete "a"'],
  [{ type: 'custom', kind: 'my.kind', data: new Uint8Array(2048) }, 'custom "my.kind", 2 KiB'],
  [{ type: 'batch', entries: [] }, 'batch of nothing'],
  [{ type: 'batch', entries: [{ type: 'delete', id: 'a' }] }, 'batch of 1 entry: delete "a"'],
  [
    {
      type: 'batch',
      entries: [
        { type: 'insert', id: 'a', vector, replace: true },
        { type: 'batch', entries: [] },
        { type: 'custom', kind: 'k', data: new Uint8Array(0) },
        { type: 'delete', id: 'd' },
        { type: 'delete', id: 'e' },
      ],
    },
    'batch of 5 entries: upsert "a", batch, custom and 2 more',
  ],
  [
    {
      type: 'batch',
      entries: [
        conditionEntry({
          expects: [
            { id: 'a', seq: 7 },
            { id: 'b', seq: null },
          ],
          key: { text: 'k', digest: NO_DIGEST },
        }),
        { type: 'delete', id: 'a' },
      ],
    },
    'batch of 2 entries: condition: if "a" at 7, "b" absent, once as "k", delete "a"',
  ],
  [{ type: 'custom', kind: 'walv.condition', data: new Uint8Array(2) }, 'custom "walv.condition", 2 bytes'],
  [{ type: 'checkpoint', sequenceNumber: 5, replayFrom: 6, snapshot: null }, 'checkpoint through 5'],
  [
    {
      type: 'checkpoint',
      sequenceNumber: 5,
      replayFrom: 6,
      snapshot: { name: 's-5', files: [], info: null },
    },
    'checkpoint through 5, snapshot "s-5"',
  ],
  [{ type: 'gap', throughSeq: 9 }, 'gap: the records through 9 are lost'],
]
test('Each kind of record is one line for people', () => {
  for (const [entry, expected] of texts) assert.equal(text(entry), `7  2023-11-14T22:13:20.000Z  ${expected}`)
})

test('A record of a transaction names it', () => {
  assert.equal(
    text({ type: 'commitTransaction' }, 4),
    '7  2023-11-14T22:13:20.000Z  commitTransaction  (transaction 4)',
  )
  assert.equal(
    text({ type: 'delete', id: 'a' }, 0),
    '7  2023-11-14T22:13:20.000Z  delete "a"  (transaction 0)',
  )
})

test('A timestamp that no calendar has is shown as it is', () => {
  const record = { seq: 0, timestamp: Number.MAX_SAFE_INTEGER, entry: { type: 'delete', id: 'a' } as const }
  assert.equal(recordToText(record), '0  9007199254740991  delete "a"')
})

test('Records of v1 show their timestamps as they stand', () => {
  const timestamp = 1_700_000_000n
  const expected: [entry: V1Entry, text: string][] = [
    [
      { type: 'insert', id: 'a', vector, metadata: new Map([['k', 'v']]), timestamp },
      'insert "a", 100 dimensions, {"k":"v"}',
    ],
    [
      { type: 'update', id: 'a', vector, metadata: null, timestamp },
      'update "a", 100 dimensions, no metadata',
    ],
    [
      { type: 'checkpoint', sequenceNumber: 2n ** 64n - 1n, timestamp },
      'checkpoint through 18446744073709551615',
    ],
    [{ type: 'beginTransaction', transactionId: 8n, timestamp }, 'beginTransaction 8'],
    [
      { type: 'batch', entries: [{ type: 'commitTransaction', transactionId: 1n, timestamp }], timestamp },
      'batch of 1 entry: commitTransaction',
    ],
  ]
  for (const [entry, line] of expected) {
    const place = { file: 'wal-0.log', offset: 16, payload: new Uint8Array(0), trailingBytes: 0 }
    assert.equal(
      v1RecordToText({ seq: 2n ** 63n, entry, ...place }),
      `9223372036854775808  1700000000  ${line}`,
    )
  }
})

test('Nothing in a record reaches the terminal as a control, a line end or a turn of direction', () => {
  const nasty = '\x1b[2J\x07\n\r\x7f\x9b31m\u061c\u200e\u2028\u202e\u2066'
  for (const entry of [
    { type: 'insert', id: nasty, vector, metadata: { [nasty]: nasty } },
    { type: 'custom', kind: nasty, data: new Uint8Array(0) },
    { type: 'batch', entries: [{ type: 'delete', id: nasty }] },
    {
      type: 'checkpoint',
      sequenceNumber: 1,
      replayFrom: 2,
      snapshot: { name: nasty, files: [], info: null },
    },
  ] as const) {
    assert.doesNotMatch(text(entry), /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u)
    assert.match(text(entry), /\\u001b\[2J\\u0007\\n\\r\\u007f\\u009b31m\\u061c\\u200e\\u2028\\u202e\\u2066/)
  }
  assert.equal(
    text({ type: 'delete', id: '日本語 é 👩‍🚀' }),
    '7  2023-11-14T22:13:20.000Z  delete "日本語 é 👩‍🚀"',
  )
})

test('Long ids and metadata are cut, never within a character', () => {
  const line = text({ type: 'insert', id: `${'x'.repeat(59)}🐘`, vector, metadata: 'y'.repeat(1000) })
  assert.ok(line.includes(`insert "${'x'.repeat(59)}\ufffd…", 100 dimensions, "${'y'.repeat(99)}…`), line)
})

const damage: Damage = {
  kind: 'corrupt',
  file: 'segment.walv',
  offset: 4096,
  bytes: 52,
  acknowledged: true,
  seqs: [
    { from: 7, through: 7 },
    { from: 9, through: 12 },
    { from: 20, through: null },
  ],
  ids: ['a', 'b\x1b'],
  detail: 'The checksum\x1b differs.',
}

test('Damage says what, where, whether it matters, and what is lost', () => {
  const place = 'damage: corrupt, at byte 4096 of "segment.walv" (52 bytes)'
  const lost = 'seq 7, 9 to 12, 20 and later; ids "a", "b\\u001b"'
  assert.equal(
    damageToText(damage),
    `${place}, acknowledged records are lost: ${lost}. The checksum\\u001b differs.`,
  )
  const bare: Damage = { ...damage, seqs: [], ids: [], detail: 'Cut.' }
  assert.equal(damageToText({ ...bare, acknowledged: false }), `${place}, nothing acknowledged is lost. Cut.`)
  assert.equal(
    damageToText({ ...bare, acknowledged: null }),
    `${place}, whether acknowledged records are lost cannot be known. Cut.`,
  )
})

test('Of many lost ranges and ids the first are named, and how many more there are', () => {
  const seqs = Array.from({ length: 8 }, (_, i) => ({ from: i * 10, through: i * 10 }))
  const ids = Array.from({ length: 7 }, (_, i) => `id-${i}`)
  const line = damageToText({ ...damage, seqs, ids })
  assert.ok(
    line.includes(
      ': seq 0, 10, 20, 30, 40 and 3 more; ids "id-0", "id-1", "id-2", "id-3", "id-4" and 2 more.',
    ),
    line,
  )
})
