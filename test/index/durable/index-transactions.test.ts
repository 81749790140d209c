import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DurableIndex, insert, refusal, temporaryDirectory } from '../../support/kit.ts'
import { contentOf, open } from './opened-index.ts'

test('a transaction is seen from its commit on, whole; its result is passed on', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  await index.insert('there', [1, 1])
  const result = await index.transaction(async (transaction) => {
    await transaction.insert('a', [1, 0])
    transaction.update('a', { metadata: 'within' })
    assert.equal(await transaction.delete('there'), true)
    assert.equal(await transaction.delete('there'), false)
    transaction.upsert('b', [0, 1])
    await index.insert('beside', [5, 5])
    assert.deepEqual([...index.ids()].toSorted(), ['beside', 'there'])
    return 'result'
  })
  assert.equal(result, 'result')
  assert.deepEqual([...index.ids()].toSorted(), ['a', 'b', 'beside'])
  assert.equal(index.get('a')!.metadata, 'within')
  const expected = contentOf(index)
  await index.close()
  assert.deepEqual(contentOf(await open(t, directory)), expected)
})

test('a transaction whose work throws has no effect, also not after opening again, and passes the error on', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  const mine = new Error('mine')
  const work = index.transaction((transaction) => {
    transaction.insert('a', [1, 1])
    throw mine
  })
  await assert.rejects(work, (error) => error === mine)
  assert.equal(index.size, 0)
  await index.insert('a', [2, 2])
  await index.close()
  const again = await open(t, directory)
  assert.deepEqual(again.get('a')!.vector, Float32Array.of(2, 2))
  assert.equal(again.recovery.transactions.aborted, 1)
})

test('ids that a transaction has touched are reserved for it until it ends', async (t) => {
  const index = await open(t, await temporaryDirectory(t))
  await index.insert('there', [1, 1])
  const conflict = refusal('WALV_CONFLICT', 'not-logged')
  await index.transaction(async (transaction) => {
    transaction.insert('a', [1, 1])
    transaction.update('there', { metadata: 1 })
    await assert.rejects(index.insert('a', [2, 2]), conflict)
    await assert.rejects(index.upsert('a', [2, 2]), conflict)
    await assert.rejects(index.delete('there'), conflict)
    await assert.rejects(index.update('there', { metadata: 2 }), conflict)
    await assert.rejects(index.batch([insert('free', [1, 1]), insert('a', [1, 1])]), conflict)
    await assert.rejects(
      index.transaction((other) => other.insert('a', [3, 3])),
      conflict,
    )
  })
  await index.update('there', { metadata: 3 })
  assert.equal(index.get('there')!.metadata, 3)
  await index.transaction((transaction) => transaction.upsert('a', [4, 4])).catch(() => {})
  assert.deepEqual(index.get('a')!.vector, Float32Array.of(4, 4))
})

test('a change that a transaction cannot take is refused, and the transaction goes on without it', async (t) => {
  const index = await open(t, await temporaryDirectory(t))
  await index.transaction(async (transaction) => {
    transaction.insert('a', [1, 1])
    await assert.rejects(transaction.insert('a', [2, 2]), refusal('WALV_DUPLICATE_ID'))
    await assert.rejects(transaction.update('b', { metadata: 1 }), refusal('WALV_NOT_FOUND'))
    await assert.rejects(transaction.insert('b', [1]), refusal('WALV_INVALID_VECTOR'))
    transaction.insert('b', [2, 2])
  })
  assert.deepEqual([...index.ids()], ['a', 'b'])
})

test('a transaction that is used after its end is refused', async (t) => {
  const index = await open(t, await temporaryDirectory(t))
  let kept: Parameters<Parameters<DurableIndex['transaction']>[0]>[0] | undefined
  await index.transaction((transaction) => {
    kept = transaction
  })
  await assert.rejects(kept!.insert('late', [1, 1]), refusal('WALV_TRANSACTION_ENDED'))
  await index.insert('late', [2, 2])
  assert.equal(index.size, 1)
})

test('a transaction that is open at a checkpoint takes effect at its commit, after opening too', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  await index.insert('before', [1, 1])
  await index.transaction(async (transaction) => {
    transaction.insert('a', [1, 1])
    await index.checkpoint()
    transaction.insert('b', [2, 2])
  })
  const expected = contentOf(index)
  await index.close()
  const again = await open(t, directory)
  assert.deepEqual(contentOf(again), expected)
  assert.equal(again.recovery.fromSnapshot, 1)
})
