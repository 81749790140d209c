import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { createXXHash128 } from 'hash-wasm'
import { allocate, release, reserve } from '../../../src/index/kernel/arena.ts'
import { populate } from '../../../src/index/kernel/populate.ts'
import { xxh3Of } from '../../../src/index/kernel/xxh3.ts'

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url))
const xxhash = await createXXHash128()

test('the bytes that are checked in are what the source assembles to', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build-kernel.mjs', '--check'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
})

function hashInKernel(bytes: Uint8Array, offset: number): bigint {
  const block = allocate(bytes.length + offset + 64)
  const { kernel } = block.region!
  new Uint8Array(block.buffer, block.address + 16 + offset, bytes.length).set(bytes)
  kernel.hash128(block.address + 16 + offset, bytes.length, block.address)
  const view = new DataView(block.buffer, block.address, 16)
  const value = (view.getBigUint64(8, true) << 64n) | view.getBigUint64(0, true)
  release(block)
  return value
}

test('the hash is XXH3_128bits, in WebAssembly and without', () => {
  const lengths = [241, 255, 256, 257, 319, 320, 321, 1023, 1024, 1025, 1087, 1088, 1089, 2048, 2049, 70_000]
  const anything = fc
    .oneof(fc.constantFrom(...lengths), fc.integer({ min: 241, max: 5000 }))
    .chain((length) =>
      fc.tuple(fc.uint8Array({ minLength: length, maxLength: length }), fc.integer({ min: 0, max: 15 })),
    )
  fc.assert(
    fc.property(anything, ([bytes, offset]) => {
      const expected = BigInt(`0x${xxhash.init().update(bytes).digest()}`)
      assert.equal(xxh3Of(bytes), expected)
      assert.equal(hashInKernel(bytes, offset), expected)
    }),
    { numRuns: 60 },
  )
})

test('numbers that are not finite are found wherever they stand', () => {
  const block = allocate(64 * 1024)
  const floats = new Float32Array(block.buffer, block.address, 1000)
  const { kernel } = block.region!
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    for (const count of [1, 3, 4, 5, 16, 17, 100]) {
      floats.fill(-3e38)
      floats[count] = bad
      assert.equal(kernel.allFinite(block.address, count), 1)
      for (let at = 0; at < count; at++) {
        floats.fill(3e38)
        floats[at] = bad
        assert.equal(kernel.allFinite(block.address, count), 0, `${bad} at ${at} of ${count}`)
      }
    }
  }
  release(block)
})

test('a block that is given back is given to the next', () => {
  const first = allocate(3 * 64 * 1024)
  const { address } = first
  const other = allocate(3 * 64 * 1024)
  assert.notEqual(other.address, address)
  release(first)
  assert.equal(allocate(3 * 64 * 1024 - 1).address, address)
})

test('memory that is taken in advance is taken once, and is given to the blocks that come', async () => {
  const bytes = 40 * 1024 * 1024
  const { memory } = allocate(1).region!
  populate(bytes)
  const grown = memory.buffer.byteLength
  assert.equal(reserve(bytes), undefined)
  const block = allocate(bytes)
  assert.equal(memory.buffer.byteLength, grown)
  const written = new Uint8Array(block.buffer, block.address, bytes).fill(7)
  // The thread may come to a page before or after it is written to.
  await setTimeout(200)
  assert.ok(written.every((byte) => byte === 7))
  const more = reserve(bytes)
  assert.ok(more && more.from >= grown && more.to - more.from <= bytes)
})
