/**
 * The six tests of the original's log, against this one: same configuration, same appends, same
 * expectations.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, DurableIndex, flat, openWal, temporaryDirectory, Wal } from '../support/kit.ts'

test('creation: a new log has used no sequence number', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  assert.equal(wal.lastSeq, -1)
  assert.deepEqual(await collect(wal.read()), [])
})

test('append: the first insert has sequence number 0, and the next one follows', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  const seq = await wal.append({ type: 'insert', id: 'vec1', vector: [1, 2, 3] })
  assert.equal(seq, 0)
  assert.equal(wal.lastSeq, 0)
  assert.equal(await wal.append({ type: 'delete', id: 'vec1' }), 1)
})

test('recovery: five inserts come back with their timestamps, 1000 to 5000', async (t) => {
  const directory = await temporaryDirectory(t)
  let now = 0
  const writer = await Wal.open({ directory, clock: () => now })
  for (let number = 1; number <= 5; number++) {
    now = number * 1000
    await writer.append({ type: 'insert', id: `vec${number}`, vector: [number] })
  }
  await writer.flush()
  await writer.close()

  const wal = await openWal(t, { directory })
  const found = await collect(wal.read())
  assert.deepEqual(
    found.map(({ timestamp }) => timestamp),
    [1000, 2000, 3000, 4000, 5000],
  )
  assert.deepEqual(
    found.map(({ seq, entry }) => [seq, entry]),
    [1, 2, 3, 4, 5].map((number) => [
      number - 1,
      { type: 'insert', id: `vec${number}`, vector: Float32Array.of(number), metadata: null },
    ]),
  )
})

test('checkpoint: with an interval of 3, ten inserts take checkpoints by themselves', async (t) => {
  const directory = await temporaryDirectory(t)
  const options = { directory, checkpointIntervalEntries: 3 }
  const index = await DurableIndex.open({ ...options, index: flat({ dimensions: 1 }) })
  for (let number = 0; number < 10; number++) await index.insert(`vec${number}`, [number])
  await index.close()

  await using again = await DurableIndex.open({ ...options, index: flat({ dimensions: 1 }) })
  assert.ok(again.recovery.snapshotSeq! > 0, 'a checkpoint was taken')
  assert.deepEqual(
    [...again.ids()].toSorted(),
    Array.from({ length: 10 }, (_, number) => `vec${number}`),
  )
})

test('batch: two inserts are one record', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  const seq = await wal.appendBatch([
    { type: 'insert', id: 'vec1', vector: [1] },
    { type: 'insert', id: 'vec2', vector: [2] },
  ])
  assert.equal(seq, 0)
  const [record, ...others] = await collect(wal.read())
  assert.deepEqual(others, [])
  assert.deepEqual(record!.entry, {
    type: 'batch',
    entries: [
      { type: 'insert', id: 'vec1', vector: Float32Array.of(1), metadata: null },
      { type: 'insert', id: 'vec2', vector: Float32Array.of(2), metadata: null },
    ],
  })
})

test('transaction: begin, insert and commit are three records, and take effect as one', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const transaction = wal.begin()
  transaction.insert('vec1', [1])
  assert.equal(await transaction.commit(), 2)
  const found = await collect(wal.read())
  assert.deepEqual(
    found.map(({ entry, transactionId }) => [entry.type, transactionId]),
    [
      ['beginTransaction', 0],
      ['insert', 0],
      ['commitTransaction', 0],
    ],
  )
  const [unit, ...others] = await collect(wal.replay())
  assert.deepEqual(others, [])
  assert.deepEqual([unit!.seq, unit!.entries.length], [2, 1])
})
