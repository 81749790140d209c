import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  DurableIndex,
  flat,
  type IndexChange,
  openIndex,
  openWal,
  refusal,
  temporaryDirectory,
  until,
} from '../../support/kit.ts'

const RULES = {
  checkpointIntervalEntries: false,
  checkpointRetention: 2,
  segmentMaxBytes: 64 * 1024,
} as const

async function take(changes: AsyncIterator<IndexChange>, count: number): Promise<IndexChange[]> {
  const taken: IndexChange[] = []
  while (taken.length < count) {
    const { value, done } = await changes.next()
    if (done) break
    taken.push(value)
  }
  return taken
}

const brief = ({ kind, id, isLast }: IndexChange): string => `${kind} ${id}${isLast ? '' : ' …'}`

const open = (t: TestContext, directory: string, follow = false): Promise<DurableIndex> =>
  openIndex(t, { directory, index: flat({ dimensions: 1 }), ...RULES, follow })

for (const follow of [false, true])
  test(`changes are told in order, as they take effect, by an index that ${follow ? 'follows' : 'writes'}`, async (t) => {
    const directory = await temporaryDirectory(t)
    const writer = await open(t, directory)
    const reader = follow ? await open(t, directory, true) : writer
    await writer.insert('before', [0])
    await until(() => reader.has('before'))
    const changes = reader.changes()
    const taken = take(changes, 7)
    await writer.insert('a', [1], { n: 1 })
    await writer.update('a', { metadata: { n: 2 } })
    await writer.batch([
      { type: 'upsert', id: 'b', vector: [2] },
      { type: 'delete', id: 'a' },
    ])
    await writer.transaction(async (tx) => {
      await tx.insert('c', [3])
      await tx.update('b', { vector: [4] })
    })
    await writer.delete('c')
    const told = await taken
    assert.deepEqual(told.map(brief), [
      'insert a',
      'update a',
      'upsert b …',
      'delete a',
      'insert c …',
      'update b',
      'delete c',
    ])
    assert.deepEqual([...told[0]!.vector!, told[0]!.metadata], [1, { n: 1 }])
    assert.deepEqual([told[1]!.vector, told[1]!.metadata], [undefined, { n: 2 }])
    assert.deepEqual([told[2]!.metadata, told[3]!.vector], [null, undefined])
    assert.ok(told.every(({ seq }, at) => at === 0 || seq >= told[at - 1]!.seq))
    const waiting = changes.next()
    await reader.close()
    assert.equal((await waiting).done, true)
  })

test('a change is told once searches see it', async (t) => {
  const directory = await temporaryDirectory(t)
  const writer = await open(t, directory)
  const follower = await open(t, directory, true)
  const check = async (index: DurableIndex): Promise<void> => {
    for await (const { id } of index.changes({ from: 0 })) {
      assert.ok(index.has(id))
      if (id === '99') return
    }
  }
  const checked = Promise.all([check(writer), check(follower)])
  for (let id = 0; id < 100; id++) void writer.insert(String(id), [id])
  await checked
})

test('changes go on where another process left off, also behind the snapshot of the opening', async (t) => {
  const directory = await temporaryDirectory(t)
  const first = await open(t, directory)
  for (const id of ['a', 'b', 'c']) await first.insert(id, [1])
  await first.checkpoint()
  for (const id of ['d', 'e']) await first.insert(id, [1])
  const from = first.stats().lastSeq
  await first.insert('f', [1])
  await first.checkpoint()
  await first.close()
  const again = await open(t, directory)
  assert.deepEqual((await take(again.changes({ from }), 2)).map(brief), ['insert e', 'insert f'])
  await again.close()
})

test('what had no effect is not told, wherever it is in the log', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await wal.append({ type: 'insert', id: 'a', vector: [1] })
  await wal.append({ type: 'insert', id: 'a', vector: [2] })
  await wal.append({ type: 'update', id: 'b', vector: [2] })
  await wal.append({ type: 'delete', id: 'a' })
  await wal.append({ type: 'insert', id: 'a', vector: [3] })
  await wal.close()
  const all = ['insert a', 'delete a', 'insert a']
  const replayed = await open(t, directory)
  assert.deepEqual((await take(replayed.changes({ from: 0 }), 3)).map(brief), all)
  await replayed.checkpoint()
  await replayed.close()
  const loaded = await open(t, directory)
  assert.equal(loaded.recovery.fromSnapshot, 1)
  assert.deepEqual((await take(loaded.changes({ from: 0 }), 3)).map(brief), all)
  assert.deepEqual((await take(loaded.changes({ from: 3 }), 2)).map(brief), all.slice(1))
})

/** Changes `a` to `n`, and lets `refused` changes of it be refused at their places in the log. */
async function changeAndRefuse(shared: DurableIndex, n: number, refused: number): Promise<void> {
  const calls: Promise<void>[] = []
  for (let call = 0; call < refused; call++)
    calls.push(assert.rejects(shared.update('a', { metadata: -1 }, { ifSeq: 0 }), refusal('WALV_CONFLICT')))
  await Promise.all(calls)
  await shared.update('a', { metadata: n })
}

const share = (t: TestContext, directory: string): Promise<DurableIndex> =>
  openIndex(t, { directory, index: flat({ dimensions: 1 }), ...RULES, checkpointRetention: 1, share: true })

const numbersOf = async (changes: AsyncIterator<IndexChange>, count: number): Promise<unknown[]> =>
  (await take(changes, count)).map(({ metadata }) => metadata)

test('what was refused before the snapshot that a sharing process loads is not told', async (t) => {
  const directory = await temporaryDirectory(t)
  const first = await share(t, directory)
  await first.insert('a', [1], 0)
  await changeAndRefuse(first, 1, 2)
  await first.checkpoint()
  await first.close()
  const again = await share(t, directory)
  await changeAndRefuse(again, 2, 1)
  assert.deepEqual(await numbersOf(again.changes({ from: 0 }), 3), [0, 1, 2])
})

for (const follow of [false, true])
  test(`a cursor goes on where the snapshot before it is no longer kept, of an index that ${follow ? 'follows' : 'writes'}`, async (t) => {
    const directory = await temporaryDirectory(t)
    const first = await share(t, directory)
    const cursor = await first.cursor('reader', { from: 'begin' })
    await first.insert('a', [1], 0)
    const fill = async (): Promise<void> => {
      for (let id = 0; id < 20; id++) await first.upsert(String(id), [id], { text: 'x'.repeat(8_000) })
      await first.checkpoint()
    }
    for (let round = 0; round < 3; round++) await fill()
    const end = first.stats().lastSeq - 1
    for await (const { seq } of first.changes({ cursor }))
      if (seq === end) {
        await cursor.commit(seq)
        break
      }
    await changeAndRefuse(first, 1, 2)
    await fill()
    await fill()
    const { firstSeq } = first.stats()
    assert.ok(firstSeq > 0 && firstSeq <= cursor.position, `${firstSeq}, ${cursor.position}`)
    await first.close()
    const again = await open(t, directory, follow)
    const changes = again.changes({ cursor: await again.cursor('reader') })
    assert.deepEqual(
      (await take(changes, 2)).map(({ id, metadata }) => (id === 'a' ? metadata : id)),
      [1, '0'],
    )
  })

test('what was refused is not told, however many refusals ago', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory, durability: 'os' })
  await wal.append({ type: 'insert', id: 'a', vector: [1] })
  await wal.flush()
  const follower = await open(t, directory, true)
  const changes = follower.changes({ from: 0 })
  assert.deepEqual((await take(changes, 1)).map(brief), ['insert a'])
  // More than are remembered.
  for (let round = 0; round < 66; round++)
    await Promise.all(
      Array.from({ length: 1_000 }, () => wal.append({ type: 'update', id: 'none', vector: [1] })),
    )
  await wal.append({ type: 'insert', id: 'last', vector: [1] })
  await wal.flush()
  await until(() => follower.has('last'))
  assert.deepEqual((await take(changes, 1)).map(brief), ['insert last'])
})

test('changes that are no longer kept are not passed over in silence', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  for (let round = 0; round < 4; round++) {
    for (let id = 0; id < 20; id++) await index.upsert(String(id), [round], { text: 'x'.repeat(8_000) })
    await index.checkpoint()
  }
  assert.ok(index.stats().firstSeq > 0)
  await assert.rejects(index.changes({ from: 0 }).next(), refusal('WALV_SEQUENCE_TRIMMED'))
})

test('changes end when they are aborted, and refuse what makes no sense', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  const abort = new AbortController()
  const changes = index.changes({ signal: abort.signal })
  const waiting = changes.next()
  abort.abort()
  assert.equal((await waiting).done, true)
  assert.throws(() => index.changes({ from: -1 }), refusal('WALV_INVALID_OPTION'))
  const reader = await openIndex(t, { directory, index: flat({ dimensions: 1 }), readOnly: true })
  assert.throws(() => reader.changes(), refusal('WALV_READ_ONLY'))
  assert.ok(reader instanceof DurableIndex)
})
