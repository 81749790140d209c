/**
 * What is given is read and copied once, when the call is made: what is checked is what is logged.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import vm from 'node:vm'
import {
  type BatchMember,
  collect,
  type DurableIndex,
  type EntryInput,
  flat,
  insert,
  type JsonValue,
  openIndex,
  openWal,
  refusal,
  temporaryDirectory,
  withoutSeq,
} from '../../support/kit.ts'

const open = async (t: TestContext, directory?: string): Promise<DurableIndex> =>
  openIndex(t, { directory: directory ?? (await temporaryDirectory(t)), index: flat({ dimensions: 2 }) })

/**
 * An object whose member answers with one value after the other, and with the last from then on.
 */
function turning<T extends object>(base: T, name: string, ...values: unknown[]): T {
  return Object.defineProperty(base, name, {
    enumerable: true,
    get: () => (values.length > 1 ? values.shift() : values[0]),
  })
}

async function entriesIn(t: TestContext, directory: string): Promise<unknown[]> {
  const wal = await openWal(t, { directory, readOnly: true })
  return (await collect(wal.read())).map(({ entry }) => entry)
}

test('a getter in a custom entry of a batch runs once, before anything is decided', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  let inner: Promise<unknown> | undefined
  const custom = {
    type: 'custom',
    kind: 'mine',
    get data() {
      inner ??= index.insert('a', [9, 9])
      return new Uint8Array(1)
    },
  } as const
  const outer = index.batch([{ type: 'insert', id: 'a', vector: [1, 1] }, custom])
  await assert.rejects(outer, refusal('WALV_DUPLICATE_ID', 'not-logged'))
  await inner
  await index.insert('b', [2, 2])
  assert.deepEqual([...index.ids()], ['a', 'b'])
  assert.equal(index.stats().poisoned, false)
})

test('every member of an entry is read once', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  const entry = { type: 'insert', metadata: null } as unknown as BatchMember<number[]>
  turning(entry, 'id', 'first', '')
  turning(entry, 'vector', [1, 2], [Number.NaN, 1, 2])
  await index.batch([entry])
  const vector = turning([0, 1], '0', 5, 'five', Number.NaN)
  await index.insert('numbers', vector)
  const metadata = turning({}, 'n', 1, Number.NaN, () => {})
  await index.insert('metadata', [1, 1], metadata as JsonValue)
  assert.equal(index.get('first')!.vector[0], 1)
  assert.equal(index.get('numbers')!.vector[0], 5)
  assert.deepEqual(index.get('metadata')!.metadata, { n: 1 })
  const fingerprint = index.fingerprint()
  await index.close()
  assert.equal((await open(t, directory)).fingerprint(), fingerprint)
})

test('a log reads every member of an entry once, too', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await wal.append({ ...insert('a'), vector: turning([1], '0', 7, 'seven') })
  await wal.append(turning({ ...insert('b') }, 'metadata', { n: 1 }, () => {}))
  await wal.append({ ...insert('c'), metadata: turning({}, 'n', 1, Number.NaN) as JsonValue })
  await wal.append(
    turning({ type: 'custom', data: new Uint8Array(1) } as unknown as EntryInput, 'kind', 'k', 7),
  )
  const transaction = wal.begin()
  transaction.append(turning({ type: 'delete' } as unknown as EntryInput, 'id', 'd', ''))
  await transaction.commit()
  await wal.close()
  const [a, b, c, custom, , deleted] = (await entriesIn(t, directory)) as Record<string, unknown>[]
  assert.deepEqual([a!.vector, b!.metadata, c!.metadata], [Float32Array.of(7), { n: 1 }, { n: 1 }])
  assert.deepEqual([custom!.kind, deleted!.id], ['k', 'd'])
})

test('what runs while a batch is read cannot change what was read of it', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const vector = Float32Array.of(1, 2)
  const Resizable = ArrayBuffer as unknown as new (
    bytes: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer
  const buffer = new Resizable(8, { maxByteLength: 4096 })
  const data = new Uint8Array(buffer)
  const meddler = Object.defineProperty({ type: 'delete' }, 'id', {
    get() {
      vector.fill(9)
      structuredClone(vector, { transfer: [vector.buffer] })
      ;(buffer as unknown as { resize(bytes: number): void }).resize(4096)
      return 'x'
    },
  }) as EntryInput
  await wal.appendBatch([{ type: 'insert', id: 'a', vector }, { type: 'custom', kind: 'k', data }, meddler])
  await wal.append(insert('next'))
  await wal.close()
  const [batch, next] = (await entriesIn(t, directory)) as [
    { entries: Record<string, unknown>[] },
    { id: string },
  ]
  assert.deepEqual(batch.entries[0]!.vector, Float32Array.of(1, 2))
  assert.equal((batch.entries[1]!.data as Uint8Array).length, 8)
  assert.equal(next.id, 'next')
})

test('a batch that grows while it is read holds what it held when it was given, and a hole in one is refused', async (t) => {
  const index = await open(t)
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  const growing = (): BatchMember[] => {
    const entries: BatchMember[] = []
    const grow = (): BatchMember => ({
      type: 'delete',
      get id() {
        if (entries.length < 1000) entries.push(grow())
        return 'x'
      },
    })
    entries.push(grow())
    return entries
  }
  await index.batch(growing())
  await wal.appendBatch(growing())
  assert.equal(index.stats().lastSeq, 1)
  const [record] = await collect(wal.read())
  assert.equal((record!.entry as unknown as { entries: unknown[] }).entries.length, 1)
  // biome-ignore lint/suspicious/noSparseArray: that is what is tested.
  const holed = [insert('a', [1, 2]), , insert('b', [1, 2])] as EntryInput[]
  await assert.rejects(wal.appendBatch(holed), refusal('WALV_INVALID_ENTRY'))
  await assert.rejects(index.batch(holed as never), refusal('WALV_INVALID_ENTRY'))
})

test('metadata with a member named __proto__ is kept as it is', async (t) => {
  const index = await open(t)
  const text = '{"__proto__":{"a":1},"b":[-1,{"__proto__":null}]}'
  await index.insert('a', [1, 1], JSON.parse(text))
  assert.equal(JSON.stringify(index.get('a')!.metadata), text)
})

test('vectors, bytes and objects of another realm are taken like ours', async (t) => {
  const index = await open(t)
  const run = (code: string): never => vm.runInNewContext(code) as never
  await index.insert('a', run('Float32Array.of(1, 0)'), run('({ tags: ["x"], n: null })'))
  await index.upsert('b', run('[0, 1]'))
  await index.update('b', { vector: run('Float32Array.of(0, 2)') })
  await index.batch(
    run('[{ type: "custom", kind: "k", data: new Uint8Array(3) }, { type: "delete", id: "none" }]'),
  )
  assert.deepEqual(withoutSeq(index.get('a')), {
    vector: Float32Array.of(1, 0),
    metadata: { tags: ['x'], n: null },
  })
  assert.deepEqual(index.get('b')!.vector, Float32Array.of(0, 2))
  assert.equal((await index.search(run('Float32Array.of(1, 0)')))[0]!.id, 'a')
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  assert.equal(await wal.append(run('({ type: "insert", id: "a", vector: Float32Array.of(1) })')), 0)
  await assert.rejects(index.insert('c', run('new Float64Array(2)')), refusal('WALV_INVALID_VECTOR'))
})

test('a schema of another realm that answers with a promise is refused', async (t) => {
  const metadataSchema = {
    '~standard': { version: 1, validate: () => vm.runInNewContext('Promise.resolve({})') },
  }
  const directory = await temporaryDirectory(t)
  const index = await openIndex(t, {
    directory,
    index: flat({ dimensions: 1 }),
    metadataSchema: metadataSchema as never,
  })
  await assert.rejects(index.insert('a', [1]), refusal('WALV_INVALID_OPTION', 'not-logged'))
  assert.equal(index.size, 0)
})

test('a query may be changed by who asked, while a filter or an engine is at work', async (t) => {
  const index = await open(t)
  await index.insert('a', [1, 0])
  await index.insert('b', [0, 1])
  const query = Float32Array.of(1, 0)
  const hits = await index.search(query, {
    filter: () => {
      query.set([0, 1])
      return true
    },
  })
  assert.deepEqual(
    hits.map(({ id }) => id),
    ['a', 'b'],
  )
})
