import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  collect,
  type DurableIndex,
  type DurableIndexOptions,
  FailingDisk,
  flat,
  insert,
  type Metric,
  names,
  openWal,
  refusal,
  temporaryDirectory,
  Wal,
  withoutSeq,
} from '../../support/kit.ts'
import { contentOf, idsNear, open, SEGMENT } from './opened-index.ts'

test('insert, upsert, update and delete do what they say, and opening again gives the same', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  await index.insert('a', [1, 0], { lang: 'en' })
  await index.insert('b', Float32Array.of(0, 1))
  await index.upsert('b', [0.5, 0.5], 'replaced')
  await index.upsert('c', [3, 4], [1, 2])
  await index.update('a', { metadata: { lang: 'de' } })
  await index.update('c', { vector: [5, 6] })
  await index.insert('d', [7, 8], 'gone')
  assert.equal(await index.delete('d'), true)
  assert.equal(await index.delete('d'), false)
  await index.update('b', { vector: [9, 9], metadata: null })
  const expected = [
    ['a', { vector: Float32Array.of(1, 0), metadata: { lang: 'de' } }],
    ['b', { vector: Float32Array.of(9, 9), metadata: null }],
    ['c', { vector: Float32Array.of(5, 6), metadata: [1, 2] }],
  ]
  assert.deepEqual(contentOf(index), expected)
  assert.deepEqual(
    [index.size, index.dimensions, index.has('a'), index.has('d'), index.get('d')],
    [3, 2, true, false, undefined],
  )
  const fingerprint = index.fingerprint()
  await index.close()

  const again = await open(t, directory)
  assert.deepEqual(contentOf(again), expected)
  assert.equal(again.fingerprint(), fingerprint)
  assert.deepEqual([again.recovery.replayed, again.recovery.voided, again.recovery.fromSnapshot], [9, 0, 0])
})

test('flush resolves when what was acknowledged without a sync is on stable storage', async (t) => {
  const index = await open(t, await temporaryDirectory(t), {
    durability: 'os',
    index: flat({ dimensions: 2, metric: 'l2' }),
  })
  await index.insert('a', [1, 0])
  assert.deepEqual([index.metric, index.stats().lastSeq, index.stats().durableSeq], ['l2', 1, -1])
  await index.flush()
  assert.equal(index.stats().durableSeq, 1)
  await index.close()
  await assert.rejects(index.flush(), refusal('WALV_CLOSED'))
})

test('an update of metadata alone does not log the vector again', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory, { index: flat({ dimensions: 1000 }) })
  await index.insert('a', new Float32Array(1000))
  const before = index.stats().bytesWritten
  await index.update('a', { metadata: 'new' })
  assert.ok(index.stats().bytesWritten - before < 200)
})

test('what search returns is near first, with metadata, filtered before it counts', async (t) => {
  const index = await open(t, await temporaryDirectory(t), { index: flat({ dimensions: 2, metric: 'l2' }) })
  for (let at = 0; at < 20; at++) await index.insert(`id-${at}`, [at, 0], { even: at % 2 === 0 })
  assert.deepEqual(await index.search([0, 0], { k: 2 }), [
    { id: 'id-0', distance: 0, metadata: { even: true } },
    { id: 'id-1', distance: 1, metadata: { even: false } },
  ])
  assert.equal((await index.search([0, 0])).length, 10)
  const odd = (metadata: unknown): boolean => !(metadata as { even: boolean }).even
  assert.deepEqual(await idsNear(index, [0, 0], { k: 3, filter: odd }), ['id-1', 'id-3', 'id-5'])
  assert.deepEqual(await idsNear(index, [0, 0], { filter: (_: unknown, id: string) => id === 'id-7' }), [
    'id-7',
  ])
  assert.deepEqual((await idsNear(index, [0, 0], { k: 1000 })).length, 20)
})

test('what is given and what is got may be changed by the caller without changing the index', async (t) => {
  const index = await open(t, await temporaryDirectory(t))
  const vector = Float32Array.of(1, 2)
  const metadata = { tags: ['a'] }
  const inserting = index.insert('a', vector, metadata)
  vector.fill(9)
  metadata.tags.push('b')
  await inserting
  index.get('a')!.vector.fill(9)
  assert.deepEqual(withoutSeq(index.get('a')), { vector: Float32Array.of(1, 2), metadata: { tags: ['a'] } })
  assert.throws(
    () => ((index.get('a')!.metadata as { tags: string[] }).tags as string[]).push('c'),
    TypeError,
  )
})

test('a change is seen by every search once its call has resolved, and by none before it is durable', async (t) => {
  const disk = new FailingDisk()
  const index = await open(t, await temporaryDirectory(t), { disk })
  await index.insert('before', [1, 0])
  const hold = disk.hold('sync', SEGMENT)
  const changes = [index.insert('new', [1, 0]), index.delete('before')]
  await hold.reached
  await new Promise(setImmediate)
  assert.deepEqual(
    [index.has('new'), index.has('before'), await idsNear(index, [1, 0])],
    [false, true, ['before']],
  )
  hold.release()
  await Promise.all(changes)
  assert.deepEqual(
    [index.has('new'), index.has('before'), await idsNear(index, [1, 0])],
    [true, false, ['new']],
  )
})

test('of two concurrent inserts of one id the first wins and the second is refused', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  const outcomes = await Promise.allSettled([index.insert('a', [1, 1]), index.insert('a', [2, 2])])
  assert.equal(outcomes[0]!.status, 'fulfilled')
  assert.ok(
    outcomes[1]!.status === 'rejected' && refusal('WALV_DUPLICATE_ID', 'not-logged')(outcomes[1]!.reason),
  )
  assert.deepEqual(index.get('a')!.vector, Float32Array.of(1, 1))
  await index.close()
  const wal = await openWal(t, { directory, readOnly: true })
  assert.equal((await collect(wal.read())).length, 2, 'the second was not logged')
})

test('calls see those that are in flight before them', async (t) => {
  const index = await open(t, await temporaryDirectory(t))
  const outcomes = await Promise.allSettled([
    index.insert('a', [1, 1]),
    index.update('a', { metadata: 'updated' }),
    index.delete('a'),
    index.update('a', { metadata: 'too late' }),
    index.delete('a'),
    index.insert('a', [2, 2], 'second life'),
  ])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  )
  assert.ok(refusal('WALV_NOT_FOUND')((outcomes[3] as PromiseRejectedResult).reason))
  assert.deepEqual(
    [2, 4].map((at) => (outcomes[at] as PromiseFulfilledResult<unknown>).value),
    [true, false],
  )
  assert.deepEqual(withoutSeq(index.get('a')), { vector: Float32Array.of(2, 2), metadata: 'second life' })
})

test('a batch is applied whole or not at all, in its order, and is one record', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  await index.insert('there', [1, 1])
  const before = contentOf(index)
  const bad = [
    { type: 'insert', id: 'new', vector: [1, 1] },
    { type: 'insert', id: 'there', vector: [2, 2] },
  ] as const
  await assert.rejects(index.batch(bad), refusal('WALV_DUPLICATE_ID', 'not-logged'))
  await assert.rejects(
    index.batch([
      { type: 'delete', id: 'there' },
      { type: 'update', id: 'there', metadata: 1 },
    ]),
    refusal('WALV_NOT_FOUND', 'not-logged'),
  )
  assert.deepEqual(contentOf(index), before)
  await index.batch([
    { type: 'insert', id: 'new', vector: [1, 1] },
    { type: 'delete', id: 'there' },
    { type: 'batch', entries: [{ type: 'insert', id: 'there', vector: [3, 3] }] },
    { type: 'update', id: 'new', metadata: 'later sees earlier' },
    { type: 'custom', kind: 'ignored', data: new Uint8Array(3) },
  ])
  const expected = [
    ['new', { vector: Float32Array.of(1, 1), metadata: 'later sees earlier' }],
    ['there', { vector: Float32Array.of(3, 3), metadata: null }],
  ]
  assert.deepEqual(contentOf(index), expected)
  assert.equal(index.stats().lastSeq, 2)
  await index.close()
  assert.deepEqual(contentOf(await open(t, directory)), expected)
})

test('a directory written with other dimensions, another metric or another kind of log is refused, and left as it is', async (t) => {
  const [replayed, loaded] = [await temporaryDirectory(t), await temporaryDirectory(t)]
  for (const directory of [replayed, loaded]) {
    const index = await open(t, directory)
    await index.insert('a', [1, 1])
    if (directory === loaded) await index.checkpoint()
    await index.close()
  }
  const mismatch = refusal('WALV_INDEX_MISMATCH')
  const other = (dimensions: number, metric: Metric): Partial<DurableIndexOptions> => ({
    index: flat({ dimensions, metric }),
  })
  for (const directory of [replayed, loaded])
    await assert.rejects(open(t, directory, other(3, 'cosine')), mismatch)
  await assert.rejects(open(t, loaded, other(2, 'l2')), mismatch)
  assert.deepEqual([...(await open(t, loaded)).ids()], ['a'])
})

test('what could not take effect when it was logged is passed over in the same way by every open', async (t) => {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory })
  const log = [
    insert('a', [1, 1]),
    insert('a', [2, 2]),
    { type: 'update', id: 'none', metadata: 1 } as const,
    { type: 'delete', id: 'none' } as const,
    { type: 'batch', entries: [insert('b', [1, 1]), insert('a', [3, 3])] } as const,
  ]
  await Promise.all(log.map((entry) => wal.append(entry)))
  await wal.close()
  const index = await open(t, directory)
  assert.deepEqual([...index.ids()], ['a'])
  assert.deepEqual(index.get('a')!.vector, Float32Array.of(1, 1))
  assert.deepEqual([index.recovery.replayed, index.recovery.voided], [2, 3])
})

test('a closed index refuses everything but being closed', async (t) => {
  const index = await open(t, await temporaryDirectory(t))
  await index.insert('a', [1, 1])
  await index.close()
  await index.close()
  const closed = refusal('WALV_CLOSED')
  await assert.rejects(index.insert('b', [1, 1]), closed)
  await assert.rejects(index.batch([]), closed)
  await assert.rejects(index.delete('a'), closed)
  await assert.rejects(
    index.transaction(() => {}),
    closed,
  )
  await assert.rejects(index.search([1, 1]), closed)
  await assert.rejects(async () => index.checkpoint(), closed)
  for (const look of [() => index.get('a'), () => index.has('a'), () => index.ids(), () => index.entries()])
    assert.throws(look, closed)
  assert.deepEqual([index.size, index.dimensions, index.stats().size], [1, 2, 1], 'figures stay as they were')
})

test('closing waits for what is under way', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  const inserts = names('id', 100).map((id) => index.insert(id, [1, 1]))
  await index.close()
  await Promise.all(inserts)
  assert.equal((await open(t, directory)).size, 100)
})

test('an index object is for one directory: a second opening with it is refused, and one that failed gives it back', async (t) => {
  const [one, other] = [await temporaryDirectory(t), await temporaryDirectory(t)]
  const index = flat({ dimensions: 2 })
  const taken = refusal('WALV_INVALID_OPTION')
  const both = await Promise.allSettled([open(t, one, { index }), open(t, other, { index })])
  assert.deepEqual(
    both.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  await assert.rejects(open(t, other, { index }), taken)
  await (both[0] as PromiseFulfilledResult<DurableIndex>).value.close()
  await assert.rejects(open(t, other, { index }), taken)

  const again = flat({ dimensions: 2 })
  await assert.rejects(
    open(t, `${other}/none`, { index: again, readOnly: true }),
    refusal('WALV_NO_DIRECTORY'),
  )
  await (await open(t, other, { index: again })).insert('a', [1, 2])
})
