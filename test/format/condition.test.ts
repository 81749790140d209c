import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WalErrorCode } from '../../src/errors.ts'
import { type Condition, conditionEntry, NO_DIGEST } from '../../src/format/condition.ts'
import { conditionIn, refusal } from '../support/kit.ts'

const KEY = { text: 'schlüssel', digest: '00112233445566778899aabbccddeeff' }

const conditions: Condition[] = [
  { expects: [] },
  { expects: [], key: KEY },
  { expects: [], key: { text: 'k'.repeat(255), digest: NO_DIGEST } },
  {
    expects: [
      { id: 'a', seq: 0 },
      { id: 'é'.repeat(300), seq: null },
      { id: 'x', seq: 2 ** 53 - 1 },
    ],
    key: KEY,
  },
]

test('a condition is read as it was written', () => {
  for (const condition of conditions) assert.deepEqual(conditionIn(conditionEntry(condition)), condition)
  assert.equal(conditionIn({ type: 'custom', kind: 'other', data: new Uint8Array(30) }), undefined)
  assert.equal(conditionIn({ type: 'delete', id: 'a' }), undefined)
})

test('its bytes are those that docs/format.md says', () => {
  const { kind, data } = conditionEntry({
    expects: [
      { id: 'a', seq: 258 },
      { id: 'é', seq: null },
    ],
    key: KEY,
  })
  assert.equal(kind, 'walv.condition')
  const expected = [
    '0100',
    '0a00',
    '02000000',
    KEY.digest,
    Buffer.from(KEY.text).toString('hex'),
    '0201000000000000',
    '0100',
    '61',
    'ffffffffffffffff',
    '0200',
    'c3a9',
  ]
  assert.equal(Buffer.from(data).toString('hex'), expected.join(''))
})

test('what is no condition is refused, wherever it is cut, and whatever it claims', () => {
  const { data } = conditionEntry(conditions.at(-1)!)
  const refused = (bytes: Uint8Array, code: WalErrorCode = 'WALV_INVALID_ENTRY'): void =>
    assert.throws(() => conditionIn({ type: 'custom', kind: 'walv.condition', data: bytes }), refusal(code))
  for (let bytes = 0; bytes < data.length; bytes++) refused(data.subarray(0, bytes))
  refused(Buffer.concat([data, Buffer.of(0)]))
  const changed = (at: number, value: number): Uint8Array => {
    const copy = Uint8Array.from(data)
    copy[at] = value
    return copy
  }
  refused(changed(0, 2), 'WALV_UNSUPPORTED_FEATURE')
  refused(changed(3, 1))
  refused(changed(7, 255))
})
