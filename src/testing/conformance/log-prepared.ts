import assert from 'node:assert/strict'
import type { Checks } from './case.ts'
import { effectsIn, insert, type LogSubject, refuses } from './log-subject.ts'

/** Two-phase commit. */
export const logPrepared: Checks<LogSubject> = {
  async 'a prepared transaction takes no more entries, and waits for its commit or abort'(subject) {
    const log = await subject.open()
    const [committed, aborted] = [log.begin(), log.begin()]
    committed.insert('a', [1])
    aborted.insert('never', [1])
    await Promise.all([committed.prepare(), aborted.prepare()])
    assert.equal(committed.state, 'prepared')
    await refuses('WALV_TRANSACTION_ENDED', () => committed.insert('b', [1]))
    assert.deepEqual(await effectsIn(log), [])
    await Promise.all([aborted.abort(), committed.commit()])
    assert.deepEqual(await effectsIn(log), ['a'])
  },

  async 'a prepared transaction without a decision has no effect, and opening tells of it'(subject) {
    const log = await subject.open()
    const [prepared, open] = [log.begin(), log.begin()]
    prepared.insert('undecided', [1])
    open.insert('never', [1])
    await prepared.prepare()
    let again = await subject.reopen(log)
    for (let round = 0; round < 2; round++) {
      assert.deepEqual(again.recovery.transactions.inDoubt, [prepared.id])
      assert.deepEqual(await effectsIn(again), [])
      again = await subject.reopen(again)
    }
  },

  async 'a transaction of a closed log takes nothing more, and has no effect'(subject) {
    const log = await subject.open()
    const [open, prepared] = [log.begin(), log.begin()]
    open.insert('never', [1])
    await prepared.prepare()
    const again = await subject.reopen(log)
    await again.append(insert('a'))
    await refuses('WALV_CLOSED', () =>
      open.append({ type: 'custom', kind: 'large', data: new Uint8Array(500_000) }),
    )
    for (const call of [
      () => open.prepare(),
      () => open.commit(),
      () => prepared.commit(),
      () => prepared.abort(),
    ]) {
      await refuses('WALV_CLOSED', call)
    }
    // What has no end in the log has no effect: aborting it succeeds.
    await open.abort()
    assert.equal(open.state, 'aborted')
    await again.append(insert('b'))
    assert.deepEqual(await effectsIn(await subject.reopen(again)), ['a', 'b'])
  },
}
