import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { crc32 } from '../../src/format/crc.ts'

test('the sum of any part of any bytes, from any seed, is that of zlib', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 400 }),
      fc.nat(399),
      fc.nat(399),
      fc.nat(0xffff_ffff),
      (bytes, a, b, seed) => {
        const start = Math.min(a, b) % bytes.length
        const end = Math.min(Math.max(a, b), bytes.length - 1) + 1
        // Memory that is itself a part of another.
        const around = new Uint8Array(bytes.length + 16)
        around.set(bytes, 8)
        const view = new DataView(around.buffer, 8, bytes.length)
        assert.equal(crc32(view, start, end, seed), zlibCrc32(bytes.subarray(start, end), seed))
      },
    ),
    { numRuns: 1000 },
  )
})

test('the sum of no bytes is the seed', () => {
  assert.equal(crc32(new DataView(new ArrayBuffer(4)), 2, 2, 0xdead_beef), 0xdead_beef)
})
