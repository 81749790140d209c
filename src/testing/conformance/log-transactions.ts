import assert from 'node:assert/strict'
import type { Checks } from './case.ts'
import { effectsIn, insert, type LogSubject, meaning, refuses, unitsIn } from './log-subject.ts'

/** Entries that take effect together, or not at all. */
export const logTransactions: Checks<LogSubject> = {
  async 'a transaction takes effect whole, at the place of its commit'(subject) {
    const log = await subject.open()
    const transaction = log.begin()
    transaction.insert('in 1', [1])
    await log.append(insert('between'))
    transaction.insert('in 2', [2])
    const seq = await transaction.commit()
    await log.append(insert('behind'))
    const units = await unitsIn(log)
    assert.deepEqual(await effectsIn(log), ['between', 'in 1 in 2', 'behind'])
    assert.equal(units[1]!.seq, seq)
    assert.equal(units[1]!.transactionId, transaction.id)
    assert.equal(units[0]!.transactionId, undefined)
    assert.ok(units[0]!.seq < seq && seq < units[2]!.seq)
  },

  async 'transactions that overlap take effect in the order of their commits'(subject) {
    const log = await subject.open()
    const [one, two, three] = [log.begin(), log.begin(), log.begin()]
    for (const number of [1, 2]) {
      one.insert(`1.${number}`, [1])
      two.insert(`2.${number}`, [1])
      three.insert(`3.${number}`, [1])
    }
    await Promise.all([three.commit(), one.commit(), log.append(insert('x')), two.commit()])
    assert.deepEqual(await effectsIn(log), ['3.1 3.2', '1.1 1.2', 'x', '2.1 2.2'])
  },

  async 'nothing of an aborted transaction takes effect'(subject) {
    const log = await subject.open()
    const [aborted, committed] = [log.begin(), log.begin()]
    aborted.insert('never', [1])
    committed.insert('in', [1])
    await aborted.abort()
    assert.equal(aborted.state, 'aborted')
    await committed.commit()
    assert.deepEqual(await effectsIn(log), ['in'])
    assert.deepEqual(await effectsIn(await subject.reopen(log)), ['in'])
  },

  async 'a transaction that was never committed has no effect, before and after reopening'(subject) {
    const log = await subject.open()
    const transaction = log.begin()
    transaction.insert('never', [1])
    await log.append(insert('a'))
    assert.deepEqual(await effectsIn(log), ['a'])
    const again = await subject.reopen(log)
    const other = again.begin()
    other.insert('b', [1])
    await other.commit()
    assert.deepEqual(await effectsIn(again), ['a', 'b'])
    assert.deepEqual(await effectsIn(await subject.reopen(again)), ['a', 'b'])
  },

  async 'insert, upsert, update, delete and append log what they say'(subject) {
    const log = await subject.open()
    const transaction = log.begin()
    const entries = [
      { type: 'insert', id: 'a', vector: [1, 2], metadata: { n: 1 } },
      { type: 'insert', id: 'b', vector: [3], metadata: null, replace: true },
      { type: 'update', id: 'a', vector: [4], metadata: [] },
      { type: 'delete', id: 'b' },
      { type: 'batch', entries: [insert('c'), insert('d')] },
    ] as const
    transaction.insert('a', [1, 2], { n: 1 })
    transaction.upsert('b', [3])
    transaction.update('a', { vector: [4], metadata: [] })
    transaction.delete('b')
    transaction.append(entries[4])
    await transaction.commit()
    const [unit] = await unitsIn(log)
    assert.deepEqual(unit!.entries.map(meaning), entries.map(meaning))
  },

  async 'an entry that is refused is no part of its transaction, which goes on'(subject) {
    const log = await subject.open()
    const transaction = log.begin()
    transaction.insert('a', [1])
    await refuses('WALV_INVALID_ID', () => transaction.insert('', [1]))
    await refuses('WALV_INVALID_VECTOR', () => transaction.update('a', { vector: ['1'] as never }))
    transaction.insert('b', [1])
    assert.equal(transaction.state, 'open')
    await transaction.commit()
    assert.deepEqual(await effectsIn(log), ['a b'])
  },

  async 'a transaction that has ended takes nothing more'(subject) {
    const log = await subject.open()
    const [committed, aborted] = [log.begin(), log.begin()]
    committed.insert('a', [1])
    await Promise.all([committed.commit(), aborted.abort()])
    assert.deepEqual([committed.state, aborted.state], ['committed', 'aborted'])
    for (const transaction of [committed, aborted]) {
      for (const call of [
        () => transaction.insert('b', [1]),
        () => transaction.prepare(),
        () => transaction.commit(),
        () => transaction.abort(),
      ]) {
        await refuses('WALV_TRANSACTION_ENDED', call)
      }
    }
    assert.deepEqual(await effectsIn(log), ['a'])
  },
}
