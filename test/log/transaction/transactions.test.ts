import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { test } from 'node:test'
import {
  type BatchMember,
  collect,
  FailingDisk,
  idsIn,
  insert,
  insertOf,
  MAX_OPEN_TRANSACTIONS,
  names,
  openWal,
  refusal,
  temporaryDirectory,
  type Wal,
} from '../../support/kit.ts'

const SEGMENT = /segment-\d+\.walv$/

const idOf = (entry: BatchMember): string => ('id' in entry ? entry.id : entry.type)

/** What takes effect: the ids of each unit, in the order of the units. */
async function unitsIn(wal: Wal, options: Parameters<Wal['replay']>[0] = {}): Promise<string[][]> {
  return (await collect(wal.replay(options))).map(({ entries }) => entries.map(idOf))
}

test('interleaved transactions take effect whole, in the order of their commits, among single entries', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const [a, b, c] = [wal.begin(), wal.begin(), wal.begin()]
  a.insert('a1', [1])
  b.insert('b1', [1])
  await wal.append(insert('single-1'))
  a.update('a1', { metadata: 1 })
  c.insert('c1', [1])
  b.delete('b1')
  const commitB = await b.commit()
  a.upsert('a2', [1])
  await wal.append(insert('single-2'))
  await c.abort()
  const commitA = await a.commit()
  const expected = [['single-1'], ['b1', 'b1'], ['single-2'], ['a1', 'a1', 'a2']]
  assert.deepEqual(await unitsIn(wal), expected)
  const units = await collect(wal.replay())
  assert.deepEqual(
    units.map(({ seq, transactionId }) => [seq, transactionId]),
    [
      [5, undefined],
      [commitB, b.id],
      [commitB + 2, undefined],
      [commitA, a.id],
    ],
  )
  await wal.close()
  const again = await openWal(t, { directory })
  assert.deepEqual(await unitsIn(again), expected)
  const { committed, aborted, inDoubt } = again.recovery.transactions
  assert.deepEqual([committed, aborted, inDoubt], [2, 1, []])
})

test('transactions of more than 16 MiB, interleaved, take effect whole and in their order', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const [a, b] = [wal.begin(), wal.begin()]
  const count = 80
  for (let index = 0; index < count; index++) {
    a.append(insertOf(`a-${index}`, 250_000))
    b.append(insertOf(`b-${index}`, 250_000))
    if (index % 20 === 0) await wal.append(insert(`single-${index}`))
  }
  const small = wal.begin()
  small.insert('small', [1])
  await b.commit()
  await small.commit()
  await a.commit()
  await wal.close()
  const again = await openWal(t, { directory })
  const singles = [0, 20, 40, 60].map((index) => [`single-${index}`])
  assert.deepEqual(await unitsIn(again), [...singles, names('b', count), ['small'], names('a', count)])
  const { seq } = (await collect(again.replay()))[5]!
  assert.deepEqual(await unitsIn(again, { after: seq, from: 0 }), [names('a', count)])
})

test('only the end of a transaction is synced, and with one sync', async (t) => {
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory: await temporaryDirectory(t), disk })
  const counts = (): number[] => [disk.count('write', SEGMENT), disk.count('sync', SEGMENT)]
  const [writes, syncs] = counts()
  const transaction = wal.begin()
  for (const id of names('id', 100)) transaction.insert(id, [1, 2, 3])
  await new Promise(setImmediate)
  assert.deepEqual(counts(), [writes, syncs])
  await transaction.commit()
  assert.deepEqual(counts(), [writes! + 1, syncs! + 1])
})

test('a prepared transaction is in doubt after opening, as often as it is opened, until it is committed', async (t) => {
  const directory = await temporaryDirectory(t)
  const first = await openWal(t, { directory })
  const transaction = first.begin()
  transaction.insert('prepared', [1])
  await transaction.prepare()
  assert.equal(transaction.state, 'prepared')
  await first.append(insert('single'))
  await first.close()
  for (let time = 0; time < 2; time++) {
    const wal = await openWal(t, { directory })
    assert.deepEqual(wal.recovery.transactions.inDoubt, [transaction.id])
    assert.deepEqual(
      wal.inDoubt.map(({ id, state }) => [id, state]),
      [[transaction.id, 'prepared']],
    )
    assert.deepEqual(await unitsIn(wal), [['single']])
    await wal.close()
  }
  const wal = await openWal(t, { directory })
  const commit = await wal.inDoubt[0]!.commit()
  assert.deepEqual(wal.inDoubt, [])
  assert.deepEqual(await unitsIn(wal), [['single'], ['prepared']])
  assert.equal((await collect(wal.replay())).at(-1)!.seq, commit)
  await wal.close()
  const again = await openWal(t, { directory })
  assert.deepEqual(again.inDoubt, [])
  assert.deepEqual(await unitsIn(again), [['single'], ['prepared']])
})

test('a prepared transaction that is aborted after opening has no effect', async (t) => {
  const directory = await temporaryDirectory(t)
  const first = await openWal(t, { directory })
  const transaction = first.begin()
  transaction.insert('prepared', [1])
  await transaction.prepare()
  await first.close()
  const wal = await openWal(t, { directory })
  await wal.inDoubt[0]!.abort()
  await wal.close()
  const again = await openWal(t, { directory })
  assert.deepEqual([again.inDoubt, again.recovery.transactions.aborted], [[], 1])
  assert.deepEqual(await unitsIn(again), [])
})

test('what is prepared is durable: all of the transaction survives a kill right after', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const transaction = wal.begin()
  for (const id of names('id', 10)) transaction.insert(id, [1])
  await transaction.prepare()
  assert.equal(wal.durableSeq, wal.lastSeq)
  // A copy is what a killed process leaves behind.
  const copy = await temporaryDirectory(t)
  await cp(directory, copy, { recursive: true })
  const again = await openWal(t, { directory: copy })
  await again.inDoubt[0]!.commit()
  assert.deepEqual(await unitsIn(again), [names('id', 10)])
})

test('a transaction that was open when its process ended is aborted by the next open, in the log', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const transaction = wal.begin()
  transaction.insert('open', [1])
  await wal.append(insert('single'))
  await wal.close()
  for (let time = 0; time < 2; time++) {
    const again = await openWal(t, { directory })
    assert.deepEqual(await idsIn(again), ['beginTransaction', 'open', 'single', 'abortTransaction'])
    assert.deepEqual(await unitsIn(again), [['single']])
    assert.deepEqual(again.recovery.transactions, { committed: 0, aborted: 1, inDoubt: [] })
    await again.close()
  }
})

test('an entry that cannot be logged is refused at once, and the transaction goes on without it', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  const transaction = wal.begin()
  transaction.insert('good', [1])
  assert.throws(() => transaction.insert('', [1]), refusal('WALV_INVALID_ID'))
  assert.throws(() => transaction.insert('bad', ['x' as never]), refusal('WALV_INVALID_VECTOR'))
  assert.throws(
    () => transaction.append({ type: 'commitTransaction' } as never),
    refusal('WALV_INVALID_ENTRY'),
  )
  transaction.delete('good')
  await transaction.commit()
  assert.deepEqual(await unitsIn(wal), [['good', 'good']])
})

test('a transaction that has ended takes nothing more', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  const ended = refusal('WALV_TRANSACTION_ENDED', 'not-logged')
  const [committed, aborted, prepared] = [wal.begin(), wal.begin(), wal.begin()]
  await committed.commit()
  await aborted.abort()
  await prepared.prepare()
  for (const transaction of [committed, aborted]) {
    assert.throws(() => transaction.insert('a', [1]), ended)
    await assert.rejects(transaction.prepare(), ended)
    await assert.rejects(transaction.commit(), ended)
    await assert.rejects(transaction.abort(), ended)
  }
  assert.throws(() => prepared.insert('a', [1]), ended)
  await assert.rejects(prepared.prepare(), ended)
  assert.deepEqual([committed.state, aborted.state, prepared.state], ['committed', 'aborted', 'prepared'])
  assert.deepEqual((await idsIn(wal)).length, 6)
})

test('a commit that is called twice at once is done once', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  const transaction = wal.begin()
  transaction.insert('a', [1])
  const outcomes = await Promise.allSettled([transaction.commit(), transaction.commit(), transaction.abort()])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected'],
  )
  assert.deepEqual(await unitsIn(wal), [['a']])
})

test('more open transactions than the limit are refused, and one that ends makes room', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  const open = Array.from({ length: MAX_OPEN_TRANSACTIONS }, () => wal.begin())
  assert.throws(() => wal.begin(), refusal('WALV_LIMIT', 'not-logged'))
  assert.equal(wal.stats().openTransactions, MAX_OPEN_TRANSACTIONS)
  await open[7]!.abort()
  assert.equal(wal.begin().state, 'open')
})

test('a transaction whose records met a full disk cannot be committed, and leaves nothing behind', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  const transaction = wal.begin()
  transaction.insert('in-transaction', [1])
  disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC', written: 50 })
  await assert.rejects(wal.append(insert('refused')), refusal('WALV_DISK_FULL', 'not-logged'))
  assert.throws(() => transaction.insert('more', [1]), refusal('WALV_TRANSACTION_ENDED'))
  await assert.rejects(transaction.commit(), refusal('WALV_TRANSACTION_ENDED', 'not-logged'))
  await transaction.abort()
  assert.equal(wal.stats().openTransactions, 0)
  const next = wal.begin()
  next.insert('next', [1])
  await next.commit()
  await wal.close()
  const again = await openWal(t, { directory })
  assert.deepEqual(await unitsIn(again), [['next']])
  assert.deepEqual(again.recovery.transactions, { committed: 1, aborted: 0, inDoubt: [] })
})

test('a commit that met a full disk may be tried again, or the transaction aborted', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  const transactions = names('id', 2).map((id) => {
    const transaction = wal.begin()
    transaction.insert(id, [1])
    return transaction
  })
  await wal.flush()
  for (const transaction of transactions) {
    disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC' })
    await assert.rejects(transaction.commit(), refusal('WALV_DISK_FULL', 'not-logged'))
    assert.equal(transaction.state, 'open')
  }
  await transactions[0]!.commit()
  await transactions[1]!.abort()
  await wal.close()
  assert.deepEqual(await unitsIn(await openWal(t, { directory })), [['id-0']])
})

test('a replay from a checkpoint has what its transactions did after it, and nothing from before', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await wal.append(insert('before'))
  const [over, under] = [wal.begin(), wal.begin()]
  over.insert('begun-before', [1])
  under.insert('ended-before', [1])
  await under.commit()
  const checkpoint = await wal.checkpoint({ seq: wal.lastSeq, snapshot: async () => null })
  assert.equal(checkpoint.replayFrom, over.id)
  over.insert('added-after', [1])
  await over.commit()
  await wal.append(insert('after'))
  const after = checkpoint.sequenceNumber
  const expected = [['begun-before', 'added-after'], ['after']]
  assert.deepEqual(await unitsIn(wal, { after }), expected)
  await wal.close()
  assert.deepEqual(await unitsIn(await openWal(t, { directory }), { after }), expected)
})

test('a checkpoint at a place where a transaction was open that has ended since still replays it', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const transaction = wal.begin()
  transaction.insert('in-transaction', [1])
  const seq = await wal.append(insert('single'))
  await transaction.commit()
  const checkpoint = await wal.checkpoint({ seq, snapshot: async () => null })
  assert.equal(checkpoint.replayFrom, transaction.id)
  assert.deepEqual(await unitsIn(wal, { after: seq }), [['in-transaction']])
})
