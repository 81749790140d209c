import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { bits, vectorOfBits } from '../support/entries.ts'
import {
  collect,
  type EntryInput,
  MAX_DIMENSIONS,
  MAX_ID_BYTES,
  openWal,
  temporaryDirectory,
  type WalEntry,
} from '../support/kit.ts'

/**
 * Appends each entry, reads it back from the open log and from one opened again, and compares bit
 * for bit.
 */
async function comesBack(
  t: TestContext,
  entries: readonly EntryInput[],
  expected: readonly WalEntry[] = entries as readonly WalEntry[],
): Promise<void> {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await Promise.all(entries.map((entry) => wal.append(entry)))
  assert.deepEqual(
    (await collect(wal.read())).map(({ entry }) => bits(entry)),
    expected.map(bits),
  )
  await wal.close()
  const again = await openWal(t, { directory })
  assert.deepEqual(
    (await collect(again.read())).map(({ entry }) => bits(entry)),
    expected.map(bits),
  )
}

test('floats keep their bits: NaNs with payloads, signalling ones, both zeros, subnormals, infinities', async (t) => {
  const vector = vectorOfBits(
    0x7fc0_0000,
    0x7fc0_1234,
    0xffc5_5555,
    0x7f80_0001,
    0xff80_0001,
    0x7fbf_ffff, // NaNs
    0x8000_0000,
    0x0000_0000,
    0x0000_0001,
    0x807f_ffff,
    0x7f80_0000,
    0xff80_0000,
    0x7f7f_ffff,
  )
  await comesBack(t, [
    { type: 'insert', id: 'a', vector },
    { type: 'update', id: 'a', vector },
    { type: 'batch', entries: [{ type: 'insert', id: 'b', vector, replace: true }] },
  ])
})

test('vectors of 0, 1 and 65 535 dimensions come back, and what is given in numbers is rounded to float32', async (t) => {
  const large = Float32Array.from({ length: MAX_DIMENSIONS }, (_, index) => Math.sin(index))
  await comesBack(
    t,
    [
      { type: 'insert', id: 'none', vector: new Float32Array(0) },
      { type: 'update', id: 'none', vector: new Float32Array(0) },
      { type: 'insert', id: 'large', vector: large },
      { type: 'insert', id: 'numbers', vector: [0.1, 1e300, Number.NaN, -0] },
    ],
    [
      { type: 'insert', id: 'none', vector: new Float32Array(0) },
      { type: 'update', id: 'none', vector: new Float32Array(0) },
      { type: 'insert', id: 'large', vector: large },
      {
        type: 'insert',
        id: 'numbers',
        vector: Float32Array.of(0.1, Number.POSITIVE_INFINITY, Number.NaN, -0),
      },
    ],
  )
})

test('a view into a larger array is copied from its own place', async (t) => {
  const memory = Float32Array.of(9, 9, 1, 2, 3, 9)
  await comesBack(t, [{ type: 'insert', id: 'view', vector: memory.subarray(2, 5) }])
})

test('what is appended is what it was at the call, whatever the caller does to it afterwards', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  const vector = Float32Array.of(1, 2)
  const data = Uint8Array.of(1, 2)
  const metadata = { tag: 'old' }
  const appends = [
    wal.append({ type: 'insert', id: 'a', vector, metadata }),
    wal.append({ type: 'custom', kind: 'k', data }),
  ]
  vector.fill(9)
  data.fill(9)
  metadata.tag = 'new'
  await Promise.all(appends)
  assert.deepEqual(
    (await collect(wal.read())).map(({ entry }) => entry),
    [
      { type: 'insert', id: 'a', vector: Float32Array.of(1, 2), metadata: { tag: 'old' } },
      { type: 'custom', kind: 'k', data: Uint8Array.of(1, 2) },
    ],
  )
})

test('ids of any Unicode come back, up to the limit of their bytes', async (t) => {
  const ids = [
    'a',
    ' ',
    '\0',
    '\n',
    '"\\',
    '/../',
    '\ufeffmark',
    '\uffff',
    'e\u0301',
    '\u00e9',
    '日本語',
    '👩‍👩‍👧',
    '\u202eright',
    '__proto__',
    'x'.repeat(MAX_ID_BYTES),
    '語'.repeat(MAX_ID_BYTES / 3),
  ]
  await comesBack(
    t,
    ids.flatMap((id): EntryInput[] => [
      { type: 'insert', id, vector: Float32Array.of(1) },
      { type: 'update', id, metadata: id },
      { type: 'delete', id },
    ]),
  )
})

test('metadata of every shape that JSON has comes back', async (t) => {
  const shapes = [
    null,
    true,
    false,
    0,
    1e308,
    -5e-324,
    0.1,
    '',
    'text',
    '\0\ud83d\ude00"\\',
    [],
    {},
    [[[]]],
    [null, [1, 'a', { b: [] }]],
    { '': 1, ' ': { nested: { deeper: [1, 2, { x: null }] } }, lang: '日本語' },
    JSON.parse('{"__proto__": {"polluted": true}}'),
    JSON.parse('['.repeat(100) + ']'.repeat(100)),
    'x'.repeat(1_000_000),
  ]
  await comesBack(
    t,
    shapes.flatMap((metadata): EntryInput[] => [
      { type: 'insert', id: 'a', vector: Float32Array.of(1), metadata },
      { type: 'update', id: 'a', metadata },
    ]),
  )
})

test('members of metadata that are undefined are left out, and a negative zero becomes zero', async (t) => {
  await comesBack(
    t,
    [{ type: 'insert', id: 'a', vector: [], metadata: { there: 1, not: undefined, zero: -0 } }],
    [{ type: 'insert', id: 'a', vector: new Float32Array(0), metadata: { there: 1, zero: 0 } }],
  )
})

test('an update keeps what it says apart from what it does not say', async (t) => {
  await comesBack(t, [
    { type: 'update', id: 'a', vector: Float32Array.of(1) },
    { type: 'update', id: 'a', metadata: { only: 'metadata' } },
    { type: 'update', id: 'a', metadata: null },
    { type: 'update', id: 'a', vector: Float32Array.of(1), metadata: 'both' },
    { type: 'update', id: 'a' },
  ])
})

test('an insert and an upsert are told apart', async (t) => {
  await comesBack(t, [
    { type: 'insert', id: 'a', vector: Float32Array.of(1) },
    { type: 'insert', id: 'a', vector: Float32Array.of(2), replace: true },
  ])
})

test('custom entries come back with any bytes, of any length', async (t) => {
  const data = [0, 1, 3, 7, 8, 9, 8191, 8192, 8193, 100_000].map((length) =>
    new Uint8Array(length).fill(0xf5),
  )
  await comesBack(
    t,
    data.map((bytes, index) => ({ type: 'custom', kind: `kind ${index} é`, data: bytes })),
  )
})

test('batches come back as they are nested, empty ones too', async (t) => {
  const member = (id: string): EntryInput => ({
    type: 'insert',
    id,
    vector: Float32Array.of(1, 2, 3),
    metadata: { id },
  })
  await comesBack(t, [
    { type: 'batch', entries: [] },
    { type: 'batch', entries: [{ type: 'batch', entries: [] }, member('a'), { type: 'delete', id: 'b' }] },
    {
      type: 'batch',
      entries: [
        member('c'),
        {
          type: 'batch',
          entries: [{ type: 'custom', kind: 'odd', data: Uint8Array.of(1, 2, 3) }, member('d')],
        },
        { type: 'update', id: 'e', metadata: null },
      ],
    },
  ])
})

test('a prepared and a committed transaction come back with their markers and members', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const prepared = wal.begin()
  const other = wal.begin()
  prepared.insert('a', [1], { tag: 1 })
  other.delete('b')
  prepared.upsert('a', [2])
  prepared.update('a', { metadata: null })
  prepared.append({ type: 'batch', entries: [{ type: 'custom', kind: 'k', data: Uint8Array.of(7) }] })
  await prepared.prepare()
  await prepared.commit()
  await other.abort()
  const expected = [
    [0, 0, { type: 'beginTransaction' }],
    [1, 1, { type: 'beginTransaction' }],
    [2, 0, { type: 'insert', id: 'a', vector: Float32Array.of(1), metadata: { tag: 1 } }],
    [3, 1, { type: 'delete', id: 'b' }],
    [4, 0, { type: 'insert', id: 'a', vector: Float32Array.of(2), metadata: null, replace: true }],
    [5, 0, { type: 'update', id: 'a', metadata: null }],
    [6, 0, { type: 'batch', entries: [{ type: 'custom', kind: 'k', data: Uint8Array.of(7) }] }],
    [7, 0, { type: 'prepareTransaction' }],
    [8, 0, { type: 'commitTransaction' }],
    [9, 1, { type: 'abortTransaction' }],
  ]
  await wal.close()
  const again = await openWal(t, { directory })
  const found = await collect(again.read())
  assert.deepEqual(
    found.map(({ seq, transactionId, entry }) => [seq, transactionId, entry]),
    expected,
  )
})

test('a checkpoint comes back with its snapshot, the files and their hashes', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await wal.append({ type: 'delete', id: 'a' })
  const taken = await wal.checkpoint({
    seq: 0,
    snapshot: async (target) => {
      await target.write('vectors.bin', [Buffer.from('abc')])
      return { size: 1, note: 'é' }
    },
  })
  assert.deepEqual(taken, {
    type: 'checkpoint',
    sequenceNumber: 0,
    replayFrom: 1,
    snapshot: {
      name: 'snapshot-0000000000000000',
      files: [
        {
          name: 'vectors.bin',
          bytes: 3,
          sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
        },
      ],
      info: { size: 1, note: 'é' },
    },
  })
  await wal.close()
  const again = await openWal(t, { directory })
  assert.deepEqual((await collect(again.read())).at(-1)!.entry, taken)
  assert.deepEqual(again.lastCheckpoint, taken)
})
