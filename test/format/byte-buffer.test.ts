import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { alignUp, byteBuffer, getUint64, setUint64 } from '../../src/format/byte-buffer.ts'

const view = (...bytes: number[]): DataView => new DataView(Uint8Array.from(bytes).buffer)

test('memory is seen as bytes, numbers and floats at once', () => {
  const memory = byteBuffer(8)
  memory.floats[1] = -2
  assert.deepEqual([...memory.bytes], [0, 0, 0, 0, 0, 0, 0, 0xc0])
  memory.bytes[0] = 7
  assert.equal(memory.view.getUint32(0, true), 7)
})

test('memory has as many bytes as asked for, rounded up to 8', () => {
  for (const [asked, bytes] of [
    [0, 0],
    [1, 8],
    [8, 8],
    [9, 16],
  ] as const) {
    const memory = byteBuffer(asked)
    assert.deepEqual(
      [memory.bytes.length, memory.view.byteLength, memory.floats.byteLength],
      [bytes, bytes, bytes],
      `${asked} bytes`,
    )
  }
})

test('a number is rounded up to a multiple, also beyond 2^32', () => {
  assert.deepEqual(
    [0, 1, 7, 8, 9, 2 ** 40 - 1, 2 ** 40, 2 ** 40 + 1].map((value) => alignUp(value, 8)),
    [0, 8, 8, 8, 16, 2 ** 40, 2 ** 40, 2 ** 40 + 8],
  )
  assert.equal(alignUp(5, 4), 8)
})

test('a u64 is written little-endian and read back, up to the largest safe integer', () => {
  const memory = new DataView(new ArrayBuffer(24))
  setUint64(memory, 8, 0x1234_5678_9abc)
  assert.equal(
    Buffer.from(memory.buffer).toString('hex'),
    `${'00'.repeat(8)}bc9a785634120000${'00'.repeat(8)}`,
  )
  for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER]) {
    setUint64(memory, 8, value)
    assert.equal(getUint64(memory, 8), value)
  }
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      setUint64(memory, 8, value)
      assert.equal(getUint64(memory, 8), value)
      assert.equal(memory.getBigUint64(8, true), BigInt(value))
    }),
  )
})

test('a u64 that is no safe integer is read as NaN', () => {
  assert.equal(getUint64(view(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0), 0), Number.MAX_SAFE_INTEGER)
  for (const bytes of [
    [0, 0, 0, 0, 0, 0, 0x20, 0],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    [0, 0, 0, 0, 0, 0, 0, 1],
  ]) {
    assert.equal(getUint64(view(...bytes), 0), Number.NaN)
  }
})
