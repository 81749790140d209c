import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { createXXHash128 } from 'hash-wasm'
import { textsAt } from '../../../src/index/durable/entry-record.ts'
import { EntryStore } from '../../../src/index/durable/entry-store.ts'
import {
  FINGERPRINT_VERSION,
  type FingerprintItem,
  type FingerprintVersion,
  SetFingerprint,
} from '../../../src/index/durable/fingerprint.ts'

const EMPTY = '0'.repeat(32)

const items: fc.Arbitrary<FingerprintItem> = fc.record({
  id: fc.string({ unit: 'grapheme', maxLength: 8 }),
  vector: fc.float32Array({ maxLength: 8 }),
  metadata: fc.option(fc.json(), { nil: null }),
})

function fingerprintOf(
  set: readonly FingerprintItem[],
  version: FingerprintVersion = FINGERPRINT_VERSION,
): SetFingerprint {
  const fingerprint = new SetFingerprint(version)
  for (const item of set) fingerprint.add(item)
  return fingerprint
}

/** The bytes of an item by the docstring, once more, with nothing in common with the code. */
function bytesOf({ id, vector, metadata }: FingerprintItem): Buffer {
  const idBytes = new TextEncoder().encode(id)
  const metadataBytes = new TextEncoder().encode(metadata ?? '')
  const head = new DataView(new ArrayBuffer(12 + 4 * vector.length))
  head.setUint32(0, idBytes.length, true)
  head.setUint32(4, vector.length, true)
  head.setUint32(8, metadata === null ? 0xffffffff : metadataBytes.length, true)
  const bits = new Uint32Array(vector.slice().buffer)
  for (const [i, word] of bits.entries()) head.setUint32(12 + 4 * i, word, true)
  return Buffer.concat([new Uint8Array(head.buffer), idBytes, metadataBytes])
}

const xxhash = await createXXHash128()

/** By another implementation of the hash. */
function valueByDefinition(set: readonly FingerprintItem[]): string {
  let sum = 0n
  for (const item of set) {
    const bytes = bytesOf(item)
    const padding = Buffer.alloc(Math.max(0, 256 - bytes.length))
    sum += BigInt(`0x${xxhash.init().update(bytes).update(padding).digest()}`)
  }
  return hex(sum)
}

function valueByVersion1(set: readonly FingerprintItem[]): string {
  let sum = 0n
  for (const item of set) {
    const digest = createHash('sha256').update(bytesOf(item)).digest()
    for (let i = 0; i < 16; i++) sum += BigInt(digest[i]!) << BigInt(8 * i)
  }
  return hex(sum)
}

const hex = (sum: bigint): string => BigInt.asUintN(128, sum).toString(16).padStart(32, '0')

test('the value is what the documented definition gives', () => {
  fc.assert(
    fc.property(fc.array(items, { maxLength: 12 }), (set) => {
      assert.equal(fingerprintOf(set).value, valueByDefinition(set))
      assert.equal(fingerprintOf(set, 1).value, valueByVersion1(set))
    }),
  )
})

test('the definition does not change between releases', () => {
  const item = { id: 'doc-1', vector: Float32Array.of(1, -0.5, 3.25), metadata: '{"lang":"en"}' }
  assert.equal(fingerprintOf([item], 1).value, 'a6e492109269a04606692205a6e28d2a')
  assert.equal(fingerprintOf([item], 2).value, '41fbab525541356eed53dca899a8d0ed')
})

test('items longer than the shared workspace are hashed by the same definition', () => {
  const vector = Float32Array.from({ length: 65_535 }, (_, i) => i / 7)
  const long = { id: 'ü'.repeat(30_000), vector, metadata: JSON.stringify('€'.repeat(100_000)) }
  const around = [21_838, 21_839, 21_840].map((length) => ({
    id: 'x',
    vector: Float32Array.from({ length }, () => 0.5),
    metadata: null,
  }))
  for (const item of [long, ...around]) assert.equal(fingerprintOf([item]).value, valueByDefinition([item]))
})

test('the order in which items come does not matter', () => {
  const shuffled = fc
    .array(items, { maxLength: 12 })
    .chain((set) => fc.tuple(fc.constant(set), fc.shuffledSubarray(set, { minLength: set.length })))
  fc.assert(
    fc.property(shuffled, ([set, reordered]) => {
      assert.ok(fingerprintOf(set).equals(fingerprintOf(reordered)))
    }),
  )
})

test('after any adds and removes the value is that of what is left', () => {
  const changes = fc.array(fc.record({ key: fc.integer({ min: 0, max: 5 }), item: fc.option(items) }), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(changes, (sequence) => {
      const live = new Map<number, FingerprintItem>()
      const fingerprint = new SetFingerprint()
      for (const { key, item } of sequence) {
        const old = live.get(key)
        if (old) fingerprint.remove(old)
        live.delete(key)
        if (item) {
          fingerprint.add(item)
          live.set(key, item)
        }
      }
      assert.equal(fingerprint.value, valueByDefinition([...live.values()]))
    }),
  )
})

test('removing everything leads back to the value of the empty set, whatever is removed first', () => {
  fc.assert(
    fc.property(fc.array(items, { maxLength: 8 }), (set) => {
      const fingerprint = new SetFingerprint()
      assert.equal(fingerprint.value, EMPTY)
      for (const item of set) fingerprint.remove(item)
      for (const item of set) fingerprint.add(item)
      assert.equal(fingerprint.value, EMPTY)
    }),
  )
})

test('carries and borrows run through all 128 bits', () => {
  const item = { id: 'a', vector: Float32Array.of(1), metadata: null }
  const own = BigInt(`0x${valueByDefinition([item])}`)
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
      fc.constantFrom(0n, 1n, -1n),
      (start, near) => {
        for (const from of [start, near, near - own, near + own]) {
          const hex = BigInt.asUintN(128, from).toString(16).padStart(32, '0')
          const added = SetFingerprint.from(hex)
          added.add(item)
          assert.equal(BigInt(`0x${added.value}`), BigInt.asUintN(128, from + own))
          added.remove(item)
          assert.equal(added.value, hex)
        }
      },
    ),
  )
})

test('items that differ in any way have different fingerprints', () => {
  const bits = (word: number): Float32Array => new Float32Array(Uint32Array.of(word).buffer)
  const different: FingerprintItem[] = [
    { id: 'ab', vector: new Float32Array(0), metadata: 'c' },
    { id: 'a', vector: new Float32Array(0), metadata: 'bc' },
    { id: 'abc', vector: new Float32Array(0), metadata: '' },
    { id: 'abc', vector: new Float32Array(0), metadata: null },
    { id: '', vector: new Float32Array(0), metadata: 'abc' },
    { id: 'abcd', vector: new Float32Array(0), metadata: null },
    { id: '', vector: bits(0x64636261), metadata: null },
    { id: 'a', vector: Float32Array.of(0), metadata: null },
    { id: 'a', vector: Float32Array.of(-0), metadata: null },
    { id: 'a', vector: Float32Array.of(0, 0), metadata: null },
    { id: 'a', vector: Float32Array.of(1, 2), metadata: null },
    { id: 'a', vector: Float32Array.of(2, 1), metadata: null },
    { id: 'a', vector: bits(0x7fc00001), metadata: null },
    { id: 'a', vector: bits(0x7fc00002), metadata: null },
    { id: 'a', vector: bits(0x7f800001), metadata: null },
  ]
  const values = new Set(different.map((item) => fingerprintOf([item]).value))
  assert.equal(values.size, different.length)
})

test('an item counts as often as it was added', () => {
  const item = { id: 'a', vector: Float32Array.of(1), metadata: null }
  assert.notEqual(fingerprintOf([item, item]).value, EMPTY)
  assert.notEqual(fingerprintOf([item, item]).value, fingerprintOf([item]).value)
})

test('a fingerprint continues from its value', () => {
  fc.assert(
    fc.property(fc.array(items), fc.array(items), (before, after) => {
      const continued = SetFingerprint.from(fingerprintOf(before).value)
      for (const item of after) continued.add(item)
      const whole = fingerprintOf([...before, ...after])
      assert.equal(continued.value, whole.value)
      assert.ok(continued.equals(whole))
    }),
  )
})

test('fingerprints that differ in one bit are not equal', () => {
  for (let bit = 0n; bit < 128n; bit++) {
    const other = SetFingerprint.from((1n << bit).toString(16).padStart(32, '0'))
    assert.ok(!other.equals(new SetFingerprint()), `bit ${bit}`)
  }
})

test('what is not a fingerprint is refused', () => {
  for (const bad of ['', '0', 'g'.repeat(32), '0'.repeat(31), '0'.repeat(33), 'A'.repeat(32), `${EMPTY}\n`]) {
    assert.throws(() => SetFingerprint.from(bad), { code: 'WALV_INVALID_OPTION' })
  }
})

test('an item whose texts are taken as they stand in memory counts as one that is encoded, or is left alone', () => {
  const storedItems = fc.record({
    id: fc.oneof(
      fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 300 }),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 90 }),
    ),
    vector: fc.float32Array({ maxLength: 80 }),
    metadata: fc.option(fc.json(), { nil: null }),
  })
  fc.assert(
    fc.property(storedItems, ({ id, vector, metadata }) => {
      const store = new EntryStore()
      store.add(3, id, metadata, 1)
      const record = store.at(3)!
      const isAscii = /^[\0-\x7f]*$/.test(id + (metadata ?? ''))
      assert.equal(textsAt(record) !== undefined, isAscii)
      // A flag that lies must not make a proof.
      record.memory.view.setUint16(record.at + 14, 1, true)
      const fingerprint = new SetFingerprint()
      const isTaken = fingerprint.addStored(vector, textsAt(record)!)
      assert.equal(isTaken, isAscii)
      assert.equal(fingerprint.value, isTaken ? fingerprintOf([{ id, vector, metadata }]).value : EMPTY)
      assert.equal(new SetFingerprint(1).addStored(vector, textsAt(record)!), false)
    }),
  )
})
