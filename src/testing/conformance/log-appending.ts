import assert from 'node:assert/strict'
import type { EntryInput } from '../../entry.ts'
import type { WalErrorCode } from '../../errors.ts'
import { MAX_ID_BYTES } from '../../limits.ts'
import type { Checks } from './case.ts'
import {
  checkOrder,
  ENTRIES,
  effectsIn,
  insert,
  type LogSubject,
  meaning,
  recordsIn,
  unitsIn,
} from './log-subject.ts'

const malformed = (entry: unknown): EntryInput => entry as EntryInput

/** What can be refused at once. */
const REFUSED: readonly (readonly [WalErrorCode, EntryInput])[] = [
  ['WALV_INVALID_ENTRY', malformed(null)],
  ['WALV_INVALID_ENTRY', malformed({ type: 'unknown' })],
  ['WALV_INVALID_ENTRY', malformed({ type: 'commitTransaction' })],
  ['WALV_INVALID_ENTRY', malformed({ type: 'batch', entries: 'none' })],
  ['WALV_INVALID_ID', insert('')],
  ['WALV_INVALID_ID', malformed({ ...insert('a'), id: 7 })],
  ['WALV_INVALID_VECTOR', malformed({ ...insert('a'), vector: ['1'] })],
  ['WALV_INVALID_METADATA', malformed({ ...insert('a'), metadata: () => 1 })],
  ['WALV_LIMIT', insert('x'.repeat(MAX_ID_BYTES + 1))],
  ['WALV_INVALID_ID', { type: 'batch', entries: [insert('a'), { type: 'delete', id: '' }] }],
]

/** What is appended to a log. */
export const logAppending: Checks<LogSubject> = {
  async 'a new log is empty'(subject) {
    const log = await subject.open()
    assert.equal(log.lastSeq, -1)
    assert.equal(log.recovery.lastSeq, -1)
    assert.equal(log.snapshot, undefined)
    assert.equal(log.lastCheckpoint, undefined)
    assert.deepEqual(await recordsIn(log), [])
    assert.deepEqual(await unitsIn(log), [])
  },

  async 'records are numbered from 0 without a hole, in the order in which they were handed over'(subject) {
    const log = await subject.open()
    assert.equal(await log.append(insert('0')), 0)
    assert.equal(log.lastSeq, 0)
    const numbers = Array.from({ length: 60 }, (_, at) => {
      const entry = insert(`${1 + at}`)
      return at % 3 === 0 ? log.append(entry) : at % 3 === 1 ? log.submit(entry) : log.appendBatch([entry])
    })
    const expected = Array.from(numbers, (_, at) => 1 + at)
    assert.deepEqual(await Promise.all(numbers), expected)
    assert.equal(log.lastSeq, 60)
    const records = await recordsIn(log)
    checkOrder(records)
    assert.deepEqual(await effectsIn(log), [
      '0',
      ...expected.map((at) => (at % 3 === 0 ? `[${at}]` : `${at}`)),
    ])
  },

  async 'an entry can be read as soon as its append has resolved'(subject) {
    const log = await subject.open()
    for (let number = 0; number < 20; number++) {
      assert.equal(await log.append(insert(`${number}`)), number)
      assert.equal(log.lastSeq, number)
      assert.deepEqual(
        (await recordsIn(log, number)).map(({ seq }) => seq),
        [number],
      )
    }
  },

  async 'entries of every kind are read as they were given, bit for bit'(subject) {
    const log = await subject.open()
    for (const entry of ENTRIES) await log.append(entry)
    const records = await recordsIn(log)
    checkOrder(records)
    assert.deepEqual(
      records.map(({ entry }) => meaning(entry)),
      ENTRIES.map(meaning),
    )
    assert.deepEqual(
      records.map(({ transactionId }) => transactionId),
      ENTRIES.map(() => undefined),
    )
  },

  async 'numbers in the place of a Float32Array are rounded to float32'(subject) {
    const log = await subject.open()
    await log.append({ type: 'insert', id: 'a', vector: [0.1, -0, 1e-50], metadata: null })
    const [record] = await recordsIn(log)
    const rounded = { type: 'insert', id: 'a', vector: Float32Array.of(0.1, -0, 1e-50) } as const
    assert.deepEqual(meaning(record!.entry), meaning(rounded))
  },

  async 'what has been handed over may be changed by its owner'(subject) {
    const log = await subject.open()
    const vector = Float32Array.of(1, 2)
    const metadata = { list: [1] }
    const data = Uint8Array.of(1, 2)
    const entries: EntryInput[] = [
      { type: 'insert', id: 'a', vector, metadata },
      { type: 'custom', kind: 'k', data },
    ]
    const given = [...entries, { type: 'batch', entries } as const].map(meaning)
    const appends = [...entries.map((entry) => log.submit(entry)), log.appendBatch(entries)]
    const expected = structuredClone(given)
    vector.fill(9)
    data.fill(9)
    metadata.list.push(9)
    entries.length = 0
    await Promise.all(appends)
    assert.deepEqual(
      (await recordsIn(log)).map(({ entry }) => meaning(entry)),
      expected,
    )
  },

  async 'a batch is one record with all its entries in their order, and takes effect as one'(subject) {
    const log = await subject.open()
    const entries = Array.from({ length: 300 }, (_, at) => insert(`${at}`))
    assert.equal(await log.appendBatch(entries), 0)
    assert.equal(
      await log.append({ type: 'batch', entries: [insert('a'), { type: 'batch', entries: [insert('b')] }] }),
      1,
    )
    assert.equal(await log.append(insert('c')), 2)
    assert.deepEqual(await effectsIn(log), [`[${entries.map(({ id }) => id).join(' ')}]`, '[a [b]]', 'c'])
    assert.deepEqual(
      (await unitsIn(log)).map(({ seq }) => seq),
      [0, 1, 2],
    )
  },

  async 'what can be refused at once is thrown by submit, and leaves nothing behind'(subject) {
    const log = await subject.open()
    await log.append(insert('before'))
    for (const [code, entry] of REFUSED) {
      assert.throws(
        () => void log.submit(entry).catch(() => {}),
        { code },
        `submit of ${JSON.stringify(entry)}`,
      )
      assert.equal(log.lastSeq, 0)
    }
    assert.equal(await log.append(insert('after')), 1)
    assert.deepEqual(await effectsIn(log), ['before', 'after'])
  },

  async 'drained resolves, whether something waits to be written or not'(subject) {
    const log = await subject.open()
    await log.drained()
    const appends = Array.from({ length: 20 }, (_, number) => log.append(insert(`${number}`)))
    await log.drained()
    await Promise.all(appends)
    const transaction = log.begin()
    transaction.insert('lazy', [1])
    await log.drained()
    await transaction.commit()
  },

  async 'append and appendBatch reject with what submit throws'(subject) {
    const log = await subject.open()
    for (const [code, entry] of REFUSED) {
      await assert.rejects(log.append(entry), { code }, `append of ${JSON.stringify(entry)}`)
      await assert.rejects(
        log.appendBatch([insert('a'), entry]),
        { code },
        `batch with ${JSON.stringify(entry)}`,
      )
    }
    await assert.rejects(log.appendBatch('none' as never), { code: 'WALV_INVALID_ENTRY' })
    assert.deepEqual(await recordsIn(log), [])
  },
}
