import assert from 'node:assert/strict'
import { truncate } from 'node:fs/promises'
import { test } from 'node:test'
import { openVectorFile } from '../../../src/cli/import/index.ts'
import { temporaryFile } from '../temporary.ts'
import { assertFailsAfter, assertRefused, bits, collect, readAll } from './vector-files.ts'

/** A record from the bits of its elements. */
function record(...elements: number[]): Buffer {
  const bytes = Buffer.alloc(4 + elements.length * 4)
  bytes.writeInt32LE(elements.length)
  for (const [i, element] of elements.entries()) bytes.writeUInt32LE(element, 4 + i * 4)
  return bytes
}

test('An .fvecs file gives its vectors bit for bit under their row numbers, and its totals ahead', async (t) => {
  const rows = [
    [0x3f800000, 0xc0200000, 0x3dcccccd],
    [0x80000000, 0x00000001, 0x7fa00001],
  ]
  const file = await temporaryFile(t, 'a.fvecs', Buffer.concat(rows.map((row) => record(...row))))
  const { format, bytes, rows: count, dimensions } = await openVectorFile(file)
  assert.deepEqual(
    { format, bytes, count, dimensions },
    { format: 'fvecs', bytes: 32, count: 2, dimensions: 3 },
  )
  const read = await readAll(file)
  assert.deepEqual(
    read.map(({ id, where, endOffset }) => ({ id, where, endOffset })),
    [
      { id: '0', where: 'row 0', endOffset: 16 },
      { id: '1', where: 'row 1', endOffset: 32 },
    ],
  )
  assert.deepEqual(
    read.map(({ vector }) => bits(vector)),
    rows,
  )
  assert.deepEqual(Array.from(read[0]!.vector.slice(0, 2)), [1, -2.5])
})

test('An .fvecs file of several pieces is read in order, whatever record a piece ends in, and as often as asked', async (t) => {
  const count = 3000
  const file = await temporaryFile(
    t,
    'a.fvecs',
    Buffer.concat(
      Array.from({ length: count }, (_, row) =>
        record(...Array.from({ length: 101 }, (_, i) => row * 1000 + i)),
      ),
    ),
  )
  const source = await openVectorFile(file)
  for (let pass = 0; pass < 2; pass++) {
    let row = 0
    for await (const { id, vector } of source.read()) {
      assert.equal(id, String(row))
      assert.deepEqual([bits(vector)[0], bits(vector)[100]], [row * 1000, row * 1000 + 100])
      row++
    }
    assert.equal(row, count)
  }
})

test('A reader that stops early does not keep the file open', async (t) => {
  const file = await temporaryFile(
    t,
    'a.fvecs',
    Buffer.concat(Array.from({ length: 100_000 }, () => record(1, 2))),
  )
  const rows = (await openVectorFile(file)).read()
  await rows.next()
  await rows.return(undefined)
  assert.deepEqual(await rows.next(), { done: true, value: undefined })
})

test('An .fvecs file that is empty, too short or cut short is refused before a row is read', async (t) => {
  await assertRefused(await temporaryFile(t, 'a.fvecs', ''), /it is empty/, 0)
  await assertRefused(await temporaryFile(t, 'a.fvecs', Buffer.from([1, 0])), /ends within a vector/, 0)
  const whole = Buffer.concat([record(1, 2), record(3, 4)])
  for (const bytes of [13, 15, 23]) {
    await assertRefused(
      await temporaryFile(t, 'a.fvecs', whole.subarray(0, bytes)),
      /ends within a vector/,
      12,
    )
  }
})

test('An .fvecs file with dimensions that no vector has is refused', async (t) => {
  for (const dimensions of [0, -1, 65_536, 0x7fffffff]) {
    const bytes = Buffer.alloc(64)
    bytes.writeInt32LE(dimensions)
    await assertRefused(
      await temporaryFile(t, 'a.fvecs', bytes),
      new RegExp(`row 0 has ${dimensions} dimensions`),
      0,
    )
  }
})

test('Dimensions that change in an .fvecs file are named with their row and offset', async (t) => {
  const three = Buffer.concat([record(1, 2), record(3, 4), record(5, 6)])
  three.writeInt32LE(7, 24)
  const file = await temporaryFile(t, 'a.fvecs', three)
  await assertFailsAfter(file, 2, /row 2 has 7 dimensions, where the rows before have 2/, 24)
})

test('An .fvecs file that shrinks between opening and reading is not taken for a whole one', async (t) => {
  const file = await temporaryFile(t, 'a.fvecs', Buffer.concat([record(1, 2), record(3, 4)]))
  const source = await openVectorFile(file)
  await truncate(file, 12)
  await assert.rejects(collect(source.read()), { code: 'WALV_INVALID_FILE', offset: 12 })
})
