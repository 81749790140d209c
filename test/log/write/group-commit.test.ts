import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  appendAll,
  collect,
  customOf,
  FailingDisk,
  idsIn,
  idsOf,
  insert,
  names,
  openWal,
  refusal,
  temporaryDirectory,
  until,
  Wal,
} from '../../support/kit.ts'

const SEGMENT = /segment-\d+\.walv$/

/** A new log, and functions that tell how often its segment was written and synced since. */
async function countedLog(
  t: TestContext,
  options: { durability?: 'os' | { intervalMs: number }; maxPendingBytes?: number } = {},
): Promise<{ wal: Wal; disk: FailingDisk; writes: () => number; syncs: () => number; directory: string }> {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk, ...options })
  const before = { writes: disk.count('write', SEGMENT), syncs: disk.count('sync', SEGMENT) }
  return {
    wal,
    disk,
    directory,
    writes: () => disk.count('write', SEGMENT) - before.writes,
    syncs: () => disk.count('sync', SEGMENT) - before.syncs,
  }
}

test('appends of one turn share a group: one write, one sync', async (t) => {
  const { wal, writes, syncs } = await countedLog(t)
  await appendAll(wal, names('id', 100))
  assert.deepEqual([writes(), syncs(), wal.stats().groups], [1, 1, 1])
})

test('a large group is on its way while the turn in which it is appended goes on', async (t) => {
  const { wal, writes } = await countedLog(t)
  await wal.append(customOf(4 * 1024 * 1024))
  await wal.append(customOf(8 * 1024))
  const before = writes()
  const small = wal.append(customOf(100 * 1024))
  assert.equal(writes(), before, 'a small one waits for others')
  const large = wal.append(customOf(200 * 1024))
  assert.equal(writes(), before + 1)
  await Promise.all([small, large])
})

test('what is appended while a group is synced shares the next one', async (t) => {
  const { wal, disk, writes, syncs } = await countedLog(t)
  const hold = disk.hold('sync', SEGMENT)
  const first = wal.append(insert('first'))
  await hold.reached
  const others = appendAll(wal, names('id', 50))
  await delay(20)
  const later = appendAll(wal, names('later', 50))
  hold.release()
  await Promise.all([first, others, later])
  assert.deepEqual([writes(), syncs()], [2, 2])
  assert.deepEqual(await idsIn(wal), ['first', ...names('id', 50), ...names('later', 50)])
})

test('appends that follow each other, each awaited, have a group each', async (t) => {
  const { wal, writes, syncs } = await countedLog(t)
  for (const id of names('id', 5)) await wal.append(insert(id))
  assert.deepEqual([writes(), syncs()], [5, 5])
})

test('appends resolve in the order of their sequence numbers, over many groups', async (t) => {
  const { wal } = await countedLog(t)
  const resolved: number[] = []
  const appends = Array.from({ length: 3000 }, async (_, index) => {
    if (index % 7 === 0) await new Promise(setImmediate)
    resolved.push(await wal.append({ type: 'custom', kind: 'k', data: new Uint8Array(index) }))
  })
  await Promise.all(appends)
  assert.ok(wal.stats().groups > 3)
  assert.deepEqual(
    resolved,
    Array.from({ length: 3000 }, (_, seq) => seq),
  )
})

test("at the level 'commit' nothing is acknowledged, readable or called durable before the sync has ended", async (t) => {
  const { wal, disk } = await countedLog(t)
  const hold = disk.hold('sync', SEGMENT)
  let acknowledged = false
  const append = wal.append(insert('id')).then(() => {
    acknowledged = true
  })
  await hold.reached
  await delay(20)
  assert.deepEqual([acknowledged, wal.durableSeq, wal.lastSeq], [false, -1, 0])
  assert.deepEqual(await idsIn(wal), [])
  hold.release()
  await append
  assert.equal(wal.durableSeq, 0)
  assert.deepEqual(await idsIn(wal), ['id'])
})

test("at the level 'os' an append is acknowledged and readable once it is written, and flush makes it durable", async (t) => {
  const { wal, writes, syncs } = await countedLog(t, { durability: 'os' })
  await appendAll(wal, names('id', 3))
  assert.deepEqual([writes(), syncs(), wal.durableSeq], [1, 0, -1])
  assert.deepEqual(await idsIn(wal), names('id', 3))
  await wal.flush()
  assert.deepEqual([syncs(), wal.durableSeq], [1, 2])
})

test('a flush that is asked for while an idle log writes its promise is answered', async (t) => {
  const { wal, disk } = await countedLog(t, { durability: 'os' })
  await wal.append(customOf(4 * 1024 * 1024))
  await wal.append(customOf(8 * 1024))
  const first = disk.hold('sync', SEGMENT)
  const flushed = wal.flush()
  await first.reached
  // It is written while what was there before is synced, and promises nothing of that.
  const large = wal.append(customOf(300 * 1024))
  first.release()
  await Promise.all([flushed, large])
  assert.deepEqual([wal.durableSeq, wal.lastSeq], [1, 2])
  const promise = disk.hold('sync', SEGMENT)
  await promise.reached
  const again = wal.flush()
  promise.release()
  await Promise.race([again, delay(2000).then(() => assert.fail('it was forgotten'))])
  assert.equal(wal.durableSeq, 2)
})

test("at the level 'os' closing syncs", async (t) => {
  const { wal, syncs, directory } = await countedLog(t, { durability: 'os' })
  await appendAll(wal, names('id', 3))
  await wal.close()
  assert.ok(syncs() >= 1)
  const again = await openWal(t, { directory })
  assert.deepEqual([again.recovery.closedInOrder, again.recovery.reproved], [true, 0])
})

test('at the level of an interval an append is acknowledged once it is written, and synced within the interval', async (t) => {
  const { wal, syncs } = await countedLog(t, { durability: { intervalMs: 300 } })
  await appendAll(wal, names('id', 3))
  assert.deepEqual([syncs(), wal.durableSeq], [0, -1])
  const started = performance.now()
  await until(() => wal.durableSeq === 2)
  assert.ok(performance.now() - started < 5000)
  assert.equal(syncs(), 1)
})

test('flush with nothing to sync does nothing, and flushes made at once share a sync', async (t) => {
  const { wal, syncs } = await countedLog(t, { durability: 'os' })
  await wal.flush()
  assert.equal(syncs(), 0)
  await wal.append(insert('id'))
  await Promise.all([wal.flush(), wal.flush(), wal.flush()])
  assert.equal(syncs(), 1)
})

test('flush waits for what was appended before it', async (t) => {
  const { wal, disk } = await countedLog(t)
  const hold = disk.hold('sync', SEGMENT)
  const append = wal.append(insert('id'))
  let flushed = false
  const flush = wal.flush().then(() => {
    flushed = true
  })
  await hold.reached
  await delay(20)
  assert.equal(flushed, false)
  hold.release()
  await Promise.all([append, flush])
  assert.equal(wal.durableSeq, 0)
})

test('an idle log writes down once that all of it is durable, so that damage to its last records can be told', async (t) => {
  const { wal, writes, syncs, directory } = await countedLog(t)
  await appendAll(wal, names('id', 3))
  await until(() => syncs() >= 2)
  await delay(300)
  assert.deepEqual([writes(), syncs()], [2, 2], 'once, not again and again')
  await using reader = await Wal.open({ directory, readOnly: true })
  assert.equal(reader.durableSeq, 2)
})

test('closing at the moment when an idle log writes that down is closing in order', async (t) => {
  for (const operation of ['write', 'sync'] as const) {
    const { wal, disk, directory } = await countedLog(t)
    await wal.append(insert('id'))
    const hold = disk.hold(operation, SEGMENT)
    const closing = wal.close()
    await hold.reached
    // The log would have been idle long enough.
    await delay(250)
    hold.release()
    await closing
    const again = await openWal(t, { directory })
    assert.equal(again.recovery.closedInOrder, true, operation)
  }
})

test('closing in the middle of that is closing in order too', async (t) => {
  for (const operation of ['write', 'sync'] as const) {
    const { wal, disk, directory } = await countedLog(t)
    await wal.append(insert('id'))
    const hold = disk.hold(operation, SEGMENT)
    await hold.reached
    const closing = wal.close()
    await delay(20)
    hold.release()
    await closing
    const again = await openWal(t, { directory })
    assert.equal(again.recovery.closedInOrder, true, operation)
  }
})

test('an append during that is in the log behind it', async (t) => {
  const { wal, disk, directory } = await countedLog(t)
  await wal.append(insert('first'))
  const hold = disk.hold('sync', SEGMENT)
  await hold.reached
  const append = wal.append(insert('second'))
  await delay(20)
  hold.release()
  assert.equal(await append, 1)
  await wal.close()
  assert.deepEqual(await idsOf(directory), ['first', 'second'])
})

test('closing waits for what was appended, and a closed log refuses everything but being closed', async (t) => {
  const { wal, directory } = await countedLog(t)
  const appends = appendAll(wal, names('id', 100))
  await wal.close()
  assert.equal((await appends).length, 100)
  await wal.close()
  await assert.rejects(wal.append(insert('late')), refusal('WALV_CLOSED', 'not-logged'))
  await assert.rejects(wal.appendBatch([insert('late')]), refusal('WALV_CLOSED'))
  await assert.rejects(wal.flush(), refusal('WALV_CLOSED'))
  await assert.rejects(wal.checkpoint({ seq: 0, snapshot: async () => null }), refusal('WALV_CLOSED'))
  assert.throws(() => wal.begin(), refusal('WALV_CLOSED'))
  assert.throws(() => wal.read(), refusal('WALV_CLOSED'))
  assert.deepEqual(await idsOf(directory), names('id', 100))
})

test('`await using` closes', async (t) => {
  const directory = await temporaryDirectory(t)
  {
    await using wal = await Wal.open({ directory })
    await wal.append(insert('id'))
  }
  const again = await openWal(t, { directory })
  assert.equal(again.recovery.closedInOrder, true)
})

test('beyond maxPendingBytes an append is refused and not logged, until what waits is on disk', async (t) => {
  const { wal, disk } = await countedLog(t, { maxPendingBytes: 10_000 })
  const hold = disk.hold('sync', SEGMENT)
  const data = new Uint8Array(3000)
  const accepted = [1, 2, 3].map(() => wal.append({ type: 'custom', kind: 'k', data }))
  await assert.rejects(
    wal.append({ type: 'custom', kind: 'k', data }),
    refusal('WALV_BACKPRESSURE', 'not-logged'),
  )
  assert.ok(wal.stats().pendingBytes > 9000 && wal.stats().pendingBytes <= 10_000)
  const small = wal.append(insert('small'))
  hold.release()
  await Promise.all([...accepted, small])
  assert.equal(wal.stats().pendingBytes, 0)
  assert.equal(await wal.append({ type: 'custom', kind: 'k', data }), 4)
  assert.equal((await collect(wal.read())).length, 5)
})

test('a record larger than maxPendingBytes is taken when nothing waits', async (t) => {
  const { wal } = await countedLog(t, { maxPendingBytes: 1024 })
  assert.equal(await wal.append({ type: 'custom', kind: 'k', data: new Uint8Array(100_000) }), 0)
})

test('a write that is short is continued', async (t) => {
  const { wal, disk, directory } = await countedLog(t)
  disk.fail({ operation: 'write', path: SEGMENT, written: 17, times: 3 })
  await appendAll(wal, names('id', 5))
  await wal.close()
  assert.deepEqual(await idsOf(directory), names('id', 5))
})

test('the figures are those of what was done', async (t) => {
  const { wal, writes, syncs } = await countedLog(t)
  await appendAll(wal, names('id', 10))
  await wal.append(insert('one-more'))
  const transaction = wal.begin()
  const stats = wal.stats()
  assert.deepEqual(
    { ...stats, lastSyncMs: 0, medianSyncMs: 0 },
    {
      firstSeq: 0,
      lastSeq: 11,
      durableSeq: 10,
      segments: 1,
      bytes: 262_144,
      pendingBytes: 48,
      groups: 2,
      syncs: 2,
      bytesWritten: 11 * 72,
      rotations: 0,
      lastSyncMs: 0,
      medianSyncMs: 0,
      openTransactions: 1,
      checkpoints: 0,
      lastCheckpointAt: undefined,
      checkpointAgeMs: undefined,
      cursorHeldBytes: 0,
      poisoned: false,
      upkeepFailures: 0,
      lastUpkeepError: undefined,
    },
  )
  assert.ok(stats.lastSyncMs > 0)
  assert.ok(stats.medianSyncMs! >= stats.lastSyncMs, 'of two, the larger')
  assert.deepEqual([writes(), syncs()], [2, 2])
  await transaction.abort()
})
