import assert from 'node:assert/strict'
import type { JsonValue } from '../../entry.ts'
import type { Log } from '../../log/log.ts'
import type { Checks } from './case.ts'
import {
  checkOrder,
  effectsIn,
  insert,
  type LogSubject,
  recordsIn,
  refuses,
  snapshotIn,
  snapshotOf,
} from './log-subject.ts'

/** Fails unless a replay would start from this snapshot. */
async function checkSnapshot(log: Log, seq: number, content: string): Promise<void> {
  assert.equal(log.lastCheckpoint?.sequenceNumber, seq)
  assert.equal(await snapshotIn(log), content)
  assert.equal(log.snapshot?.reference.info, content)
  assert.deepEqual(log.lastCheckpoint?.snapshot, log.snapshot?.reference)
}

/** Snapshots, and what is replayed on top of them. */
export const logCheckpoints: Checks<LogSubject> = {
  async 'a checkpoint is found with its snapshot, also after reopening'(subject) {
    let log = await subject.open()
    for (const id of ['a', 'b', 'c']) await log.append(insert(id))
    const entry = await log.checkpoint(snapshotOf(1, 'a and b'))
    assert.equal(entry.type, 'checkpoint')
    assert.equal(entry.sequenceNumber, 1)
    assert.deepEqual(log.lastCheckpoint, entry)
    for (let round = 0; round < 3; round++) {
      await checkSnapshot(log, 1, 'a and b')
      assert.deepEqual(await effectsIn(log, { after: 1 }), ['c'])
      log = await subject.reopen(log)
      assert.deepEqual(log.lastCheckpoint, entry)
      assert.equal(log.recovery.snapshotSeq, 1)
    }
  },

  async 'a snapshot may have several files of any size, and any JSON to go with it'(subject) {
    let log = await subject.open()
    await log.append(insert('a'))
    const large = Buffer.alloc(3_000_000, 'abc')
    const info: JsonValue = { list: [1, null, { deep: '€' }], empty: {} }
    const entry = await log.checkpoint({
      seq: 0,
      async snapshot(target) {
        await target.write('large', [large.subarray(0, 10), large.subarray(10)])
        await target.write('empty', [])
        await target.write('pieces', pieces())
        return info
      },
    })
    assert.deepEqual(
      entry.snapshot?.files.map(({ name, bytes }) => [name, bytes]),
      [
        ['large', large.length],
        ['empty', 0],
        ['pieces', 6],
      ],
    )
    for (let round = 0; round < 2; round++) {
      assert.deepEqual(log.snapshot?.reference.info, info)
      for (const [name, content] of Object.entries({
        large,
        empty: Buffer.alloc(0),
        pieces: Buffer.from('onetwo'),
      })) {
        const found: Buffer[] = []
        for await (const piece of log.snapshot!.read(name)) found.push(Buffer.from(piece))
        assert.ok(Buffer.concat(found).equals(content), `the file ${name} has another content`)
      }
      log = await subject.reopen(log)
    }
  },

  async 'a snapshot is asked for once, and the log is appended to while it is written'(subject) {
    const log = await subject.open()
    await log.append(insert('a'))
    let asked = 0
    await log.checkpoint({
      seq: 0,
      async snapshot(target) {
        asked++
        await log.append(insert('meanwhile'))
        await target.write('state', [Buffer.from('a')])
        await log.append(insert('and again'))
        return 'a'
      },
    })
    assert.equal(asked, 1)
    await checkSnapshot(log, 0, 'a')
    assert.deepEqual(await effectsIn(log, { after: 0 }), ['meanwhile', 'and again'])
  },

  async 'replay behind a checkpoint gives whole transactions, also those that began before it'(subject) {
    let log = await subject.open()
    const [early, open] = [log.begin(), log.begin()]
    early.insert('early', [1])
    open.insert('begun before', [1])
    await early.commit()
    const seq = await log.append(insert('a'))
    await log.checkpoint(snapshotOf(seq, 'early and a'))
    open.insert('goes on', [1])
    await open.commit()
    await log.append(insert('b'))
    for (let round = 0; round < 2; round++) {
      const after = log.lastCheckpoint!.sequenceNumber
      assert.deepEqual(await effectsIn(log, { after }), ['begun before goes on', 'b'])
      assert.deepEqual(await effectsIn(log, { after, from: log.lastCheckpoint!.replayFrom }), [
        'begun before goes on',
        'b',
      ])
      log = await subject.reopen(log)
    }
  },

  async 'a snapshot that fails leaves the checkpoint before as it was'(subject) {
    let log = await subject.open()
    await log.append(insert('a'))
    await log.checkpoint(snapshotOf(0, 'a'))
    const seq = await log.append(insert('b'))
    const failure = new Error('the snapshot fails')
    const failing = log.checkpoint({
      seq,
      async snapshot(target) {
        await target.write('state', [Buffer.from('half')])
        throw failure
      },
    })
    await assert.rejects(
      failing,
      (error) => error === failure,
      'it had to reject with what the snapshot threw',
    )
    for (let round = 0; round < 2; round++) {
      await checkSnapshot(log, 0, 'a')
      assert.deepEqual(await effectsIn(log, { after: 0 }), ['b'])
      log = await subject.reopen(log)
    }
    await log.checkpoint(snapshotOf(log.lastSeq, 'a and b'))
    assert.equal(await snapshotIn(log), 'a and b')
  },

  async 'a checkpoint of what is not in the log, or behind the last, is refused'(subject) {
    const log = await subject.open()
    await refuses('WALV_CHECKPOINT', () => log.checkpoint(snapshotOf(0, 'nothing')))
    for (const id of ['a', 'b', 'c']) await log.append(insert(id))
    await log.checkpoint(snapshotOf(1, 'a and b'))
    for (const seq of [-1, 0, 1.5, Number.NaN, log.lastSeq + 1]) {
      await refuses('WALV_CHECKPOINT', () => log.checkpoint(snapshotOf(seq, 'wrong')))
    }
    await checkSnapshot(log, 1, 'a and b')
  },

  async 'of many checkpoints the newest counts, and what is kept of the log has no hole'(subject) {
    let log = await subject.open()
    for (let round = 0; round < 6; round++) {
      for (let count = 0; count < 5; count++) await log.append(insert(`${round}.${count}`))
      const seq = log.lastSeq
      await log.checkpoint(snapshotOf(seq, `round ${round}`))
      await log.append(insert(`behind ${round}`))
      if (round % 2 === 1) log = await subject.reopen(log)
      await checkSnapshot(log, seq, `round ${round}`)
      assert.deepEqual(await effectsIn(log, { after: seq }), [`behind ${round}`])
      const records = await recordsIn(log)
      checkOrder(records)
      assert.equal(records.at(-1)?.seq, log.lastSeq)
      if (records[0]!.seq > 0)
        await refuses('WALV_SEQUENCE_TRIMMED', () => recordsIn(log, records[0]!.seq - 1))
    }
  },

  async 'closing waits for a checkpoint that is being taken'(subject) {
    const log = await subject.open()
    await log.append(insert('a'))
    const [entry] = await Promise.all([log.checkpoint(snapshotOf(0, 'a')), log.close()])
    assert.deepEqual((await subject.open()).lastCheckpoint, entry)
  },
}

async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
  yield Buffer.from('one')
  yield Buffer.from('two')
}
