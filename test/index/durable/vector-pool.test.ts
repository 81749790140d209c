import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VectorPool } from '../../../src/index/durable/vector-pool.ts'
import { flat, openIndex, temporaryDirectory } from '../../support/kit.ts'

test('what is given back is taken again, and what is out is nobody else’s', () => {
  const pool = new VectorPool(5)
  const taken = Array.from({ length: 60_000 }, (_, at) => pool.take().fill(at))
  for (const [at, vector] of taken.entries()) assert.ok(vector.every((element) => element === at))
  const [first] = taken
  pool.give(first!)
  const again = pool.take().fill(-1)
  assert.deepEqual(first, again)
})

test('a number that is not finite is found in what was taken', () => {
  const pool = new VectorPool(7)
  const vector = pool.take().fill(1)
  assert.ok(pool.isFinite(vector))
  vector[6] = Number.NEGATIVE_INFINITY
  assert.ok(!pool.isFinite(vector))
})

test('vectors that the caller changes at once, or that are refused, leave no trace in others', async (t) => {
  const index = await openIndex(t, { directory: await temporaryDirectory(t), index: flat({ dimensions: 3 }) })
  const mine = new Float32Array(3)
  const inserts = Array.from({ length: 3000 }, (_, at) => {
    mine.fill(at + 1)
    if (at % 7 === 0)
      assert.rejects(
        index.insert(
          `bad ${at}`,
          mine.map(() => Number.NaN),
        ),
        { code: 'WALV_INVALID_VECTOR' },
      )
    if (at % 5 === 1) assert.rejects(index.insert('item 0', mine), { code: 'WALV_DUPLICATE_ID' })
    return index.insert(`item ${at}`, at % 2 === 0 ? mine : [...mine])
  })
  mine.fill(-1)
  await Promise.all(inserts)
  for (let at = 0; at < 3000; at++)
    assert.deepEqual(index.get(`item ${at}`)!.vector, new Float32Array(3).fill(at + 1))
  assert.equal(index.size, 3000)
})
