/**
 * What engines do to those who trust them, one trap after the other; every adapter has to avoid
 * each. Here those of vectors and labels.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EntryInput, openIndex, temporaryDirectory } from '../support/kit.ts'
import { eachEngine, MANY } from './each-engine.ts'
import { loaded, saved, Twins, vectorsOf } from './engines.ts'

eachEngine(({ make }) => {
  test('a batch with a vector that will not do changes nothing, and is not logged', async (t) => {
    const directory = await temporaryDirectory(t)
    const index = await openIndex(t, { directory, index: make({ dimensions: 2 }) })
    await index.insert('known', [1, 2])
    const before = [index.fingerprint(), index.stats().lastSeq]
    const ends: EntryInput[] = [
      { type: 'insert', id: 'c', vector: [Number.NaN, 1] },
      { type: 'insert', id: 'c', vector: [Number.POSITIVE_INFINITY, 1] },
      { type: 'insert', id: 'c', vector: [1, 2, 3] },
      { type: 'insert', id: 'known', vector: [1, 2] },
    ]
    for (const end of ends) {
      const first: EntryInput[] = ['a', 'b'].map((id) => ({ type: 'insert', id, vector: [3, 4] }))
      await assert.rejects(index.batch([...first, end]), /WalError/)
      assert.deepEqual([index.fingerprint(), index.stats().lastSeq], before)
      assert.deepEqual([...index.ids()], ['known'])
      assert.deepEqual(
        (await index.search([3, 4])).map(({ id }) => id),
        ['known'],
      )
    }
  })

  test('a vector that is not finite does not come to the engine, whoever gives it', async () => {
    for (const metric of ['cosine', 'l2', 'ip'] as const) {
      const index = make({ dimensions: 2, metric })
      index.set(1, Float32Array.of(1, 2))
      for (const element of [Number.NaN, Number.POSITIVE_INFINITY]) {
        assert.throws(() => index.set(1, Float32Array.of(1, element)), /not finite/)
        assert.throws(() => index.set(2, Float32Array.of(element, 1)), /not finite/)
      }
      assert.equal(index.size, 1)
      assert.deepEqual(index.get(1), Float32Array.of(1, 2))
    }
  })
})

eachEngine(({ make }) => {
  test('labels of any size, after many removals, replacements and growth, are all found under their own vectors', async () => {
    const index = make({ dimensions: 16 })
    const label = (at: number): number => at * 2 ** 40 + 2 ** 32 + at
    const contents = new Map<number, Float32Array>()
    for (const [at, vector] of vectorsOf(16, 6_000).entries()) {
      index.set(label(at), vector)
      contents.set(label(at), vector)
      const earlier = label(at - 1_500)
      if (at % 3 === 0 || !contents.has(earlier)) continue
      index.remove(earlier)
      contents.delete(earlier)
      if (at % 2 === 0) continue
      index.set(earlier, vector)
      contents.set(earlier, vector)
    }
    assert.equal(index.size, contents.size)
    await index.caughtUp!()
    let found = 0
    for (const [known, vector] of contents) {
      const hits = await index.search(vector, 2)
      assert.ok(hits.every((hit) => contents.has(hit.label)))
      if (hits.some((hit) => hit.label === known && Math.abs(hit.distance) < 1e-6)) found++
    }
    assert.ok(found >= contents.size * 0.99, `${found} of ${contents.size} are found under their own vectors`)
  })

  test('vectors that float32 cannot compute with, and zeros, are found exactly, and do not harm the others', async () => {
    for (const metric of ['cosine', 'l2', 'ip'] as const) {
      const twins = new Twins(make({ dimensions: 4, metric }))
      for (const [label, vector] of vectorsOf(4, MANY).entries()) twins.set(label, vector)
      const odd = [
        [3e38, -3e38, 3e38, 3e38],
        [-3e38, 3e38, 0, 1],
        [0, 0, 0, 0],
        [1e-45, 0, 0, 0],
      ]
      const vectors = odd.map((each) => Float32Array.from(each))
      for (const [at, vector] of vectors.entries()) twins.set(300 + 50 * at, vector)
      await twins.index.caughtUp!()
      assert.ok((await twins.recall(vectorsOf(4, 30, 2))) > 0.95, metric)
      // Under ip, everything is about as far from what is about zero.
      const queries = metric === 'ip' ? vectors.slice(0, 2) : vectors
      assert.equal(await twins.recall(queries), 1, metric)
      twins.remove(300)
      twins.set(350, vectors[2]!)
      twins.set(400, Float32Array.of(1, 2, 3, 4))
      assert.ok((await twins.recall([...vectorsOf(4, 30, 2), ...queries])) > 0.95, metric)
      const copy = await loaded(make({ dimensions: 4, metric }), await saved(twins.index))
      for (const query of queries)
        assert.deepEqual(await copy.search(query, 5), await twins.exact.search(query, 5))
    }
  })
})
