import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  DurableIndex,
  type DurableIndexOptions,
  type EntryInput,
  FailingDisk,
  flat,
  type InsertManyItem,
  type InsertManyProgress,
  names,
  openIndex,
  openWal,
  refusal,
  temporaryDirectory,
  type WalError,
} from '../../support/kit.ts'
import { Straight } from '../../testing/wrong/straight-log.ts'

const SEGMENT = /segment-\d+\.walv$/

const open = async (t: TestContext, options: Partial<DurableIndexOptions> = {}): Promise<DurableIndex> =>
  openIndex(t, { directory: await temporaryDirectory(t), index: flat({ dimensions: 2 }), ...options })

function* items(count: number, from = 0): Generator<InsertManyItem> {
  for (let n = from; n < from + count; n++) yield { id: `id-${n}`, vector: [n, 1], metadata: { n } }
}

async function* later(given: Iterable<InsertManyItem>): AsyncGenerator<InsertManyItem> {
  for (const item of given) {
    await new Promise(setImmediate)
    yield item
  }
}

async function failureOf(work: Promise<unknown>): Promise<WalError> {
  try {
    await work
  } catch (error) {
    return error as WalError
  }
  throw new Error('it succeeded')
}

test('all items of an iterable are inserted, in their order, and told of', async (t) => {
  const index = await open(t)
  const told: InsertManyProgress[] = []
  const result = await index.insertMany(items(5000), { onProgress: (progress) => told.push(progress) })
  assert.deepEqual(result, { count: 5000, lastId: 'id-4999' })
  assert.deepEqual(
    [...index.ids()],
    Array.from({ length: 5000 }, (_, n) => `id-${n}`),
  )
  assert.deepEqual(index.get('id-7'), { vector: Float32Array.of(7, 1), metadata: { n: 7 }, seq: 8 })
  assert.deepEqual(told.at(-1), result)
  assert.ok(told.length > 1 && told.every(({ count }, at) => at === 0 || count > told[at - 1]!.count))
  assert.deepEqual(await index.insertMany([]), { count: 0, lastId: undefined })
})

test('what onProgress tells is durable and searchable', async (t) => {
  const index = await open(t)
  let ahead = 0
  await index.insertMany(items(3000), {
    onProgress: ({ count, lastId }) => {
      if (index.size < count || !index.has(lastId!) || index.stats().durableSeq < count - 1) ahead++
    },
  })
  assert.equal(ahead, 0)
})

test('items of an async iterable are asked for one after the other, no more than are on their way', async (t) => {
  const disk = new FailingDisk()
  const index = await open(t, { disk, maxPendingBytes: 4096 })
  const hold = disk.hold('sync', SEGMENT)
  let taken = 0
  const counted = async function* (): AsyncGenerator<InsertManyItem> {
    for (const item of items(3000)) {
      taken++
      yield item
    }
  }
  const inserting = index.insertMany(counted())
  await hold.reached
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  assert.ok(taken < 200, `${taken} items were taken of which no more than 4 KiB fit`)
  hold.release()
  assert.equal((await inserting).count, 3000)
})

test('no more than 1,024 items are on their way, whatever they are', async (t) => {
  const disk = new FailingDisk()
  const index = await open(t, { disk })
  const hold = disk.hold('sync', SEGMENT)
  let taken = 0
  const counted = function* (): Generator<InsertManyItem> {
    for (const item of items(3000)) {
      taken++
      yield item
    }
  }
  const inserting = index.insertMany(counted())
  await hold.reached
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  assert.equal(taken, 1024)
  hold.release()
  assert.equal((await inserting).count, 3000)
})

for (const how of ['sync', 'async'] as const) {
  test(`the first item that is refused ends it: what came before is durable, nothing behind it is there (${how})`, async (t) => {
    const index = await open(t)
    await index.insert('id-1500', [1, 1])
    let isClosed = false
    const given = function* (): Generator<InsertManyItem> {
      try {
        yield* items(3000)
      } finally {
        isClosed = true
      }
    }
    const error = await failureOf(index.insertMany(how === 'sync' ? given() : later(given())))
    assert.ok(refusal('WALV_DUPLICATE_ID', 'not-logged')(error))
    assert.match(
      error.message,
      /^insertMany ended at item 1500: "id-1500" exists already\. .* 1500 items are durable, the last of them is "id-1499"\./,
    )
    assert.deepEqual(error.detail, { count: 1500, lastId: 'id-1499', position: 1500 })
    assert.ok(refusal('WALV_DUPLICATE_ID')(error.cause))
    assert.deepEqual([index.size, isClosed], [1501, true])
    await index.insertMany(items(1499, 1501))
    assert.equal(index.size, 3000)
  })
}

test('what is wrong with an item names its place and its cause', async (t) => {
  const index = await open(t)
  const wrong: readonly [unknown, string][] = [
    [{ id: 'b', vector: [1] }, 'WALV_INVALID_VECTOR'],
    [{ id: '', vector: [1, 1] }, 'WALV_INVALID_ID'],
    [{ id: 'b', vector: [1, 1], metadata: new Date() }, 'WALV_INVALID_METADATA'],
    [{ id: 'b', values: [1, 1] }, 'WALV_INVALID_ENTRY'],
    [null, 'WALV_INVALID_ENTRY'],
  ]
  for (const [item, code] of wrong) {
    const error = await failureOf(
      index.insertMany([{ id: 'a', vector: [1, 1] }, item as never, ...items(3)], { replace: true }),
    )
    assert.equal(error.code, code)
    assert.deepEqual(error.detail, { count: 1, lastId: 'a', position: 1 })
  }
  assert.deepEqual([...index.ids()], ['a'])
  for (const items of [null, 7, 'text', {}])
    await assert.rejects(index.insertMany(items as never), refusal('WALV_INVALID_ENTRY', 'not-logged'))
  await assert.rejects(index.insertMany([], { batchSize: 3 } as never), refusal('WALV_INVALID_OPTION'))
})

test('what the items throw, what onProgress throws and a signal end it, and how far it came is told', async (t) => {
  const index = await open(t)
  const mine = new Error('mine')
  const throwing = function* (): Generator<InsertManyItem> {
    yield* items(10)
    throw mine
  }
  const first = await failureOf(index.insertMany(throwing()))
  assert.deepEqual(
    [first.code, first.cause, first.detail],
    ['WALV_ABORTED', mine, { count: 10, lastId: 'id-9', position: 10 }],
  )

  const second = await failureOf(
    index.insertMany(later(items(5000, 10)), {
      onProgress: () => {
        throw mine
      },
    }),
  )
  assert.deepEqual([second.code, second.cause], ['WALV_ABORTED', mine])
  const { count } = second.detail as InsertManyProgress
  assert.equal(index.size, 10 + count)

  const controller = new AbortController()
  const third = await failureOf(
    index.insertMany(later(items(5000)), {
      replace: true,
      signal: controller.signal,
      onProgress: () => controller.abort(mine),
    }),
  )
  assert.deepEqual([third.code, third.cause], ['WALV_ABORTED', mine])
  assert.ok((third.detail as InsertManyProgress).count < 5000)
  const fourth = await failureOf(index.insertMany(items(1), { signal: AbortSignal.abort(mine) }))
  assert.deepEqual(fourth.detail, { count: 0, lastId: undefined, position: 0 })
})

test('a full disk ends it where the log ends, and it can go on from there', async (t) => {
  const disk = new FailingDisk()
  const directory = await temporaryDirectory(t)
  const index = await open(t, { disk, directory })
  disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC', nth: 2, times: 2 })
  const error = await failureOf(index.insertMany(items(3000)))
  assert.equal(error.code, 'WALV_DISK_FULL')
  const { count, position } = error.detail as InsertManyProgress & { position: number }
  assert.deepEqual([index.size, position], [count, count])
  disk.heal()
  await index.insertMany(items(3000 - count, count))
  assert.equal(index.size, 3000)
})

/** A log that says late what it took, and at once what it refuses. */
class LateLog extends Straight {
  override submit(entry: EntryInput): Promise<number> {
    return answeredLate(super.submit(entry))
  }
}

async function answeredLate(submitted: Promise<number>): Promise<number> {
  const seq = await submitted
  for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate)
  return seq
}

test('where a full disk refuses what waits for room is not handed over behind it', async (t) => {
  for (let nth = 1; nth <= 12; nth++) {
    const disk = new FailingDisk()
    const directory = join(await temporaryDirectory(t), 'log')
    const log = new LateLog(await openWal(t, { directory, disk, maxPendingBytes: 16 * 1024 }), { opened: 0 })
    const index = await DurableIndex.open({ log, index: flat({ dimensions: 2 }) })
    await index.insert('first', [0, 0])
    disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC', nth })
    const large = [...items(40)].map((item) => ({ ...item, metadata: 'x'.repeat(5_000) }))
    const error = await failureOf(index.insertMany(large))
    assert.equal(error.code, 'WALV_DISK_FULL')
    const { count } = error.detail as InsertManyProgress
    assert.deepEqual([...index.ids()], ['first', ...names('id', count)], `write ${nth}`)
    await index.insertMany(large.slice(count))
    assert.equal(index.size, 41)
  }
})

test('with replace, what is there is set again', async (t) => {
  const index = await open(t)
  await index.insertMany(items(10))
  assert.deepEqual(
    await index.insertMany([{ id: 'id-3', vector: [7, 7] }, ...items(2, 10)], { replace: true }),
    {
      count: 3,
      lastId: 'id-11',
    },
  )
  assert.deepEqual(index.get('id-3'), { vector: Float32Array.of(7, 7), metadata: null, seq: 11 })
  assert.equal(index.size, 12)
})

test('closing ends it behind what is on its way', async (t) => {
  const index = await open(t)
  const inserting = failureOf(index.insertMany(later(items(5000))))
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  await index.close()
  const error = await inserting
  assert.equal(error.code, 'WALV_CLOSED')
  // The first record says what vectors the log holds.
  assert.equal(index.stats().lastSeq, (error.detail as InsertManyProgress).count)
})

test('metadata is of the type of the index', async (t) => {
  const index = await open(t)
  const typed = index as unknown as DurableIndex<{ title: string }>
  await typed.insertMany([{ id: 'a', vector: [1, 1], metadata: { title: 'x' } }])
  // @ts-expect-error another type
  await typed.insertMany([{ id: 'b', vector: [1, 1], metadata: { title: 1 } }])
  assert.deepEqual([...index.ids()], names('x', 0).concat('a', 'b'))
})

/** A source that yields so many items, and then keeps who asks waiting for ever. */
class StalledSource implements AsyncIterableIterator<InsertManyItem> {
  isTold = false
  readonly #items: Iterator<InsertManyItem>

  constructor(count: number) {
    this.#items = items(count)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<InsertManyItem>> {
    const next = this.#items.next()
    return next.done ? new Promise(() => {}) : next
  }

  async return(): Promise<IteratorResult<InsertManyItem>> {
    this.isTold = true
    return { done: true, value: undefined }
  }
}

test('a signal ends it while the source keeps it waiting, and the source is told', async (t) => {
  const index = await open(t)
  const source = new StalledSource(10)
  const reason = new Error('long enough')
  const abort = new AbortController()
  const work = index.insertMany(source, { signal: abort.signal })
  setTimeout(() => abort.abort(reason), 50)
  const error = await failureOf(work)
  assert.equal(error.code, 'WALV_ABORTED')
  assert.equal(error.cause, reason)
  assert.deepEqual(error.detail, { count: 10, lastId: 'id-9', position: 10 })
  assert.deepEqual([index.size, source.isTold], [10, true])
})

test('what ends it otherwise does so, too, while the source keeps it waiting', async (t) => {
  const reason = new Error('told too much')
  const onProgress = (): void => {
    throw reason
  }
  const index = await open(t)
  const source = new StalledSource(10)
  const error = await failureOf(index.insertMany(source, { onProgress }))
  assert.deepEqual([error.code, error.cause, source.isTold], ['WALV_ABORTED', reason, true])

  const disk = new FailingDisk()
  const full = await open(t, { disk })
  disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC', times: 2 })
  const refused = await failureOf(full.insertMany(new StalledSource(10)))
  assert.equal(refused.code, 'WALV_DISK_FULL')
})

test('closing the index ends it while the source keeps it waiting', async (t) => {
  const index = await open(t)
  const source = new StalledSource(10)
  const work = failureOf(index.insertMany(source))
  while (index.size < 10) await new Promise(setImmediate)
  await index.close()
  const error = await work
  assert.equal(error.code, 'WALV_CLOSED')
  assert.deepEqual(error.detail, { count: 10, lastId: 'id-9', position: 10 })
  assert.match(error.message, /10 items are durable, the last of them is "id-9"\. Go on behind that one\.$/)
  assert.equal(source.isTold, true)
})

test('how to go on is told, also where nothing was inserted', async (t) => {
  const index = await open(t)
  const wrong = { id: '', vector: [1, 1] }
  const none = await failureOf(index.insertMany([wrong]))
  assert.match(none.message, /No item is durable: begin again with the first\.$/)
  const one = await failureOf(index.insertMany([...items(1), wrong]))
  assert.match(one.message, /1 item is durable, the last of them is "id-0"\. Go on behind that one\.$/)
})

test('a source that gives out items is closed before it has ended', async (t) => {
  const index = await open(t)
  let isClosed = false
  const source = async function* (): AsyncGenerator<InsertManyItem> {
    try {
      yield* items(10)
      yield { id: '', vector: [1, 2] }
      yield* items(10, 10)
    } finally {
      await new Promise((resolve) => setTimeout(resolve, 20))
      isClosed = true
    }
  }
  const error = await failureOf(index.insertMany(source()))
  assert.deepEqual([error.code, isClosed, index.size], ['WALV_INVALID_ID', true, 10])
})
