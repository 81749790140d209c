import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { flat } from '../../../src/index/flat/flat.ts'
import { FlatStorage } from '../../../src/index/flat/flat-storage.ts'
import type { Metric, VectorIndex } from '../../../src/index/vector-index.ts'
import { MemorySnapshot } from '../memory-snapshot.ts'
import { bitsOf, change, changesOf, type Model, specialVectors } from './flat-oracle.ts'

const FILE = 'vectors.walvflat'
const metrics = fc.constantFrom<Metric>('cosine', 'l2', 'ip')
/** Dimensions with rows in one chunk, and with four to a chunk. */
const dimensionsOfTests = fc.constantFrom(0, 3, 65_535)

async function saved(index: VectorIndex): Promise<MemorySnapshot> {
  const snapshot = new MemorySnapshot()
  const frozen = index.freeze()
  await frozen.save(snapshot)
  frozen.release()
  return snapshot
}

function snapshotOf(bytes: Uint8Array): MemorySnapshot {
  const snapshot = new MemorySnapshot(7)
  snapshot.files.set(FILE, bytes)
  return snapshot
}

function assertHolds(index: VectorIndex, model: Model): void {
  assert.equal(index.size, model.size)
  for (const [label, vector] of model) {
    assert.ok(Buffer.from(index.get(label).buffer).equals(Buffer.from(vector.buffer)), `label ${label}`)
  }
}

async function assertRestores(snapshot: MemorySnapshot, like: VectorIndex, model: Model): Promise<void> {
  const { dimensions, metric } = like
  const restored = flat({ dimensions, metric, allowNonFinite: true })
  await restored.load(snapshot)
  assertHolds(restored, model)
  assert.equal(snapshot.openReaders, 0)
}

test('the file has the documented bytes', async () => {
  const index = flat({ dimensions: 2, metric: 'ip' })
  index.set(7, Float32Array.of(1, -2))
  index.set(Number.MAX_SAFE_INTEGER, Float32Array.of(0.5, -0))
  const snapshot = await saved(index)
  assert.deepEqual([...snapshot.files.keys()], [FILE])
  const expected = [
    '57414c56464c4154', // WALVFLAT
    '01000000 02000000 03000000 00000000', // version, dimensions, metric, zero
    '0200000000000000', // count
    '0700000000000000 ffffffffffff1f00', // labels
    '0000803f 000000c0 0000003f 00000080', // vectors
  ]
  const hex = Buffer.from(snapshot.files.get(FILE)!).toString('hex')
  assert.equal(hex, expected.join('').replaceAll(' ', ''))
})

test('the file counts 1 for cosine and 2 for l2', async () => {
  for (const [metric, code] of [
    ['cosine', 1],
    ['l2', 2],
  ] as const) {
    const snapshot = await saved(flat({ dimensions: 5, metric }))
    const bytes = snapshot.files.get(FILE)!
    assert.equal(bytes.length, 32)
    assert.equal(bytes[16], code)
  }
})

test('what was saved is loaded bit for bit, and the loaded index goes on like the first', async () => {
  const cases = dimensionsOfTests.chain((dimensions) =>
    fc.tuple(
      fc.constant(dimensions),
      metrics,
      fc.array(changesOf(dimensions, 20), { maxLength: 40 }),
      fc.array(changesOf(dimensions, 20), { maxLength: 20 }),
      fc.integer({ min: 1, max: 100_000 }),
    ),
  )
  await fc.assert(
    fc.asyncProperty(cases, async ([dimensions, metric, before, after, readBytes]) => {
      const first = flat({ dimensions, metric, allowNonFinite: true })
      const model: Model = new Map()
      for (const one of before) change(one, first, model)
      const snapshot = new MemorySnapshot(dimensions > 1000 ? 100_003 : readBytes)
      await first.freeze().save(snapshot)
      const second = flat({ dimensions, metric, allowNonFinite: true })
      await second.load(snapshot)
      assertHolds(second, model)
      const copy: Model = new Map(model)
      for (const one of after) change(one, first, model)
      for (const one of after) change(one, second, copy)
      const query = Float32Array.from({ length: dimensions }, (_, i) => (i % 5) - 1.5)
      assert.deepEqual(second.search(query, 10), first.search(query, 10))
      assert.deepEqual((await saved(second)).files, (await saved(first)).files)
    }),
    { numRuns: 60 },
  )
})

test('bits of NaN, negative zero and subnormals survive a snapshot', async () => {
  const vectors = specialVectors()
  const index = flat({ dimensions: 4, allowNonFinite: true })
  for (const [label, vector] of vectors.entries()) index.set(label, vector)
  const restored = flat({ dimensions: 4, allowNonFinite: true })
  await restored.load(await saved(index))
  for (const [label, vector] of vectors.entries())
    assert.deepEqual(bitsOf(restored.get(label)), bitsOf(vector))
})

test('more labels than fit in one piece are saved and loaded', async () => {
  const index = flat({ dimensions: 1, metric: 'l2' })
  const model: Model = new Map()
  for (let i = 0; i < 20_000; i++)
    change({ set: (i * 7919) % 2 ** 40, vector: Float32Array.of(i) }, index, model)
  await assertRestores(await saved(index), index, model)
})

test('a frozen index stays as it was while the index changes, before and during its saving', async () => {
  const cases = dimensionsOfTests.chain((dimensions) => {
    const changes = fc.array(changesOf(dimensions, 20), { maxLength: 30 })
    return fc.tuple(fc.constant(dimensions), metrics, changes, changes, changes, changes)
  })
  await fc.assert(
    fc.asyncProperty(cases, async ([dimensions, metric, first, second, third, during]) => {
      const index = flat({ dimensions, metric, allowNonFinite: true })
      const model: Model = new Map()
      const apply = (changes: typeof first): void => {
        for (const one of changes) change(one, index, model)
      }
      apply(first)
      const earlier = { frozen: index.freeze(), model: new Map(model) }
      apply(second)
      const later = { frozen: index.freeze(), model: new Map(model) }
      apply(third)
      for (const { frozen, model: then } of [later, earlier]) {
        const pending = [...during]
        const snapshot = new MemorySnapshot(65_536, () => apply(pending.splice(0, 3)))
        await frozen.save(snapshot)
        frozen.release()
        frozen.release()
        await assertRestores(snapshot, index, then)
      }
      assertHolds(index, model)
    }),
    { numRuns: 60 },
  )
})

test('a frozen index keeps vectors whose chunk was dropped and made anew', async () => {
  const dimensions = 65_535
  const index = flat({ dimensions, metric: 'l2' })
  const model: Model = new Map()
  const vector = (value: number): Float32Array => new Float32Array(dimensions).fill(value)
  for (let label = 0; label < 6; label++) change({ set: label, vector: vector(label) }, index, model)
  const frozen = index.freeze()
  const then = new Map(model)
  for (let label = 0; label < 6; label++) change({ remove: label }, index, model)
  for (let label = 10; label < 20; label++) change({ set: label, vector: vector(label) }, index, model)
  const snapshot = new MemorySnapshot(65_536)
  await frozen.save(snapshot)
  await assertRestores(snapshot, index, then)
  assertHolds(index, model)
})

test('nothing is preserved for a view that was released', () => {
  const storage = new FlatStorage(1, 'l2')
  storage.append(1, Float32Array.of(1))
  const [held, released] = [storage.freeze(), storage.freeze()]
  storage.release(released)
  storage.write(0, 2, Float32Array.of(2))
  assert.equal(held.label(0), 1)
  assert.equal(released.label(0), 2)
})

test('a frozen index is not saved after its release, when it would mix two states', async () => {
  const index = flat({ dimensions: 1 })
  const [held, released] = [index.freeze(), index.freeze()]
  released.release()
  released.release()
  const snapshot = new MemorySnapshot()
  await assert.rejects(released.save(snapshot), /saved after its release/)
  assert.equal(snapshot.files.size, 0)
  await held.save(snapshot)
  assert.equal(snapshot.files.size, 1)
})

/** A good snapshot of two vectors of three dimensions under l2, with labels 4 and 5. */
async function smallFile(): Promise<Uint8Array> {
  const index = flat({ dimensions: 3, metric: 'l2' })
  index.set(4, Float32Array.of(1, 2, 3))
  index.set(5, Float32Array.of(4, 5, 6))
  return (await saved(index)).files.get(FILE)!
}

async function assertRefused(bytes: Uint8Array, message: RegExp): Promise<void> {
  const index = flat({ dimensions: 3, metric: 'l2' })
  const snapshot = snapshotOf(bytes)
  await assert.rejects(index.load(snapshot), { code: 'WALV_INDEX_MISMATCH', file: FILE, message })
  assert.equal(snapshot.openReaders, 0)
  assert.equal(index.size, 0)
  assert.deepEqual(index.search(new Float32Array(3), 5), [])
  await index.load(snapshotOf(await smallFile()))
  assert.equal(index.size, 2)
}

test('a file that is cut anywhere is refused', async () => {
  const file = await smallFile()
  for (let bytes = 0; bytes < file.length; bytes++) {
    const part = bytes < 32 ? 'header' : bytes < 48 ? 'labels' : 'vectors'
    await assertRefused(file.slice(0, bytes), new RegExp(`it ends after ${bytes} bytes, within the ${part}`))
  }
})

test('a file that goes on after its last vector is refused', async () => {
  await assertRefused(
    new Uint8Array([...(await smallFile()), 0]),
    /goes on after the last vector .*\(offset 72\)/,
  )
})

test('every wrong field of the header is refused', async () => {
  const wrong: [offset: number, value: number, message: RegExp][] = [
    [0, 0x58, /not a snapshot of a flat index/],
    [7, 0x58, /not a snapshot of a flat index/],
    [8, 2, /layout has version 2, and this walv reads version 1/],
    [
      12,
      4,
      /flat\(\{ dimensions: 4, metric: 'l2' \}\), and this index is flat\(\{ dimensions: 3, metric: 'l2' \}\)/,
    ],
    [16, 1, /metric: 'cosine' \}\), and this index is flat\(\{ dimensions: 3, metric: 'l2' \}\)/],
    [16, 9, /metric has code 9/],
    [20, 1, /must be zero/],
    [24, 1, /goes on after the last vector/],
    [24, 6, /ends after 72 bytes, within the labels/],
    [31, 1, /count of vectors is beyond/],
  ]
  for (const [offset, value, message] of wrong) {
    const file = await smallFile()
    file[offset] = value
    await assertRefused(file, message)
  }
})

test('a count far beyond the file allocates nothing for it', async () => {
  const file = await smallFile()
  file[29] = 0x10 // 2^44 vectors
  const before = process.memoryUsage().arrayBuffers
  await assertRefused(file, /ends after 72 bytes, within the labels/)
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024)
})

test('a label that comes twice, or is no safe integer, is refused', async () => {
  const twice = await smallFile()
  twice[40] = 4
  await assertRefused(twice, /holds label 4 twice \(offset 40\)/)
  const unsafe = await smallFile()
  unsafe[46] = 0x20
  await assertRefused(unsafe, /a label is 2\^53 or more \(offset 40\)/)
})

test('vectors that are not finite are refused by an index that does not accept them', async () => {
  for (const bits of [0x7fc00000, 0x7f800000, 0xff800000]) {
    const file = await smallFile()
    new DataView(file.buffer).setUint32(68, bits, true)
    await assertRefused(file, /NaN or an infinity, and this index was made without allowNonFinite/)
  }
})

test('a snapshot is loaded only into an empty index', async () => {
  const snapshot = snapshotOf(await smallFile())
  const index = flat({ dimensions: 3, metric: 'l2' })
  index.set(1, Float32Array.of(1, 1, 1))
  await assert.rejects(index.load(snapshot), /not empty/)
  assert.equal(index.size, 1)
})
