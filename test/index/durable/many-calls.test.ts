/**
 * However many calls are made at once: they cost no more each, wait where the log is full, and keep
 * their order.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ApplyQueue } from '../../../src/index/durable/apply-queue.ts'
import { IndexState } from '../../../src/index/durable/index-state.ts'
import {
  type DurableIndex,
  FailingDisk,
  flat,
  names,
  openIndex,
  refusal,
  temporaryDirectory,
} from '../../support/kit.ts'

const SEGMENT = /segment-\d+\.walv$/
const DIMENSIONS = 200
const vectorOf = (value: number): Float32Array => new Float32Array(DIMENSIONS).fill(value)

/** An index whose log has room for two records of 200 dimensions, held at the next sync. */
async function fullIndex(
  t: TestContext,
): Promise<{ index: DurableIndex; disk: FailingDisk; release: () => void }> {
  const disk = new FailingDisk()
  const directory = await temporaryDirectory(t)
  const index = await openIndex(t, {
    directory,
    disk,
    maxPendingBytes: 2000,
    index: flat({ dimensions: DIMENSIONS }),
  })
  const hold = disk.hold('sync', SEGMENT)
  return { index, disk, release: () => hold.release() }
}

async function microsecondsOf(answers: number): Promise<number> {
  const state = { apply: () => undefined, logged: { applyMs: 0 } } as unknown as IndexState
  const queue = new ApplyQueue(state, 'nowhere', -1)
  const start = process.cpuUsage()
  await Promise.all(
    Array.from({ length: answers }, (_, seq) => queue.add(Promise.resolve(seq), { entries: [] }, () => {})),
  )
  const { user, system } = process.cpuUsage(start)
  return user + system
}

test('what an answer costs does not grow with how many calls wait', async () => {
  await microsecondsOf(10_000)
  const few = await microsecondsOf(5_000)
  const many = await microsecondsOf(50_000)
  assert.ok(many < 40 * few, `ten times as many answers cost ${(many / few).toFixed(1)} times as much`)
})

test('calls that the log has no room for wait, and take effect in their order', async (t) => {
  const { index, release } = await fullIndex(t)
  const order: string[] = []
  const ids = names('id', 40)
  const calls = ids.map((id, n) => index.insert(id, vectorOf(n)).then(() => order.push(id)))
  assert.ok(index.stats().pendingBytes <= 2000)
  release()
  await Promise.all(calls)
  assert.deepEqual(order, ids)
  assert.deepEqual([...index.ids()], ids)
  assert.equal(index.stats().lastSeq, 40)
  assert.equal(index.get('id-39')!.vector[0], 39)
})

test('calls that wait see those that wait before them', async (t) => {
  const { index, release } = await fullIndex(t)
  const full = [index.insert('a', vectorOf(1)), index.insert('b', vectorOf(1))]
  const waiting = [
    index.insert('c', vectorOf(1)),
    index.insert('c', vectorOf(2)),
    index.update('c', { metadata: 'changed' }),
    index.delete('c'),
    index.delete('c'),
    index.update('c', { metadata: 'too late' }),
    index.insert('c', vectorOf(3)),
  ]
  release()
  await Promise.all(full)
  const outcomes = await Promise.allSettled(waiting)
  const codes = outcomes.map((outcome) =>
    outcome.status === 'rejected' ? outcome.reason.code : outcome.value,
  )
  const expected = [undefined, 'WALV_DUPLICATE_ID', undefined, true, false, 'WALV_NOT_FOUND', undefined]
  assert.deepEqual(codes, expected)
  assert.equal(index.get('c')!.vector[0], 3)
})

test('what a waiting call was given may be changed by its caller', async (t) => {
  const { index, release } = await fullIndex(t)
  const vector = vectorOf(0)
  const metadata = { n: 0 }
  const calls = names('id', 5).map((id, n) => {
    vector.fill(n)
    metadata.n = n
    return index.insert(id, vector, metadata)
  })
  vector.fill(9)
  release()
  await Promise.all(calls)
  assert.deepEqual(
    names('id', 5).map((id) => index.get(id)!.vector[0]),
    [0, 1, 2, 3, 4],
  )
  assert.deepEqual(
    names('id', 5).map((id) => index.get(id)!.metadata),
    [0, 1, 2, 3, 4].map((n) => ({ n })),
  )
})

test('a call that is refused for what it holds does not wait, nor hold up those that do', async (t) => {
  const { index, release } = await fullIndex(t)
  const calls = names('id', 4).map((id) => index.insert(id, vectorOf(1)))
  await assert.rejects(index.insert('bad', [1]), refusal('WALV_INVALID_VECTOR'))
  release()
  await Promise.all(calls)
  assert.equal(index.size, 4)
})

test('closing waits for the calls that wait', async (t) => {
  const { index, release } = await fullIndex(t)
  const calls = names('id', 10).map((id) => index.insert(id, vectorOf(1)))
  const closed = index.close()
  await assert.rejects(index.insert('late', vectorOf(1)), refusal('WALV_CLOSED'))
  release()
  await Promise.all([...calls, closed])
  assert.equal(index.stats().lastSeq, 10)
})

test('when the log stops, the calls that wait are refused, and were not logged', async (t) => {
  const { index, disk, release } = await fullIndex(t)
  const calls = names('id', 10).map((id) => index.insert(id, vectorOf(1)))
  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  release()
  const outcomes = await Promise.allSettled(calls)
  const waiting = outcomes.slice(2)
  for (const outcome of waiting)
    assert.ok(outcome.status === 'rejected' && refusal('WALV_POISONED', 'not-logged')(outcome.reason))
})

test('what waits behind a change that a full disk refuses is not built on it', async (t) => {
  const disk = new FailingDisk()
  const directory = await temporaryDirectory(t)
  const index = await openIndex(t, {
    directory,
    disk,
    maxPendingBytes: 1024,
    index: flat({ dimensions: DIMENSIONS }),
  })
  disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC' })
  const outcomes = await Promise.allSettled([
    index.insert('a', vectorOf(1)),
    index.update('a', { vector: vectorOf(2) }),
    index.insert('a', vectorOf(3)),
  ])
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.code),
    ['WALV_DISK_FULL', 'WALV_NOT_FOUND', false],
  )
  assert.equal(index.get('a')!.vector[0], 3)
})

test('a transaction of more than maxPendingBytes can be awaited, and is whole', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await openIndex(t, {
    directory,
    maxPendingBytes: 2000,
    index: flat({ dimensions: DIMENSIONS }),
  })
  await index.transaction(async (transaction) => {
    for (const id of names('id', 50)) await transaction.insert(id, vectorOf(1))
    assert.equal(index.size, 0)
  })
  assert.deepEqual([...index.ids()], names('id', 50))
})

test('the changes of a transaction that nobody awaits wait too, keep their order, and are in it', async (t) => {
  const { index, release } = await fullIndex(t)
  const work = index.transaction((transaction) => {
    for (const id of names('id', 20)) {
      transaction.insert(id, vectorOf(1))
      transaction.update(id, { vector: vectorOf(2) })
    }
  })
  release()
  await work
  assert.deepEqual([...index.ids()], names('id', 20))
  assert.ok(names('id', 20).every((id) => index.get(id)!.vector[0] === 2))
})

test('a change of a transaction that is refused and that nobody awaits fails the transaction', async (t) => {
  const index = await openIndex(t, { directory: await temporaryDirectory(t), index: flat({ dimensions: 1 }) })
  const rejections: unknown[] = []
  const note = (reason: unknown): void => void rejections.push(reason)
  process.on('unhandledRejection', note)
  t.after(() => process.off('unhandledRejection', note))
  const work = index.transaction((transaction) => {
    transaction.insert('a', [1])
    transaction.insert('a', [2])
    transaction.insert('b', [3])
  })
  await assert.rejects(work, refusal('WALV_DUPLICATE_ID'))
  await new Promise(setImmediate)
  assert.deepEqual([index.size, rejections], [0, []])
  const two = index.transaction((transaction) => {
    transaction.update('none', { metadata: 1 })
    transaction.insert('', [1])
  })
  await assert.rejects(two, refusal('WALV_NOT_FOUND'), 'the first counts')
  await index.transaction(async (transaction) => {
    const refused = Promise.allSettled([transaction.insert('a', [1]), transaction.insert('a', [2])])
    assert.equal((await refused)[1].status, 'rejected')
  })
  assert.deepEqual([...index.ids()], ['a'])
})

test('a change that is built on one which the log has just refused has no effect, and the index goes on', async () => {
  const state = new IndexState(flat({ dimensions: 1 }))
  const queue = new ApplyQueue(state, 'nowhere', -1)
  const vector = Float32Array.of(1)
  const full = new Error('the disk is full')
  const refused = queue.add(
    Promise.reject(full),
    { entries: [{ type: 'insert', id: 'a', vector }] },
    () => {},
  )
  const built = queue.add(Promise.resolve(0), { entries: [{ type: 'update', id: 'a', vector }] }, () => {})
  const next = queue.add(Promise.resolve(1), { entries: [{ type: 'insert', id: 'b', vector }] }, () => {})
  await assert.rejects(refused, full)
  await assert.rejects(built, refusal('WALV_CONFLICT', 'not-logged'))
  await next
  assert.deepEqual([queue.broken, queue.appliedSeq, [...state.catalog.ids()]], [undefined, 1, ['b']])
})
