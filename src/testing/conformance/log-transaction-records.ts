import assert from 'node:assert/strict'
import type { Checks } from './case.ts'
import { effectsIn, insert, type LogSubject, recordsIn } from './log-subject.ts'

/** Transactions whose records stand in the log one by one. */
export const logTransactionRecords: Checks<LogSubject> = {
  async 'the records of a transaction stand where they were logged, and name it'(subject) {
    const log = await subject.open()
    await log.append(insert('a'))
    const transaction = log.begin()
    transaction.insert('in', [1])
    const between = log.append(insert('between'))
    transaction.delete('in')
    await Promise.all([between, transaction.commit()])
    const { id } = transaction
    assert.deepEqual(
      (await recordsIn(log)).map(({ seq, entry, transactionId }) => [seq, entry.type, transactionId]),
      [
        [0, 'insert', undefined],
        [1, 'beginTransaction', id],
        [2, 'insert', id],
        [3, 'insert', undefined],
        [4, 'delete', id],
        [5, 'commitTransaction', id],
      ],
    )
    assert.equal(id, 1, 'the id is the number of the begin')
  },

  async 'replay that reads from the begin of a transaction gives it whole, unless it committed earlier'(
    subject,
  ) {
    const log = await subject.open()
    const transaction = log.begin()
    transaction.insert('in 1', [1])
    const between = await log.append(insert('between'))
    transaction.insert('in 2', [1])
    const seq = await transaction.commit()
    await log.append(insert('behind'))
    const from = transaction.id
    assert.deepEqual(await effectsIn(log, { after: between, from }), ['in 1 in 2', 'behind'])
    assert.deepEqual(await effectsIn(log, { after: seq - 1, from }), ['in 1 in 2', 'behind'])
    assert.deepEqual(await effectsIn(log, { after: seq, from }), ['behind'])
  },
}
