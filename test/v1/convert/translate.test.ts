import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeNote,
  encodeNote,
  entryToV1,
  entryToV2,
  timestampToV1,
  timestampToV2,
} from '../../../src/v1/convert/translate.ts'
import type { V1Entry } from '../../../src/v1/format/entry.ts'
import { type BatchMember, refusal, type WalError } from '../../support/kit.ts'
import { insert } from '../helpers.ts'
import { marker } from './converted.ts'

const SECONDS = 1_700_000_000n

test('times are seconds in v1 and milliseconds in v2, as far as each can hold them', () => {
  assert.equal(timestampToV2(0n), 0)
  assert.equal(timestampToV2(SECONDS), 1_700_000_000_000)
  const most = 2 ** 48 - 1
  const seconds = BigInt(Math.floor(most / 1000))
  assert.equal(timestampToV2(seconds), Number(seconds) * 1000)
  assert.equal(timestampToV2(seconds + 1n), most)
  assert.equal(timestampToV2(2n ** 64n - 1n), most)
  assert.deepEqual([timestampToV1(1999), timestampToV1(2000), timestampToV1(0)], [1n, 2n, 0n])
})

const withMetadata = (metadata: ReadonlyMap<string, string> | null): V1Entry =>
  ({ ...insert('a', 1), metadata }) as V1Entry

const metadataToV2 = (...members: readonly [string, string][]): unknown =>
  (entryToV2(withMetadata(new Map(members))) as { metadata: unknown }).metadata

test('metadata of v1 is an object of strings in v2; what v1 could not hold stands as JSON under one key', () => {
  assert.deepEqual(metadataToV2(), {})
  assert.deepEqual(metadataToV2(['a', 'b'], ['c', 'd']), { a: 'b', c: 'd' })
  assert.equal((entryToV2(withMetadata(null)) as { metadata: unknown }).metadata, null)
  for (const value of [{ n: 1 }, ['x'], 'text', 7, true, null, { 'walv.json': 'x' }, { a: { b: 'c' } }]) {
    const text = JSON.stringify(value)
    assert.deepEqual(metadataToV2(['walv.json', text]), value, text)
    assert.deepEqual(metadataToV2(['walv.json', text], ['other', 'x']), { 'walv.json': text, other: 'x' })
  }
  for (const text of ['{"a":"b"}', '{}', '{ "n": 1 }', 'no JSON', '1.0'])
    assert.deepEqual(metadataToV2(['walv.json', text]), { 'walv.json': text }, text)
})

const metadataToV1 = (metadata: Extract<BatchMember, { type: 'insert' }>['metadata']): unknown => {
  const entry = entryToV1(
    { type: 'insert', id: 'a', vector: [1] as never, ...(metadata === undefined ? {} : { metadata }) },
    0,
    0n,
  )
  const { metadata: found } = entry as { metadata: ReadonlyMap<string, string> | null }
  return found && [...found]
}

test('metadata of v2 comes back as it was', () => {
  assert.equal(metadataToV1(undefined), null)
  assert.equal(metadataToV1(null), null)
  assert.deepEqual(metadataToV1({}), [])
  assert.deepEqual(metadataToV1({ a: 'b', c: 'd' }), [
    ['a', 'b'],
    ['c', 'd'],
  ])
  for (const value of [{ n: 1 }, ['x'], [], 'text', 7, { 'walv.json': 'x' }, { a: 'b', n: 1 }] as const)
    assert.deepEqual(metadataToV1(value), [['walv.json', JSON.stringify(value)]])
  assert.deepEqual(metadataToV1({ 'walv.json': 'x', a: 'b' }), [
    ['walv.json', 'x'],
    ['a', 'b'],
  ])
})

test('what v2 has no form of has none: checkpoints and markers, alone or in a batch', () => {
  const without: V1Entry[] = [
    { type: 'checkpoint', sequenceNumber: 1n, timestamp: 0n },
    marker('beginTransaction', 1n),
    marker('commitTransaction', 1n),
    marker('abortTransaction', 1n),
  ]
  for (const entry of without) assert.equal(entryToV2(entry), undefined)
  const batch: V1Entry = {
    type: 'batch',
    entries: [...without, { type: 'delete', id: 'a', timestamp: 0n }],
    timestamp: 0n,
  }
  assert.deepEqual(entryToV2(batch), { type: 'batch', entries: [{ type: 'delete', id: 'a' }] })
  assert.deepEqual(entryToV2({ ...insert('a', 1), type: 'update' } as V1Entry), {
    type: 'update',
    id: 'a',
    vector: Float32Array.of(1),
  })
})

test('notes come back as they were, and what is none is refused', () => {
  const payload = Uint8Array.of(1, 2, 3)
  for (const note of [
    { is: 'original', seq: 2n ** 64n - 1n, payload },
    { is: 'alone', seq: 0n, payload: new Uint8Array() },
  ] as const) {
    const decoded = decodeNote(encodeNote(note)) as { is: string; seq: bigint; payload: Uint8Array }
    assert.deepEqual([decoded.is, decoded.seq, [...decoded.payload]], [note.is, note.seq, [...note.payload]])
  }
  assert.deepEqual(decodeNote(encodeNote({ is: 'added' })), { is: 'added' })
  const within = Buffer.concat([Buffer.of(7), encodeNote({ is: 'alone', seq: 5n, payload })]).subarray(1)
  assert.equal((decodeNote(within) as { seq: bigint }).seq, 5n)
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(8), Buffer.alloc(9, 3)])
    assert.throws(
      () => decodeNote(bytes),
      (error: WalError) => {
        assert.equal(error.message, `A walv.v1 record of ${bytes.length} bytes makes no sense.`)
        return refusal('WALV_INVALID_FILE')(error)
      },
    )
})
