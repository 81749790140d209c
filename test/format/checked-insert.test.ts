/** A checked insert is on disk what the plain entry would be, and nothing of it is done twice. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InsertEntry, JsonValue } from '../../src/entry.ts'
import { CheckedInsert, CheckedUpdate } from '../../src/format/checked-insert.ts'
import { encodable } from '../../src/format/encode.ts'
import { MAX_DIMENSIONS, MAX_ID_BYTES, MAX_METADATA_BYTES } from '../../src/limits.ts'
import { payloadOf } from './frames.ts'

const VECTOR = Float32Array.of(1, -2, 0.5)

const checked = (id: string, metadata: JsonValue, replace = false): CheckedInsert =>
  new CheckedInsert(id, VECTOR, metadata, metadata === null ? undefined : JSON.stringify(metadata), replace)

const plain = ({ id, vector, metadata, replace }: InsertEntry): InsertEntry => ({
  type: 'insert',
  id,
  vector,
  metadata: metadata!,
  replace: replace!,
})

const METADATA: readonly JsonValue[] = [
  null,
  0,
  '',
  'ü€𝄞',
  { a: 1, b: ['x', null, true] },
  { text: 'a'.repeat(5000) },
  { ü: 'ü'.repeat(100) },
]

test('a checked insert is written as the plain one is', () => {
  for (const metadata of METADATA) {
    for (const id of ['a', 'é', 'x'.repeat(100)]) {
      for (const replace of [false, true]) {
        const entry = checked(id, metadata, replace)
        assert.deepEqual(payloadOf(entry), payloadOf(plain(entry)))
        assert.deepEqual(payloadOf(entry, 7), payloadOf(plain(entry), 7))
        const other: InsertEntry = { type: 'insert', id: 'b', vector: VECTOR }
        assert.deepEqual(
          payloadOf({ type: 'batch', entries: [entry, other] }),
          payloadOf({ type: 'batch', entries: [plain(entry), other] }),
        )
      }
    }
  }
})

test('its text is taken as it is', () => {
  const metadata = {
    get a(): number {
      throw new Error('its metadata is not read')
    },
  }
  const entry = new CheckedInsert('a', VECTOR, metadata, '{"a":1}', false)
  assert.deepEqual(payloadOf(entry), payloadOf(plain(checked('a', { a: 1 }))))
})

test('a copy of it is an entry like any other', () => {
  const entry: InsertEntry = { ...checked('a', { a: 1 }), metadata: { b: 2 } }
  assert.deepEqual(payloadOf(entry), payloadOf(plain(checked('a', { b: 2 }))))
  const behind: InsertEntry = new Proxy(checked('a', { a: 1 }), {
    get: (target, name) => (name === 'metadata' ? { b: 2 } : target[name as keyof CheckedInsert]),
  })
  assert.deepEqual(payloadOf(behind), payloadOf(plain(checked('a', { b: 2 }))))
})

test('the limits of the format hold for it', () => {
  const text = 'x'.repeat(MAX_METADATA_BYTES - 1)
  assert.throws(() => encodable(checked('a', text)), { code: 'WALV_LIMIT', id: 'a' })
  const id = 'x'.repeat(MAX_ID_BYTES + 1)
  assert.throws(() => encodable(checked(id, null)), { code: 'WALV_LIMIT' })
  const vector = new Float32Array(MAX_DIMENSIONS + 1)
  assert.throws(() => encodable(new CheckedInsert('a', vector, null, undefined, false)), {
    code: 'WALV_LIMIT',
  })
})

test('a checked update is written as the plain one is, with what it changes alone', () => {
  for (const vector of [undefined, VECTOR]) {
    for (const metadata of [undefined, ...METADATA]) {
      if (vector === undefined && metadata === undefined) continue
      const entry = new CheckedUpdate(
        'é',
        vector,
        metadata === undefined ? undefined : JSON.stringify(metadata),
      )
      const like = {
        type: 'update' as const,
        id: 'é',
        ...(vector && { vector }),
        ...(metadata !== undefined && { metadata }),
      }
      assert.deepEqual(payloadOf(entry), payloadOf(like))
    }
  }
})

test('an entry without metadata of its own is written by its text', () => {
  const entry = new CheckedInsert('a', VECTOR, undefined, '{"a":1}', false)
  assert.equal('metadata' in entry, false)
  assert.deepEqual(payloadOf(entry), payloadOf(plain(checked('a', { a: 1 }))))
})
