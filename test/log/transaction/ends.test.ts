/** Transactions end, and hold nothing, whatever is refused to them. */
import '../../support/steerable-time.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  collect,
  customOf,
  failingLog,
  type HealthCheck,
  insert,
  openOn,
  refusal,
  settled,
  type Wal,
} from '../../support/kit.ts'

const SEGMENT = /segment-\d+\.walv$/
const HOUR_MS = 3_600_000

/** Where the next opening has to begin to read, by a checkpoint at the end of the log. */
async function replayFromEnd(wal: Wal): Promise<number> {
  const seq = await wal.append(insert('last'))
  const { replayFrom } = await wal.checkpoint({ seq, snapshot: async () => null })
  return replayFrom - seq
}

test('a transaction whose abort a full disk refuses has ended: it keeps neither its place nor the log', async () => {
  const { wal, disk, below } = await failingLog()
  const transaction = wal.begin()
  transaction.insert('a', [1])
  await wal.flush()
  disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC', times: 99 })
  await assert.rejects(transaction.commit(), refusal('WALV_DISK_FULL', 'not-logged'))
  await transaction.abort()
  assert.deepEqual([transaction.state, wal.stats().openTransactions], ['aborted', 0])
  disk.heal()
  assert.equal(await replayFromEnd(wal), 1)
  await wal.append(insert('behind'))
  const again = await openOn(below.kill())
  assert.deepEqual(again.recovery.damage, [])
  const units = await collect(again.replay({ from: 0 }))
  assert.deepEqual(
    units.flatMap(({ entries }) => entries.map((entry) => 'id' in entry && entry.id)),
    ['last', 'behind'],
  )
  await Promise.all([again.close(), wal.close()])
})

test('a transaction that lost a record to a full disk keeps neither its place nor the log, whether or not it is aborted', async () => {
  const { wal, disk } = await failingLog()
  const transaction = wal.begin()
  await wal.flush()
  transaction.insert('a', [1])
  disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC' })
  await assert.rejects(transaction.commit(), refusal('WALV_DISK_FULL', 'not-logged'))
  assert.deepEqual([transaction.state, wal.stats().openTransactions], ['failed', 0])
  assert.equal(await replayFromEnd(wal), 1)
  await wal.close()
})

for (const end of ['commit', 'abort', 'prepare'] as const) {
  test(`a full buffer does not refuse the ${end} of a transaction`, async () => {
    const { wal, disk } = await failingLog({ maxPendingBytes: 1024 })
    const transaction = wal.begin()
    transaction.insert('a', [1])
    await wal.flush()
    const write = disk.hold('write', SEGMENT)
    const waiting = wal.append(customOf(2000))
    await write.reached
    await assert.rejects(wal.append(insert('b')), refusal('WALV_BACKPRESSURE', 'not-logged'))
    const ending = transaction[end]()
    write.release()
    await Promise.all([waiting, ending])
    assert.deepEqual(
      (await collect(wal.read({ from: 3 }))).map(({ entry, transactionId }) => [entry.type, transactionId]),
      [[`${end}Transaction`, transaction.id]],
    )
    await wal.close()
  })
}

test('a full buffer does not refuse the record of a checkpoint', async () => {
  const { wal, disk } = await failingLog({ maxPendingBytes: 1024 })
  const seq = await wal.append(insert('a'))
  let write = disk.hold('rename', /never/)
  const taking = wal.checkpoint({
    seq,
    snapshot: async () => {
      write = disk.hold('write', SEGMENT)
      wal.append(customOf(2000)).catch(() => {})
      return null
    },
  })
  await settled()
  await assert.rejects(wal.append(insert('b')), refusal('WALV_BACKPRESSURE', 'not-logged'))
  write.release()
  assert.equal((await taking).sequenceNumber, seq)
  await wal.close()
})

test('entries of an open transaction that fill the buffer do not stay there: what was refused is taken soon after', async () => {
  const { wal } = await failingLog({ maxPendingBytes: 1024 })
  const transaction = wal.begin()
  transaction.append(customOf(300))
  await settled()
  assert.ok(wal.stats().pendingBytes > 300)
  await assert.rejects(wal.append(customOf(700)), refusal('WALV_BACKPRESSURE', 'not-logged'))
  await settled()
  assert.equal(wal.stats().pendingBytes, 0)
  await wal.append(customOf(700))
  await transaction.commit()
  await wal.close()
})

test('a transaction of any size is written as it comes: with half the buffer full nothing waits for the other half', async () => {
  const { wal } = await failingLog({ maxPendingBytes: 4096 })
  const transaction = wal.begin()
  for (let count = 0; count < 50; count++) {
    transaction.append(customOf(1000))
    await settled()
  }
  await transaction.commit()
  assert.equal((await collect(wal.replay()))[0]?.entries.length, 50)
  await wal.close()
})

test('entries of an open transaction are written once the log is idle, also where it was before', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { wal } = await failingLog()
  await wal.append(insert('a'))
  t.mock.timers.tick(100)
  await settled()
  const transaction = wal.begin()
  transaction.insert('b', [1])
  t.mock.timers.tick(99)
  await settled()
  assert.equal(wal.durableSeq, 0)
  t.mock.timers.tick(1)
  await settled()
  assert.deepEqual([wal.durableSeq, wal.stats().pendingBytes], [2, 0])
  await wal.close()
})

test('health tells of the oldest transaction that has not ended', async () => {
  let now = 0
  const { wal, below } = await failingLog({ clock: () => now })
  const check = async (of: Wal): Promise<HealthCheck> =>
    (await of.health()).checks.find(({ name }) => name === 'open-transactions')!
  assert.deepEqual(await check(wal), {
    name: 'open-transactions',
    level: 'ok',
    message: 'No transaction is open.',
    value: null,
    unit: 'ms',
  })
  const first = wal.begin()
  now += HOUR_MS
  const second = wal.begin()
  second.insert('a', [1])
  assert.deepEqual([(await check(wal)).level, (await check(wal)).value], ['ok', HOUR_MS])
  now++
  const { level, message } = await check(wal)
  assert.equal(level, 'warn')
  assert.match(
    message,
    /^Transaction 0, the oldest of 2 that have not ended, is open for 1\.0 h\. The log is kept/,
  )
  await first.abort()
  assert.deepEqual([(await check(wal)).level, (await check(wal)).value], ['ok', 1])
  await second.prepare()
  now += 25 * HOUR_MS
  assert.equal((await check(wal)).level, 'fail')
  await wal.close()
  const again = await openOn(below, { clock: () => now })
  now += HOUR_MS + 1
  assert.match(
    (await check(again)).message,
    /the oldest of 1 that have not ended, is prepared for 1\.0 h\..*inDoubt/,
  )
  await again.close()
})
