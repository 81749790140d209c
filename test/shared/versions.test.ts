/** Conditional changes, keys, deleteWhere and reverts, where several processes write. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  agree,
  DurableIndex,
  flat,
  openIndex,
  refusal,
  temporaryDirectory,
  until,
  type WalError,
} from '../support/kit.ts'

async function sharers(t: TestContext, count: number): Promise<[string, ...DurableIndex[]]> {
  const directory = await temporaryDirectory(t)
  const all: DurableIndex[] = []
  for (let at = 0; at < count; at++)
    all.push(await openIndex(t, { directory, index: flat({ dimensions: 2 }), share: true }))
  return [directory, ...all]
}

const numbersOf = (index: DurableIndex): unknown => [...index.entries()].map(([id, { seq }]) => [id, seq])

const conflict =
  (id: string, ifSeq: number | null, seq: number | null) =>
  (error: WalError): boolean => {
    assert.deepEqual(error.detail, { id, ifSeq, seq })
    return refusal('WALV_CONFLICT', 'not-logged')(error)
  }

test('conditions are decided at their place, whoever asks, and opening decides alike', async (t) => {
  const [directory, leader, member] = (await sharers(t, 2)) as [string, DurableIndex, DurableIndex]
  await leader.insert('a', [1, 0])
  await agree(leader, member)
  const { seq } = member.get('a')!
  const calls = [leader, member].map((index, n) => index.update('a', { metadata: n }, { ifSeq: seq }))
  const outcomes = await Promise.allSettled(calls)
  assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  await agree(leader, member)
  const now = member.get('a')!.seq
  assert.deepEqual(numbersOf(leader), numbersOf(member))
  const { reason } = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult
  conflict('a', seq, now)(reason)
  for (const index of [leader, member]) {
    await assert.rejects(index.upsert('a', [1, 1], null, { ifAbsent: true }), conflict('a', null, now))
    await assert.rejects(index.delete('x', { ifSeq: 3 }), conflict('x', 3, null))
    const batch = index.batch([
      { type: 'upsert', id: 'y', vector: [1, 1] },
      { type: 'delete', id: 'a', ifSeq: seq },
    ])
    await assert.rejects(batch, conflict('a', seq, now))
    const transaction = index.transaction(async (inner) => {
      await inner.insert('z', [1, 1])
      await inner.update('a', { metadata: 1 }, { ifSeq: seq })
    })
    await assert.rejects(transaction, conflict('a', seq, now))
  }
  assert.equal(await member.delete('a', { ifSeq: now }), true)
  await agree(leader, member)
  assert.equal(member.size, 0)
  const fingerprint = leader.fingerprint()
  await Promise.all([leader.close(), member.close()])
  const again = await openIndex(t, { directory, index: flat({ dimensions: 2 }) })
  assert.equal(again.fingerprint(), fingerprint)
  assert.ok(again.recovery.voided >= 9)
})

test('a counter loses no increment, whoever increments it', async (t) => {
  const [, ...indexes] = (await sharers(t, 3)) as [string, ...DurableIndex[]]
  await indexes[0]!.insert('counter', [0, 0], 0)
  for (const index of indexes) await agree(index, indexes[0]!)
  const increment = async (index: DurableIndex): Promise<void> => {
    for (;;) {
      const { metadata, seq } = index.get('counter')!
      try {
        await index.update('counter', { metadata: (metadata as number) + 1 }, { ifSeq: seq })
        return
      } catch (error) {
        refusal('WALV_CONFLICT', 'not-logged')(error as Error)
        await delay(1)
      }
    }
  }
  const inTransaction = async (index: DurableIndex): Promise<void> => {
    for (;;) {
      try {
        await index.transaction(async (transaction) => {
          const { metadata } = (await transaction.get('counter'))!
          await transaction.update('counter', { metadata: (metadata as number) + 1 })
        })
        return
      } catch (error) {
        refusal('WALV_CONFLICT', 'not-logged')(error as Error)
        await delay(1)
      }
    }
  }
  await Promise.all(
    indexes.flatMap((index) => [
      ...Array.from({ length: 10 }, () => increment(index)),
      ...Array.from({ length: 5 }, () => inTransaction(index)),
    ]),
  )
  for (const index of indexes) {
    await agree(index, indexes[0]!)
    assert.equal(index.get('counter')?.metadata, 45)
  }
})

test('a key stands for one change in all processes, also after the lead has changed', async (t) => {
  const [directory, leader, member] = (await sharers(t, 2)) as [string, DurableIndex, DurableIndex]
  const key = { idempotencyKey: 'k' }
  await Promise.all([leader.insert('a', [1, 0], 1, key), member.insert('a', [1, 0], 1, key)])
  await assert.rejects(member.insert('a', [1, 0], 2, key), refusal('WALV_CONFLICT', 'not-logged'))
  const remove = { idempotencyKey: 'remove' }
  assert.equal(await member.delete('a', remove), true)
  assert.equal(await leader.delete('a', remove), true)
  assert.equal(await leader.delete('a'), false)
  let runs = 0
  const run = (index: DurableIndex): Promise<string | undefined> =>
    index.transaction(
      async (transaction) => {
        runs++
        await transaction.insert('t', [1, 0])
        return 'done'
      },
      { idempotencyKey: 't' },
    )
  const answers = await Promise.all([run(leader), run(member)])
  assert.deepEqual(answers.toSorted(), ['done', undefined])
  const runsBefore = runs
  await leader.checkpoint()
  await leader.close()
  assert.equal(await member.delete('a', remove), true)
  await member.insert('a', [1, 0], 1, key)
  assert.deepEqual([await run(member), runs], [undefined, runsBefore])
  assert.deepEqual([...member.ids()], ['t'])
  await member.close()
  const again = await openIndex(t, { directory, index: flat({ dimensions: 2 }), share: true })
  await again.insert('a', [1, 0], 1, key)
  assert.deepEqual([...again.ids()], ['t'])
})

test('deleteWhere removes what passes at its place, and nothing that was changed before', async (t) => {
  const [, leader, member] = (await sharers(t, 2)) as [string, DurableIndex, DurableIndex]
  await leader.batch(
    Array.from({ length: 20 }, (_, at) => ({
      type: 'upsert',
      id: `id-${at}`,
      vector: [at, 0],
      metadata: { old: true, round: 0 },
    })),
  )
  await agree(leader, member)
  let isOver = false
  const renewing = (async () => {
    for (let round = 1; !isOver; round++)
      await leader
        .update(`id-${round % 20}`, { metadata: { old: round % 2 === 0, round } })
        .catch((error) => {
          refusal('WALV_NOT_FOUND')(error)
        })
  })()
  for (let times = 0; times < 10; times++) {
    try {
      await member.deleteWhere({ old: true })
    } catch (error) {
      refusal('WALV_CONFLICT', 'not-logged')(error as Error)
    }
  }
  isOver = true
  await renewing
  await agree(leader, member)
  await member.deleteWhere({ old: true })
  assert.equal(await member.count({ old: true }), 0)
  await member.insert('last', [0, 0])
  const isOld = new Map<string, boolean>()
  for await (const { id, kind, metadata, seq } of member.changes({ from: 0 })) {
    if (id === 'last') break
    if (kind === 'delete') assert.equal(isOld.get(id), true, `record ${seq} removes what did not pass there`)
    isOld.set(id, kind !== 'delete' && (metadata as { readonly old: boolean }).old)
  }
})

test('deleteWhere is made anew where others came first', async (t) => {
  const [, leader, member] = (await sharers(t, 2)) as [string, DurableIndex, DurableIndex]
  for (let round = 0; round < 10; round++) {
    await leader.upsert('a', [1, 0], { old: true })
    await agree(leader, member)
    const updating = (async () => {
      for (let at = 0; at < 20; at++) await leader.update('a', { metadata: { old: true, at } })
    })().catch(refusal('WALV_NOT_FOUND'))
    // Fewer come first than it tries.
    assert.equal(await member.deleteWhere({ old: true }), 1)
    await updating
  }
})

test('right behind a revert every id that was changed since is what it was, whoever changed it', async (t) => {
  const [directory, leader, member] = (await sharers(t, 2)) as [string, DurableIndex, DurableIndex]
  for (let at = 0; at < 5; at++) await leader.insert(`id-${at}`, [at, 0], at)
  await agree(leader, member)
  const { lastSeq: seq } = leader.stats()
  const content = member.fingerprint()
  let isOver = false
  let reverts = 0
  const changing = (async () => {
    for (let round = 0; !isOver; round++) {
      await leader.update(`id-${round % 2}`, { metadata: `${round}` })
      await delay(2)
    }
  })()
  // From then on the member knows that they were changed since.
  await until(() => ['id-0', 'id-1'].every((id) => member.get(id)!.seq > seq))
  for (let times = 0; times < 40 && reverts < 8; times++) {
    try {
      const { before, changed } = await member.revertTo({ seq })
      // Where nothing was to be changed there is no record of it.
      if (changed === 0) continue
      reverts++
      const index = flat({ dimensions: 2 })
      const past = await DurableIndex.openAt({ directory, index, seq: before + 1 })
      assert.equal(past.fingerprint(), content, `behind record ${before + 1}`)
      await past.close()
    } catch (error) {
      refusal('WALV_CONFLICT', 'not-logged')(error as Error)
    }
  }
  isOver = true
  await changing
  assert.ok(reverts > 0, 'nothing was reverted')
})

test('an index is reverted while other processes change it: it is as if the revert came first or last', async (t) => {
  const [directory, leader, member] = (await sharers(t, 2)) as [string, DurableIndex, DurableIndex]
  for (let at = 0; at < 10; at++) await leader.insert(`id-${at}`, [at, 0], at)
  await agree(leader, member)
  const { lastSeq: moment } = leader.stats()
  const content = member.fingerprint()
  await leader.update('id-1', { metadata: 'changed' })
  await member.delete('id-2')
  await member.insert('new', [7, 7])
  const changing = Array.from({ length: 20 }, (_, at) => leader.upsert(`other-${at}`, [at, 1]))
  const { before } = await member.revertTo({ seq: moment })
  await Promise.all(changing)
  await agree(leader, member)
  assert.equal(member.has('new'), false)
  assert.deepEqual([member.get('id-1')?.metadata, member.has('id-2')], [1, true])
  await leader.revertTo({ seq: moment })
  await agree(leader, member)
  assert.equal(member.fingerprint(), content)
  await member.revertTo({ seq: before })
  assert.deepEqual([member.has('new'), member.has('id-2')], [true, false])
  await Promise.all([leader.close(), member.close()])
  const past = await DurableIndex.openAt({ directory, index: flat({ dimensions: 2 }), seq: moment })
  assert.equal(past.fingerprint(), content)
  await past.close()
})

test('what a shared log decided, its history, its forks and its figures tell alike', async (t) => {
  const [directory, leader, member] = (await sharers(t, 2)) as [string, DurableIndex, DurableIndex]
  await leader.insert('a', [1, 0], 0)
  await agree(leader, member)
  const { seq } = leader.get('a')!
  await leader.checkpoint()
  await member.update('a', { metadata: 1 }, { ifSeq: seq, idempotencyKey: 'k' })
  await agree(leader, member)
  await assert.rejects(leader.update('a', { metadata: 2 }, { ifSeq: seq }), refusal('WALV_CONFLICT'))
  await leader.update('a', { metadata: 1 }, { ifSeq: seq, idempotencyKey: 'k' })
  await leader.upsert('b', [1, 1], null, { ifAbsent: true })
  await agree(leader, member)
  const versions: unknown[] = []
  for await (const { metadata, seq: number } of leader.history('a')) versions.push([number, metadata])
  assert.deepEqual(versions, [
    [seq, 0],
    [member.get('a')!.seq, 1],
  ])
  await member.fork(`${directory}-fork`)
  t.after(() => rm(`${directory}-fork`, { recursive: true, force: true }))
  const fork = await openIndex(t, { directory: `${directory}-fork`, index: flat({ dimensions: 2 }) })
  assert.equal(fork.fingerprint(), member.fingerprint())
  assert.equal(fork.recovery.voided, 0, 'what had no effect is not in the fork')
  await fork.update('a', { metadata: 1 }, { idempotencyKey: 'k' })
  assert.equal(fork.get('a')?.metadata, 1)
  const told: string[] = []
  await leader.insert('last', [0, 0])
  for await (const { id, kind } of member.changes({ from: 0 })) {
    told.push(`${kind} ${id}`)
    if (id === 'last') break
  }
  assert.deepEqual(told, ['insert a', 'update a', 'upsert b', 'insert last'])
})
