import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlatIndex } from '../../../src/index/flat/flat-index.ts'
import { scanPool } from '../../../src/index/flat/scan-pool.ts'
import type { Region } from '../../../src/index/kernel/arena.ts'
import type { Metric, Neighbour } from '../../../src/index/vector-index.ts'
import { change, type Model, nearestOf } from './flat-oracle.ts'

const DIMENSIONS = 96
/** Nine MiB of vectors: enough for threads. */
const COUNT = 25_000

let state = 1
const random = (): number => {
  state = (Math.imul(state, 1664525) + 1013904223) | 0
  return state / 2 ** 31
}
const randomVector = (): Float32Array => Float32Array.from({ length: DIMENSIONS }, random)

function filled(metric: Metric): [FlatIndex, Model] {
  const index = new FlatIndex(DIMENSIONS, metric, false)
  const model: Model = new Map()
  for (let label = 0; label < COUNT; label++) change({ set: label, vector: randomVector() }, index, model)
  return [index, model]
}

/** Does something each turn of the event loop while it waits. */
async function meanwhile<T>(waited: Promise<T> | T, work: (turn: number) => void): Promise<[T, number]> {
  let turns = 0
  let isDone = false
  const ended = Promise.resolve(waited).finally(() => {
    isDone = true
  })
  while (!isDone) {
    work(turns++)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return [await ended, turns]
}

for (const metric of ['cosine', 'l2', 'ip'] as const) {
  test(`${metric}: a large index answers as a naive one, and the event loop turns meanwhile`, async () => {
    const [index, model] = filled(metric)
    for (const k of [1, 10, 300]) {
      const query = randomVector()
      const [found, turns] = await meanwhile(index.search(query, k), () => {})
      assert.deepEqual(found, nearestOf(model, metric, query, k))
      assert.ok(turns > 0)
      const odd = (label: number): boolean => label % 2 === 1
      assert.deepEqual(await index.search(query, k, odd), nearestOf(model, metric, query, k, odd))
    }
  })
}

test('what changes during a search is in the answer as it is at the end', async () => {
  const [index, model] = filled('l2')
  let next = COUNT
  for (let round = 0; round < 12; round++) {
    const query = randomVector()
    const nearest = nearestOf(model, 'l2', query, 5)
    const accept = round % 3 === 2 ? (label: number): boolean => label % 3 !== 0 : undefined
    const [found] = await meanwhile(index.search(query, 5, accept), (turn) => {
      if (turn > 20) return
      // The nearest go or move away, others come near, new ones come, and the last row moves.
      const { label } = nearest[turn % 5]!
      if (turn % 2 === 0) change({ remove: label }, index, model)
      else change({ set: label, vector: randomVector() }, index, model)
      const near = query.map((element) => element + 0.001 * (turn + 1) * random())
      change({ set: turn % 3 === 0 ? next++ : (turn * 7919) % COUNT, vector: near }, index, model)
    })
    assert.deepEqual(found, nearestOf(model, 'l2', query, 5, accept))
  }
})

test('more is written during a search than it looks for in reserve', async () => {
  const [index, model] = filled('cosine')
  const query = randomVector()
  const [found] = await meanwhile(index.search(query, 3), (turn) => {
    if (turn > 0) return
    for (const { label } of nearestOf(model, 'cosine', query, 400))
      change({ set: label, vector: query.map((element) => -element) }, index, model)
  })
  assert.deepEqual(found, nearestOf(model, 'cosine', query, 3))
})

test('an index that is emptied during a search answers with what there is then', async () => {
  const [index] = filled('l2')
  const searching = index.search(randomVector(), 3)
  index.clear()
  index.set(5, new Float32Array(DIMENSIONS))
  const found: Neighbour[] = await searching
  assert.deepEqual(
    found.map(({ label }) => label),
    [5],
  )
})

test('a thread that dies in a search costs that search time and nothing else', async () => {
  const [index, model] = filled('ip')
  const query = randomVector()
  const pieces = [{ region: { number: -1 } as Region, addresses: Int32Array.of(0), rows: Int32Array.of(1) }]
  const next = new Int32Array(new SharedArrayBuffer(4))
  // They are told to look into a memory that there is not, with a search behind that.
  const ends = scanPool.search({ metric: 'ip', queries: [query], k: 1, pieces, next }, scanPool.size)
  const behind = index.search(query, 4)
  await assert.rejects(ends)
  assert.deepEqual(await behind, nearestOf(model, 'ip', query, 4))
  assert.deepEqual(await index.search(query, 4), nearestOf(model, 'ip', query, 4))
})

test('memory that is given back is not kept by the threads that searched it', async () => {
  const before = process.memoryUsage().rss
  for (let round = 0; round < 6; round++) {
    const index = new FlatIndex(1024, 'ip', false)
    const vector = new Float32Array(1024)
    // 200 MB each, of which all is searched.
    for (let label = 0; label < 50_000; label++) index.set(label, vector.fill(label % 7))
    assert.equal((await index.search(vector.fill(1), 3)).length, 3)
    index.clear()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const grown = process.memoryUsage().rss - before
  assert.ok(grown < 600e6, `six indexes of 200 MB, one after the other, left ${grown} bytes`)
})

for (const metric of ['cosine', 'l2', 'ip'] as const) {
  test(`${metric}: many queries in one pass get what each gets alone, with a filter and without`, async () => {
    const [index, model] = filled(metric)
    // More than go into one pass.
    const queries = Array.from({ length: 66 }, randomVector)
    const odd = (label: number): boolean => label % 2 === 1
    for (const accept of [undefined, odd]) {
      const [found, turns] = await meanwhile(index.searchMany(queries, 10, accept), () => {})
      assert.ok(turns > 2)
      for (const [at, query] of queries.entries())
        assert.deepEqual(found[at], await index.search(query, 10, accept))
      assert.deepEqual(found[65], nearestOf(model, metric, queries[65]!, 10, accept))
    }
    assert.deepEqual(await index.searchMany(queries.slice(0, 2), 0), [[], []])
    assert.deepEqual(await index.searchMany([], 3), [])
  })
}

test('many queries of which the caller changes the vectors, while the index changes', async () => {
  const [index, model] = filled('l2')
  const queries = Array.from({ length: 8 }, randomVector)
  const given = queries.map((query) => query.slice())
  const [found] = await meanwhile(index.searchMany(given, 5), (turn) => {
    for (const query of given) query.fill(0)
    if (turn > 5) return
    for (const query of queries) {
      const [nearest] = nearestOf(model, 'l2', query, 1)
      change({ remove: nearest!.label }, index, model)
    }
    change({ set: COUNT + turn, vector: queries[turn]!.slice() }, index, model)
  })
  for (const [at, query] of queries.entries()) assert.deepEqual(found[at], nearestOf(model, 'l2', query, 5))
})

test('many queries to an index that is emptied meanwhile, and to a small one', async () => {
  const [index] = filled('cosine')
  const searching = index.searchMany([randomVector(), randomVector()], 3)
  index.clear()
  index.set(5, new Float32Array(DIMENSIONS))
  const only = [[{ label: 5, distance: 1 }], [{ label: 5, distance: 1 }]]
  assert.deepEqual(await searching, only)
  const [found, turns] = await meanwhile(index.searchMany([randomVector(), randomVector()], 3), () => {})
  assert.deepEqual(found, only)
  assert.ok(turns > 1)
})

test('a filter that takes its time stops the event loop no longer than a few steps of 2 ms', async () => {
  const [index] = filled('ip')
  const CALL_MS = 0.02
  let calls = 0
  let most = 0
  // It takes few: it is asked about nearly all.
  const slow = (label: number): boolean => {
    calls++
    const end = performance.now() + CALL_MS
    while (performance.now() < end);
    return label % 5000 === 0
  }
  const searches = [
    () => index.search(randomVector(), 10, slow),
    () => index.searchMany([randomVector()], 10, slow),
  ]
  for (const search of searches) {
    let all = 0
    const [, turns] = await meanwhile<unknown>(search(), () => {
      most = Math.max(most, calls)
      all += calls
      calls = 0
    })
    assert.ok(all > COUNT / 2, `it was asked ${all} times`)
    assert.ok(turns > all / 300, `${turns} turns in ${all} calls`)
  }
  // 2 ms are 100 calls; counted, not timed, as another process may have the processor.
  assert.ok(most < 300, `${most} calls, of ${CALL_MS} ms at least, without a turn of the event loop`)
})
