import assert from 'node:assert/strict'
import type { Log } from '../../log/log.ts'
import type { Checks } from './case.ts'
import {
  checkOrder,
  ENTRIES,
  effectsIn,
  insert,
  type LogSubject,
  meaning,
  recordsIn,
  refuses,
  snapshotOf,
} from './log-subject.ts'

/** Records as values that can be compared. */
const readable = async (log: Log, count?: number): Promise<unknown[]> =>
  (await recordsIn(log)).slice(0, count).map((record) => ({ ...record, entry: meaning(record.entry) }))

/** Opening and closing. */
export const logLifetime: Checks<LogSubject> = {
  async 'everything is found again after reopening, number for number'(subject) {
    let log = await subject.open()
    for (const entry of ENTRIES) await log.append(entry)
    const transaction = log.begin()
    transaction.insert('in', [1])
    await transaction.commit()
    const records = await readable(log)
    const effects = await effectsIn(log)
    for (let round = 0; round < 3; round++) {
      const { lastSeq } = log
      log = await subject.reopen(log)
      assert.equal(log.recovery.lastSeq, lastSeq)
      assert.deepEqual(await readable(log, records.length), records)
      assert.deepEqual(await effectsIn(log), effects)
    }
  },

  async 'numbers and times go on after reopening, and no number is used twice'(subject) {
    let log = await subject.open()
    const numbers: number[] = []
    for (let round = 0; round < 4; round++) {
      numbers.push(...(await Promise.all([log.append(insert('a')), log.append(insert('b'))])))
      log.begin().insert('never committed', [1])
      await log.append(insert('c'))
      log = await subject.reopen(log)
    }
    assert.equal(new Set(numbers).size, numbers.length)
    const records = await recordsIn(log)
    checkOrder(records)
    assert.equal(records[0]?.seq, 0)
    assert.equal(records.at(-1)?.seq, log.lastSeq)
    const ids = new Map(records.map(({ seq, entry }) => [seq, 'id' in entry ? entry.id : entry.type]))
    assert.deepEqual(
      numbers.map((seq) => ids.get(seq)),
      numbers.map((_, at) => (at % 2 === 0 ? 'a' : 'b')),
    )
  },

  async 'a log that was opened and closed without a record stays empty'(subject) {
    let log = await subject.open()
    for (let round = 0; round < 3; round++) log = await subject.reopen(log)
    assert.equal(log.lastSeq, -1)
    assert.equal(await log.append(insert('a')), 0)
  },

  async 'closing waits for what was appended before it'(subject) {
    const log = await subject.open()
    const appends = Array.from({ length: 50 }, (_, at) => log.append(insert(`${at}`)))
    const transaction = log.begin()
    transaction.insert('in', [1])
    const numbers = Array.from(appends, (_, at) => at)
    const [found, seq] = await Promise.all([Promise.all(appends), transaction.commit(), log.close()])
    assert.deepEqual(found, numbers)
    const again = await subject.open()
    assert.deepEqual(await effectsIn(again), [...numbers.map(String), 'in'])
    assert.ok(again.lastSeq >= seq)
  },

  async 'an open log flushes, and tells its figures and its health'(subject) {
    const log = await subject.open()
    for (const id of ['a', 'b']) await log.append(insert(id))
    await log.flush()
    const { lastSeq, durableSeq, poisoned } = log.stats()
    assert.deepEqual({ lastSeq, durableSeq, poisoned }, { lastSeq: 1, durableSeq: 1, poisoned: false })
    assert.ok(['ok', 'warn'].includes((await log.health()).level))
    assert.equal(log.readOnly, false)
    assert.notEqual(log.directory, '')
  },

  async 'closing again is harmless'(subject) {
    const log = await subject.open()
    await log.append(insert('a'))
    await Promise.all([log.close(), log.close()])
    await log.close()
    assert.deepEqual(await effectsIn(await subject.open()), ['a'])
  },

  async 'a closed log refuses everything, and says that nothing was logged'(subject) {
    const log = await subject.open()
    await log.append(insert('a'))
    const closing = log.close()
    const calls: (() => unknown)[] = [
      () => log.append(insert('b')),
      () => log.submit(insert('b')),
      () => log.appendBatch([insert('b')]),
      () => log.begin(),
      () => log.checkpoint(snapshotOf(0, 'a')),
      () => recordsIn(log),
      () => effectsIn(log),
    ]
    for (const call of calls) await refuses('WALV_CLOSED', call)
    await closing
    for (const call of calls) await refuses('WALV_CLOSED', call)
    await assert.rejects(log.append(insert('b')), { fate: 'not-logged' })
    assert.throws(() => void log.submit(insert('b')).catch(() => {}), { code: 'WALV_CLOSED' })
    assert.deepEqual(await effectsIn(await subject.open()), ['a'])
  },
}
