import assert from 'node:assert/strict'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { HierarchicalNSW } from 'hnswlib-node'
import { openStore } from '../../../src/cli/import/index.ts'
import { WalError } from '../../support/kit.ts'
import { temporaryFolder } from '../temporary.ts'
import {
  assertStoreRefused,
  type Change,
  changeJson,
  copyOf,
  documents,
  FIXTURES,
  rowsOf,
  set,
  vectors,
} from './stores.ts'

const hnswlib: typeof import('hnswlib-node') = createRequire(import.meta.url)('hnswlib-node')
const HEADER_BYTES = 96

test('What HNSWLib has saved arrives whole, with its metric: labels as ids, texts, metadata, vectors bit for bit', async () => {
  for (const space of ['l2', 'ip'] as const) {
    const folder = join(FIXTURES, `hnswlib-${space}`)
    const rows = await rowsOf('hnswlib', folder)
    const expected = documents.map((metadata, i) => ({
      id: `${i}`,
      vector: vectors[i],
      metadata,
      where: `label ${i}`,
    }))
    assert.deepEqual(
      rows.map(({ endOffset, ...row }) => row),
      expected,
    )
    const { rows: count, dimensions, metric } = await openStore('hnswlib', folder)
    assert.deepEqual([count, dimensions, metric], [12, 100, space])
  }
})

test('Under cosine HNSWLib keeps vectors of length 1: these arrive', async () => {
  const folder = join(FIXTURES, 'hnswlib-cosine')
  const native = new hnswlib.HierarchicalNSW('cosine', 100)
  native.readIndexSync(join(folder, 'hnswlib.index'))
  const rows = await rowsOf('hnswlib', folder)
  assert.equal(rows.length, 12)
  for (const [i, { id, vector, metadata }] of rows.entries()) {
    assert.deepEqual([id, metadata], [`${i}`, documents[i]])
    assert.deepEqual([...vector], native.getPoint(i), 'as hnswlib itself reads it')
    const length = Math.hypot(...vectors[i]!)
    for (const [at, element] of vector.entries())
      assert.ok(Math.abs(element - vectors[i]![at]! / length) < 1e-6)
  }
})

/** A folder as HNSWLib saves it, around an index that hnswlib-node writes. */
async function savedFolder(
  t: TestContext,
  index: HierarchicalNSW,
  space: string,
  labels: number[],
): Promise<string> {
  const folder = join(await temporaryFolder(t), 'saved')
  await mkdir(folder)
  index.writeIndexSync(join(folder, 'hnswlib.index'))
  await writeFile(
    join(folder, 'args.json'),
    JSON.stringify({ space, numDimensions: index.getNumDimensions() }),
  )
  const entries = labels.map((label) => [
    `${label}`,
    { pageContent: `text ${label}`, metadata: {}, id: `own-${label}` },
  ])
  await writeFile(join(folder, 'docstore.json'), JSON.stringify(entries))
  return folder
}

test('An index of several levels, any labels, spare capacity and deleted points is read as hnswlib reads it', async (t) => {
  const index = new hnswlib.HierarchicalNSW('l2', 6)
  index.initIndex(3000, 5)
  const labels = Array.from({ length: 2000 }, (_, i) => i * 7 + 3)
  for (const label of labels)
    index.addPoint(
      Array.from({ length: 6 }, (_, i) => Math.sin(label * (i + 1))),
      label,
    )
  for (const label of labels.slice(0, 10)) index.markDelete(label)
  const rows = await rowsOf('hnswlib', await savedFolder(t, index, 'l2', labels))
  assert.deepEqual(
    rows.map(({ id }) => id),
    labels.slice(10).map((label) => `own-${label}`),
  )
  for (const { where, vector } of rows)
    assert.deepEqual([...vector], index.getPoint(Number(where.split(' ')[1])))
})

const wrong: [string, string, RegExp, Change][] = [
  [
    'no space',
    'args.json',
    /it names no space that is one of cosine, l2, ip/,
    () => ({ numDimensions: 100 }),
  ],
  [
    'other dimensions',
    'args.json',
    /it says 99 dimensions, and hnswlib\.index has 100/,
    () => ({ space: 'l2', numDimensions: 99 }),
  ],
  ['no documents', 'docstore.json', /it is not an array/, () => ({})],
  [
    'a document less',
    'docstore.json',
    /label 5 has no document in docstore\.json/,
    (all) => all.toSpliced(5, 1),
  ],
  ['a document more', 'docstore.json', /its document 99 has no vector/, (all) => [...all, ['99', all[0][1]]]],
  ['a label twice', 'docstore.json', /entry 12 is no pair of a new label/, (all) => [...all, all[0]]],
  ['no pairs', 'docstore.json', /entry 1 is no pair/, set('1', 'x')],
  ['no text', 'docstore.json', /label 4 has no text/, set('4.1', { metadata: {} })],
]
for (const [what, name, message, change] of wrong) {
  test(`A folder with ${what} is refused`, async (t) => {
    const folder = await copyOf(t, 'hnswlib-l2')
    await changeJson(join(folder, name), change)
    await assertStoreRefused('hnswlib', folder, message)
  })
}

test('A folder with a file missing is refused', async (t) => {
  for (const name of ['args.json', 'docstore.json', 'hnswlib.index']) {
    const folder = await copyOf(t, 'hnswlib-l2')
    await rm(join(folder, name))
    await assertStoreRefused('hnswlib', folder, new RegExp(`${name}: there is no such file`))
  }
})

test('An index that is cut short or goes on behind its end is refused, whatever the length', async (t) => {
  const folder = await copyOf(t, 'hnswlib-l2')
  const file = join(folder, 'hnswlib.index')
  const bytes = await readFile(file)
  for (let length = 1; length < bytes.length; length += 61) {
    await writeFile(file, bytes.subarray(0, length))
    await assertStoreRefused('hnswlib', folder, /it ends|have \d+ bytes/)
  }
  await writeFile(file, Buffer.concat([bytes, Buffer.alloc(3)]))
  await assertStoreRefused('hnswlib', folder, /3 bytes follow its end/)
})

test('No flipped bit brings anything down, or loses or mixes up a document', async (t) => {
  const folder = await copyOf(t, 'hnswlib-cosine')
  const file = join(folder, 'hnswlib.index')
  const bytes = await readFile(file)
  const sound = await rowsOf('hnswlib', folder)
  let refusals = 0
  for (let at = 0; at < bytes.length; at += at < HEADER_BYTES ? 1 : 37) {
    const bit = 1 << (at % 8)
    bytes[at]! ^= bit
    await writeFile(file, bytes)
    bytes[at]! ^= bit
    const rows = await rowsOf('hnswlib', folder).catch((error: WalError) => error)
    if (rows instanceof WalError) {
      assert.equal(rows.code, 'WALV_INVALID_FILE', `byte ${at}: ${rows.message}`)
      refusals++
      continue
    }
    assert.ok(Array.isArray(rows), `byte ${at}: ${rows}`)
    // A point that seems deleted is left out: that bit says so.
    const ids = new Set(rows.map(({ id }) => id))
    assert.ok(ids.size >= 11)
    for (const { id, metadata } of rows) assert.deepEqual(metadata, sound[Number(id)]!.metadata)
    const altered = rows.flatMap(({ id, vector }) =>
      Array.from(vector).filter((element, i) => element !== sound[Number(id)]!.vector[i]),
    )
    assert.ok(altered.length <= 1, `byte ${at} alters ${altered.length} elements`)
  }
  assert.ok(refusals > 60, `${refusals} of the flips are noticed`)
})

test('A vector that is not of length 1 under cosine is refused; one of zeros is not', async (t) => {
  const index = new hnswlib.HierarchicalNSW('cosine', 2)
  index.initIndex(2)
  index.addPoint([3, 4], 0)
  index.addPoint([0, 0], 1)
  const folder = await savedFolder(t, index, 'cosine', [0, 1])
  assert.deepEqual(
    (await rowsOf('hnswlib', folder)).map(({ vector }) => [...vector]),
    [
      [Math.fround(0.6), Math.fround(0.8)],
      [0, 0],
    ],
  )
  const file = join(folder, 'hnswlib.index')
  const bytes = await readFile(file)
  bytes.writeFloatLE(0.9, bytes.indexOf(Buffer.from(Float32Array.of(0.6, 0.8).buffer)))
  await writeFile(file, bytes)
  await assertStoreRefused('hnswlib', folder, /at byte 96, the vector of label 0 is not of length 1/)
})

test('A label twice is refused, and so are links that lead nowhere', async (t) => {
  const folder = await copyOf(t, 'hnswlib-l2')
  const file = join(folder, 'hnswlib.index')
  const bytes = await readFile(file)
  const pointBytes = Number(bytes.readBigUInt64LE(24))
  const labelOffset = Number(bytes.readBigUInt64LE(32))
  const point = HEADER_BYTES + pointBytes * 3
  const upper = HEADER_BYTES + pointBytes * 12
  const refusedWith = async (message: RegExp, change: (changed: Buffer) => unknown): Promise<void> => {
    const changed = Buffer.from(bytes)
    change(changed)
    await writeFile(file, changed)
    await assertStoreRefused('hnswlib', folder, message)
  }
  await refusedWith(/label 0 comes twice/, (changed) => changed.writeBigUInt64LE(0n, point + labelOffset))
  await refusedWith(/a link leads to point 12, of 12/, (changed) => changed.writeUInt32LE(12, point + 4))
  await refusedWith(/point 3 has 33 links/, (changed) => changed.writeUInt16LE(33, point))
  await refusedWith(/the links of point 0 have 20 bytes/, (changed) => changed.writeUInt32LE(20, upper))
})
