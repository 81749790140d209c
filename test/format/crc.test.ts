import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { crc32, crc32Short } from '../../src/format/crc.ts'

test('the sum of any part of any bytes, from any seed, is that of zlib', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.nat(299),
      fc.nat(299),
      fc.nat(0xffff_ffff),
      (bytes, a, b, seed) => {
        const start = Math.min(a, b) % bytes.length
        const end = Math.min(Math.max(a, b), bytes.length - 1) + 1
        const expected = zlibCrc32(bytes.subarray(start, end), seed)
        assert.equal(crc32Short(bytes, start, end, seed), expected)
        assert.equal(crc32(bytes.subarray(start, end), seed), expected)
      },
    ),
  )
})

test('the sum of no bytes is the seed', () => {
  assert.equal(crc32Short(Buffer.alloc(4), 2, 2, 0xdead_beef), 0xdead_beef)
})
