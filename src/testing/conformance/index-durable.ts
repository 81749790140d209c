import assert from 'node:assert/strict'
import type { JsonValue } from '../../entry.ts'
import { DurableIndex } from '../../index/durable/durable-index.ts'
import type { DurableIndexOptions } from '../../index/durable/types.ts'
import type { Checks } from './case.ts'
import { bitsOf, type IndexSubject, vectorsFor } from './index-subject.ts'

/** Opens a durable index over a new index, does something with it and closes it. */
async function using<T>(
  subject: IndexSubject,
  directory: string,
  work: (index: DurableIndex) => Promise<T>,
  options: Partial<DurableIndexOptions> = {},
): Promise<T> {
  const index = await DurableIndex.open({ directory, index: await subject.make(), ...options })
  return work(index).finally(() => index.close())
}

/** All that it holds, as text. */
function contentsOf(index: DurableIndex): Map<string, [bits: string, metadata: JsonValue]> {
  const ids = [...index.ids()].sort()
  return new Map(
    ids.map((id) => {
      const { vector, metadata } = index.get(id)!
      return [id, [bitsOf(vector).join(), metadata]]
    }),
  )
}

/** Changes of every kind, which leave ids, vectors and metadata behind. */
async function change(index: DurableIndex, vectors: readonly Float32Array[]): Promise<void> {
  await Promise.all(vectors.map((vector, at) => index.insert(`id-${at}`, vector, { at })))
  await index.update('id-1', { vector: vectors[2]! })
  await index.update('id-3', { metadata: ['changed'] })
  await index.upsert('id-4', vectors[5]!, 'upserted')
  await index.batch([
    { type: 'delete', id: 'id-6' },
    { type: 'insert', id: 'id-6', vector: vectors[7]!, metadata: null },
    { type: 'delete', id: 'id-7' },
  ])
  await index.transaction(async (transaction) => {
    await transaction.delete('id-8')
    await transaction.insert('late', vectors[9]!)
  })
  assert.equal(await index.delete('id-9'), true)
}

async function checkRefused(subject: IndexSubject, vector: Float32Array): Promise<void> {
  await using(subject, await subject.directory(), async (index) => {
    const vectors = vectorsFor(await subject.make(), 10)
    await change(index, vectors)
    const before = contentsOf(index)
    const fingerprint = index.fingerprint()
    const calls = [
      () => index.insert('new', vector),
      () => index.upsert('id-1', vector),
      () => index.update('id-1', { vector }),
      () =>
        index.batch([
          { type: 'delete', id: 'id-1' },
          { type: 'insert', id: 'new', vector },
        ]),
      () => index.transaction((transaction) => transaction.insert('new', vector)),
    ]
    for (const call of calls) await assert.rejects(call, { code: 'WALV_INVALID_VECTOR' })
    await assert.rejects(index.search(vector), { code: 'WALV_INVALID_VECTOR' })
    assert.deepEqual(contentsOf(index), before)
    assert.equal(index.fingerprint(), fingerprint)
  })
}

/** An index behind a `DurableIndex`, in a real directory. */
export const indexDurable: Checks<IndexSubject> = {
  async 'a DurableIndex over it is found again as it was left'(subject) {
    const directory = await subject.directory()
    const vectors = vectorsFor(await subject.make(), 50)
    const left = await using(subject, directory, async (index) => {
      await change(index, vectors)
      return { contents: contentsOf(index), fingerprint: index.fingerprint(), size: index.size }
    })
    assert.equal(left.size, 48)
    await using(subject, directory, async (index) => {
      assert.deepEqual(contentsOf(index), left.contents)
      assert.equal(index.fingerprint(), left.fingerprint)
      const hits = await index.search(vectors[20]!, { k: 48 })
      const known = hits.filter(
        ({ id, metadata }) => JSON.stringify(left.contents.get(id)?.[1]) === JSON.stringify(metadata),
      )
      assert.equal(known.length, hits.length)
      assert.ok(hits.length >= 48 * subject.minRecall)
    })
  },

  async 'a DurableIndex over it comes back from a snapshot and what was logged since'(subject) {
    const directory = await subject.directory()
    const vectors = vectorsFor(await subject.make(), 50)
    const options = { checkpointRetention: 1 }
    const left = await using(
      subject,
      directory,
      async (index) => {
        await change(index, vectors)
        await index.checkpoint()
        await index.insert('behind', vectors[11]!, 'the snapshot')
        await index.delete('id-12')
        return { contents: contentsOf(index), fingerprint: index.fingerprint() }
      },
      options,
    )
    await using(
      subject,
      directory,
      async (index) => {
        assert.equal(index.recovery.fromSnapshot, 48)
        assert.equal(index.recovery.replayed, 2)
        assert.deepEqual(contentsOf(index), left.contents)
        assert.equal(index.fingerprint(), left.fingerprint)
      },
      options,
    )
  },

  async 'a DurableIndex over it is searched with a filter while it changes'(subject) {
    const vectors = vectorsFor(await subject.make(), 40)
    await using(subject, await subject.directory(), async (index) => {
      await Promise.all(vectors.map((vector, at) => index.insert(`id-${at}`, vector, at)))
      const filter = (metadata: JsonValue): boolean => (metadata as number) % 2 === 0
      const searches = vectors.slice(0, 5).map((query) => index.search(query, { k: 40, filter }))
      const deletes = vectors.map((_, at) => (at % 4 === 0 ? index.delete(`id-${at}`) : true))
      const hits = (await Promise.all(searches)).flat()
      assert.deepEqual(
        hits.filter(({ id, metadata }) => id !== `id-${metadata}` || !filter(metadata)),
        [],
      )
      assert.ok((await Promise.all(deletes)).every((existed) => existed))
      const left = await index.search(vectors[0]!, { k: 40, filter })
      assert.deepEqual(
        left.filter(({ metadata }) => (metadata as number) % 4 === 0),
        [],
      )
    })
  },

  async 'a DurableIndex over it is searched by id and by many queries, and loses what a filter takes'(
    subject,
  ) {
    const vectors = vectorsFor(await subject.make(), 40)
    await using(subject, await subject.directory(), async (index) => {
      await index.batch(
        vectors.map((vector, at) => ({ type: 'upsert', id: `id-${at}`, vector, metadata: { at } })),
      )
      const near = await index.searchById('id-3', { k: 10 })
      assert.ok(near.length >= 10 * subject.minRecall)
      const others = { k: 10, filter: (_: JsonValue, id: string) => id !== 'id-3' }
      assert.deepEqual(near, await index.search(index.get('id-3')!.vector, others))
      const queries = vectors.slice(0, 5)
      const answers = await index.searchMany(queries, { k: 7 })
      assert.deepEqual(answers, await Promise.all(queries.map((query) => index.search(query, { k: 7 }))))
      assert.equal(await index.deleteWhere({ at: { $gte: 20 } }), 20)
      const left = await index.search(vectors[30]!, { k: 40 })
      assert.ok(left.length >= 20 * subject.minRecall && left.every(({ id }) => index.has(id)))
      assert.equal(await index.count({ at: { $lt: 20 } }), 20)
    })
  },

  async 'vectors of other dimensions are refused, and change nothing'(subject) {
    const { dimensions } = await subject.make()
    await checkRefused(subject, new Float32Array(dimensions - 1).fill(1))
    await checkRefused(subject, new Float32Array(dimensions + 1).fill(1))
  },

  async 'vectors with NaN or infinities are kept bit for bit, or refused, as the index says'(subject) {
    const index = await subject.make()
    for (const element of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const [vector, other] = vectorsFor(index, 2)
      vector!.fill(element, 0, 1)
      if (!index.acceptsNonFinite) {
        await checkRefused(subject, vector!)
        continue
      }
      index.set(1, vector!)
      index.set(2, other!)
      assert.deepEqual(bitsOf(index.get(1)), bitsOf(vector!))
      const answer = await index.search(other!, 2)
      assert.deepEqual(answer.map(({ label }) => label).sort(), [1, 2])
    }
  },
}
