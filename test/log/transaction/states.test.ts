import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bits } from '../../support/entries.ts'
import {
  collect,
  customOf,
  failingLog,
  insert,
  MAX_OPEN_TRANSACTIONS,
  openOn,
  refusal,
  type Transaction,
  type Wal,
  type WalError,
} from '../../support/kit.ts'

const STATES = ['open', 'prepared', 'committed', 'aborted'] as const

/** A transaction with one entry, brought into a state. */
async function transactionIn(wal: Wal, state: (typeof STATES)[number]): Promise<Transaction> {
  const transaction = wal.begin()
  transaction.insert('a', [1])
  if (state === 'prepared') await transaction.prepare()
  if (state === 'committed') await transaction.commit()
  if (state === 'aborted') await transaction.abort()
  return transaction
}

const ended = (id: number, why: string) => (error: WalError) => {
  assert.equal(error.message, `Transaction ${id} takes no more of this: ${why}. Nothing was logged.`)
  return refusal('WALV_TRANSACTION_ENDED', 'not-logged')(error)
}

for (const state of STATES) {
  test(`what a transaction that is ${state} may still do, and what it says to the rest`, async () => {
    const { wal } = await failingLog()
    const may: readonly string[] = {
      open: ['append', 'prepare', 'commit', 'abort'],
      prepared: ['commit', 'abort'],
      committed: [],
      aborted: [],
    }[state]
    const work = {
      append: async (transaction: Transaction) => transaction.delete('b'),
      prepare: (transaction: Transaction) => transaction.prepare(),
      commit: (transaction: Transaction) => transaction.commit(),
      abort: (transaction: Transaction) => transaction.abort(),
    }
    for (const [name, act] of Object.entries(work)) {
      const transaction = await transactionIn(wal, state)
      assert.equal(transaction.state, state)
      const last = wal.lastSeq
      if (may.includes(name)) {
        await act(transaction)
        assert.equal(wal.lastSeq, last + 1)
      } else {
        await assert.rejects(act(transaction), ended(transaction.id, `it is ${state}`))
        assert.equal(wal.lastSeq, last)
        assert.equal(transaction.state, state)
      }
    }
    await wal.close()
  })
}

test('a transaction logs what it is told, with its id, between its begin and its end', async () => {
  const { wal } = await failingLog()
  await wal.append(insert('before'))
  const transaction = wal.begin()
  assert.equal(transaction.id, 1)
  transaction.insert('a', [1, 2], { n: 1 })
  transaction.insert('b', [3])
  transaction.upsert('a', [4], 'text')
  transaction.upsert('b', [5])
  transaction.update('a', { vector: [6] })
  transaction.update('a', { metadata: null })
  transaction.delete('a')
  transaction.append(customOf(1))
  await transaction.prepare()
  assert.equal(await transaction.commit(), 11)
  const found = await collect(wal.read({ from: 1 }))
  const vector = (...values: number[]): Float32Array => Float32Array.from(values)
  assert.deepEqual(
    found.map(({ entry }) => bits(entry)),
    [
      { type: 'beginTransaction' } as const,
      { type: 'insert', id: 'a', vector: vector(1, 2), metadata: { n: 1 } } as const,
      { type: 'insert', id: 'b', vector: vector(3) } as const,
      { type: 'insert', id: 'a', vector: vector(4), metadata: 'text', replace: true } as const,
      { type: 'insert', id: 'b', vector: vector(5), replace: true } as const,
      { type: 'update', id: 'a', vector: vector(6) } as const,
      { type: 'update', id: 'a', metadata: null } as const,
      { type: 'delete', id: 'a' } as const,
      customOf(1),
      { type: 'prepareTransaction' } as const,
      { type: 'commitTransaction' } as const,
    ].map(bits),
  )
  assert.ok(found.every(({ transactionId }) => transactionId === 1))
  await wal.close()
})

test('the open ones are counted from begin to end, prepared ones too', async () => {
  const { wal } = await failingLog()
  const open = [wal.begin(), wal.begin(), wal.begin()]
  assert.equal(wal.stats().openTransactions, 3)
  await open[0]!.commit()
  assert.equal(wal.stats().openTransactions, 2)
  await open[1]!.prepare()
  assert.equal(wal.stats().openTransactions, 2)
  assert.deepEqual(
    wal.inDoubt.map(({ id }) => id),
    [1],
    'what is prepared waits for a decision',
  )
  await open[1]!.abort()
  assert.deepEqual([wal.stats().openTransactions, wal.inDoubt], [1, []])
  await wal.close()
})

test('one transaction more than the limit is refused, and the refusal says what to do', async () => {
  const { wal } = await failingLog()
  for (let count = 0; count < MAX_OPEN_TRANSACTIONS; count++) wal.begin()
  const last = wal.lastSeq
  assert.throws(
    () => wal.begin(),
    (error: WalError) => {
      assert.equal(
        error.message,
        `${MAX_OPEN_TRANSACTIONS} transactions are open already. Commit or abort some. Nothing was logged.`,
      )
      return refusal('WALV_LIMIT', 'not-logged')(error)
    },
  )
  assert.equal(wal.lastSeq, last)
  await wal.close()
})

test('a marker that the full disk refused leaves the transaction as it was, to be ended again', async () => {
  for (const [state, work] of [
    ['open', 'prepare'],
    ['open', 'commit'],
    ['prepared', 'commit'],
    ['prepared', 'abort'],
  ] as const) {
    const { wal, disk } = await failingLog()
    const transaction = await transactionIn(wal, state)
    await wal.flush()
    disk.fail({ operation: 'write', code: 'ENOSPC' })
    await assert.rejects(transaction[work](), refusal('WALV_DISK_FULL', 'not-logged'))
    assert.equal(transaction.state, state)
    // What is refused behind the marker that was not logged has nothing to do with the transaction.
    disk.fail({ operation: 'write', code: 'ENOSPC' })
    await assert.rejects(wal.append(insert('other')), refusal('WALV_DISK_FULL'))
    assert.equal(transaction.state, state)
    await transaction[work]()
    assert.equal(wal.stats().openTransactions, work === 'prepare' ? 1 : 0)
    await wal.close()
  }
})

test('a transaction is failed once one of its records was refused, and says what to do', async () => {
  const { wal, disk } = await failingLog()
  const transaction = wal.begin()
  transaction.insert('a', [1])
  await wal.flush()
  transaction.insert('b', [1])
  disk.fail({ operation: 'write', code: 'ENOSPC' })
  await assert.rejects(wal.append(insert('other')), refusal('WALV_DISK_FULL'))
  assert.equal(transaction.state, 'failed')
  const why = 'one of its records was refused by the disk; abort it and begin again'
  assert.throws(() => transaction.insert('c', [1]), ended(0, why))
  await assert.rejects(transaction.prepare(), ended(0, why))
  await assert.rejects(transaction.commit(), ended(0, why))
  assert.equal(wal.stats().openTransactions, 0, 'it can never commit')
  const last = wal.lastSeq
  await transaction.abort()
  assert.deepEqual([wal.stats().openTransactions, wal.lastSeq], [0, last])
  await wal.close()
})

test('a transaction whose begin was refused is gone; others are untouched', async () => {
  const { wal, disk } = await failingLog()
  const first = wal.begin()
  first.insert('a', [1])
  await wal.flush()
  const second = wal.begin()
  second.insert('b', [1])
  disk.fail({ operation: 'write', code: 'ENOSPC' })
  await assert.rejects(wal.append(insert('other')), refusal('WALV_DISK_FULL'))
  assert.deepEqual([first.state, second.state, wal.stats().openTransactions], ['open', 'failed', 1])
  await first.commit()
  assert.equal(first.state, 'committed')
  await wal.close()
})

for (const end of ['commit', 'prepare'] as const) {
  test(`a transaction whose entries were refused together with its ${end} is failed, and is not ended by another ${end}`, async () => {
    for (const begun of [false, true]) {
      const { wal, disk } = await failingLog()
      const transaction = wal.begin()
      if (begun) await wal.flush()
      transaction.insert('a', [1])
      disk.fail({ operation: 'write', code: 'ENOSPC' })
      await assert.rejects(transaction[end](), refusal('WALV_DISK_FULL', 'not-logged'))
      assert.equal(transaction.state, 'failed')
      await assert.rejects(transaction.commit(), refusal('WALV_TRANSACTION_ENDED', 'not-logged'))
      assert.deepEqual([wal.lastSeq, wal.stats().openTransactions], begun ? [0, 0] : [-1, 0])
      await transaction.abort()
      assert.deepEqual([wal.lastSeq, wal.stats().openTransactions], begun ? [0, 0] : [-1, 0])
      await wal.close()
    }
  })
}

test('aborting a transaction whose begin was refused does not touch another that has its number now', async () => {
  const { wal, disk } = await failingLog()
  const first = wal.begin()
  first.insert('a', [1])
  disk.fail({ operation: 'write', code: 'ENOSPC' })
  await assert.rejects(wal.append(insert('other')), refusal('WALV_DISK_FULL'))
  const second = wal.begin()
  assert.equal(second.id, first.id)
  second.insert('b', [1])
  await first.abort()
  assert.equal(wal.stats().openTransactions, 1)
  const seq = await wal.append(insert('behind'))
  const { replayFrom } = await wal.checkpoint({ seq, snapshot: async () => null })
  assert.equal(replayFrom, second.id)
  await second.commit()
  const units = await collect(wal.replay({ after: seq }))
  assert.deepEqual(
    units.map(({ entries }) => entries.length),
    [1],
  )
  await wal.close()
})

test('what a disk refuses later does not touch a transaction that has ended', async () => {
  const { wal, disk } = await failingLog()
  const [committed, aborted] = [await transactionIn(wal, 'committed'), await transactionIn(wal, 'aborted')]
  disk.fail({ operation: 'write', code: 'ENOSPC' })
  await assert.rejects(wal.append(insert('other')), refusal('WALV_DISK_FULL'))
  assert.deepEqual([committed.state, aborted.state], ['committed', 'aborted'])
  await wal.close()
})

test('a commit whose fate is unknown fails the transaction', async () => {
  const { wal, disk } = await failingLog()
  const transaction = await transactionIn(wal, 'open')
  disk.fail({ operation: 'sync', code: 'EIO' })
  await assert.rejects(transaction.commit(), refusal('WALV_IO', 'unknown'))
  assert.equal(transaction.state, 'failed')
  await wal.close()
})

test('a replay on top of a snapshot begins with the oldest transaction that was open there, and else behind it', async () => {
  const { wal } = await failingLog()
  const at = async (seq: number): Promise<number> =>
    (await wal.checkpoint({ seq, snapshot: async () => null })).replayFrom
  await wal.append(insert('0'))
  assert.equal(await at(0), 1)
  const [a, b] = [wal.begin(), wal.begin()]
  const between = await wal.append(insert('between'))
  await a.commit()
  const behind = await wal.append(insert('behind'))
  const later = wal.begin()
  const last = await wal.append(insert('last'))
  assert.equal(await at(between), a.id, 'it has ended since, but not there')
  assert.equal(await at(behind), b.id)
  await b.abort()
  assert.equal(await at(last), later.id, 'what was aborted has no effect: nothing of it is replayed')
  assert.equal(await at(wal.lastSeq), later.id)
  await later.commit()
  assert.equal(await at(wal.lastSeq), wal.lastSeq)
  await wal.close()
})

test('however many transactions have ended, a replay begins early enough', async () => {
  const { wal } = await failingLog()
  const [early, late] = [wal.begin(), wal.begin()]
  await early.commit()
  const seq = await wal.append(insert('here'))
  await late.commit()
  for (let round = 0; round < 4; round++) {
    const others = Array.from({ length: 300 }, () => wal.begin())
    await Promise.all(others.map((transaction) => transaction.commit()))
  }
  const { replayFrom } = await wal.checkpoint({ seq, snapshot: async () => null })
  assert.equal(replayFrom, early.id, 'the oldest are taken together: that is earlier than needed')
  const units = await collect(wal.replay({ after: seq, from: replayFrom }))
  assert.equal(units[0]!.transactionId, late.id)
  await wal.close()
})

test('a transaction of a closed log takes nothing more, and says so', async () => {
  const { wal } = await failingLog()
  const transaction = wal.begin()
  await wal.close()
  const closed = (error: WalError): boolean => {
    assert.equal(error.message, 'The log in /data/log is closed. Open it again. Nothing was logged.')
    return refusal('WALV_CLOSED', 'not-logged')(error)
  }
  assert.throws(() => transaction.delete('a'), closed)
  await assert.rejects(transaction.commit(), closed)
  await assert.rejects(transaction.prepare(), closed)
  await transaction.abort()
  assert.equal(transaction.state, 'aborted')
})

test('transactions in doubt are found again by opening, and can be ended, each in its way', async () => {
  const { wal, below } = await failingLog()
  const [first, second, third] = [wal.begin(), wal.begin(), wal.begin()]
  for (const transaction of [first, second, third]) {
    transaction.insert(`of-${transaction.id}`, [1])
    await transaction.prepare()
  }
  await wal.close()
  const again = await openOn(below)
  assert.deepEqual(
    again.inDoubt.map(({ id, state }) => [id, state]),
    [first, second, third].map(({ id }) => [id, 'prepared']),
  )
  assert.equal(again.stats().openTransactions, 3)
  assert.deepEqual(again.recovery.transactions, { committed: 0, aborted: 0, inDoubt: [0, 1, 2] })
  const [one, two] = again.inDoubt
  assert.throws(() => one!.delete('x'), ended(0, 'it is prepared'))
  await one!.commit()
  await two!.abort()
  await again.close()
  const reader = await openOn(below, { readOnly: true })
  assert.deepEqual(reader.recovery.transactions, { committed: 1, aborted: 1, inDoubt: [2] })
  assert.deepEqual([reader.inDoubt, reader.stats().openTransactions], [[], 1], 'a reader can end none')
  const units = await collect(reader.replay())
  assert.deepEqual(
    units.map(({ transactionId, entries }) => [transactionId, entries.length]),
    [[0, 1]],
  )
})
