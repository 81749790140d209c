/** What happens at a steady load, where something always waits to be written. */
import '../../support/steerable-time.ts'
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  customOf,
  type Durability,
  type FailingDisk,
  failingLog,
  idsIn,
  insert,
  isSettled,
  openOn,
  refusal,
  settled,
  type Wal,
  type WalError,
} from '../../support/kit.ts'

const SEGMENT = /segment-\d+\.walv$/
const CALLERS = 4
const LEVELS = ['commit', 'os', { intervalMs: 1000 }] as const satisfies readonly Durability[]

interface Load {
  /** How many appends were acknowledged. */
  count(): number
  /** Lets those that were begun come to their end. */
  stop(): Promise<void>
}

/**
 * Callers that append one record after another, each as soon as the one before is acknowledged, as
 * long as the test runs.
 */
function loadOn(t: TestContext, wal: Wal): Load {
  let stopped = false
  let count = 0
  const caller = async (): Promise<void> => {
    for (; !stopped; count++) await wal.append(insert('id', [count]))
  }
  const callers = Promise.all(Array.from({ length: CALLERS }, caller))
  // Whoever stops it is told.
  callers.catch(() => {})
  const stop = async (): Promise<void> => {
    stopped = true
    await callers
  }
  t.after(() => {
    stopped = true
  })
  return { count: () => count, stop }
}

/**
 * A log with a record that is durable, one that is not, and no frame that says so of the first: it
 * would, once it is idle.
 */
async function logBehind(): Promise<{ wal: Wal; disk: FailingDisk }> {
  const { wal, disk } = await failingLog({ durability: 'os' })
  await wal.append(insert('a'))
  const sync = disk.hold('sync', SEGMENT)
  const flush = wal.flush()
  await sync.reached
  await wal.append(insert('b'))
  sync.release()
  await flush
  await settled()
  return { wal, disk }
}

const mockTimers = (t: TestContext): void => t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })

test('under a steady load the level of an interval syncs at every interval what was acknowledged before it', async (t) => {
  mockTimers(t)
  const { wal } = await failingLog({ durability: { intervalMs: 50 } })
  const load = loadOn(t, wal)
  for (let interval = 1; interval <= 10; interval++) {
    await settled()
    const acknowledged = load.count() - 1
    t.mock.timers.tick(50)
    await settled()
    assert.ok(wal.durableSeq >= acknowledged, `interval ${interval}: ${wal.durableSeq} < ${acknowledged}`)
    assert.equal(wal.stats().syncs, interval)
  }
  await load.stop()
  await wal.close()
})

test('a sync that takes longer than the interval is followed by another at once', async (t) => {
  mockTimers(t)
  const { wal, disk } = await failingLog({ durability: { intervalMs: 50 } })
  const load = loadOn(t, wal)
  await settled()
  const sync = disk.hold('sync', SEGMENT)
  t.mock.timers.tick(50)
  await sync.reached
  await settled()
  const acknowledged = load.count() - 1
  t.mock.timers.tick(200)
  sync.release()
  await settled()
  assert.ok(wal.durableSeq >= acknowledged)
  assert.equal(disk.count('sync', SEGMENT), 2, 'one for all the intervals that went by')
  await load.stop()
  await wal.close()
})

for (const durability of LEVELS) {
  test(`a flush under a steady load is answered after the sync under way and one more, at the level ${JSON.stringify(durability)}`, async (t) => {
    const { wal, disk } = await failingLog({ durability: durability })
    const load = loadOn(t, wal)
    await settled()
    const sync = disk.hold('sync', SEGMENT)
    const first = wal.flush()
    await sync.reached
    const wanted = wal.lastSeq
    const second = wal.flush()
    const syncs = disk.count('sync', SEGMENT)
    const next = disk.hold('sync', SEGMENT)
    sync.release()
    await next.reached
    const reached = disk.count('sync', SEGMENT)
    next.release()
    assert.ok(await isSettled(second), 'it waits for ever')
    await first
    assert.ok(wal.durableSeq >= wanted)
    assert.equal(reached, syncs + 1)
    await load.stop()
    await wal.close()
  })

  test(`closing under a steady load ends, at the level ${JSON.stringify(durability)}`, async (t) => {
    const { wal, below } = await failingLog({ durability: durability })
    const load = loadOn(t, wal)
    await settled()
    const closing = wal.close()
    assert.ok(await isSettled(closing), 'it waits for ever')
    await assert.rejects(load.stop(), refusal('WALV_CLOSED', 'not-logged'))
    const again = await openOn(below)
    assert.equal(again.lastSeq, load.count() - 1)
    assert.equal(again.recovery.closedInOrder, true)
    await again.close()
  })
}

test('a checkpoint does not wait for a steady load to end', async (t) => {
  const { wal } = await failingLog({ durability: 'os' })
  const load = loadOn(t, wal)
  await settled()
  const seq = load.count() - 1
  assert.ok(await isSettled(wal.checkpoint({ seq, snapshot: async () => null })), 'it waits for ever')
  assert.equal(wal.lastCheckpoint?.sequenceNumber, seq)
  await load.stop()
  await wal.close()
})

test('flushes that are asked for all the time do not put each other off', async (t) => {
  const { wal, disk } = await failingLog({ durability: 'os' })
  const load = loadOn(t, wal)
  const waits: number[] = []
  const waiting = Array.from({ length: 200 }, async () => {
    const before = disk.count('sync', SEGMENT)
    await wal.flush()
    waits.push(disk.count('sync', SEGMENT) - before)
  })
  for (let round = 0; round < 100; round++) {
    await new Promise(setImmediate)
    const before = disk.count('sync', SEGMENT)
    waiting.push(wal.flush().then(() => void waits.push(disk.count('sync', SEGMENT) - before)))
  }
  assert.ok(await isSettled(Promise.all(waiting)), 'they wait for ever')
  assert.equal(waits.length, 300)
  assert.ok(Math.max(...waits) <= 2, `one waited for ${Math.max(...waits)} syncs`)
  await load.stop()
  await wal.close()
})

test('at the level os an append does not wait for a sync that is under way', async () => {
  const { wal, disk } = await failingLog({ durability: 'os' })
  await wal.append(insert('a'))
  const sync = disk.hold('sync', SEGMENT)
  const flush = wal.flush()
  await sync.reached
  for (const id of ['b', 'c', 'd']) assert.ok(await isSettled(wal.append(insert(id))), `${id} waits`)
  assert.deepEqual([wal.durableSeq, await idsIn(wal)], [-1, ['a', 'b', 'c', 'd']])
  sync.release()
  await flush
  assert.equal(wal.durableSeq, 0, 'what was written meanwhile is not durable by that')
  await wal.close()
})

test('at the level os an append does not wait for the sync of what an idle log writes down', async (t) => {
  mockTimers(t)
  const { wal, disk } = await failingLog({ durability: 'os' })
  await wal.append(insert('a'))
  await wal.flush()
  const sync = disk.hold('sync', SEGMENT)
  t.mock.timers.tick(100)
  await sync.reached
  assert.ok(await isSettled(wal.append(insert('b'))), 'it waits')
  sync.release()
  await wal.close()
})

test('a flush does not wait for what is appended after it', async () => {
  const { wal, disk } = await failingLog({ durability: 'os' })
  const write = disk.hold('write', SEGMENT)
  const first = wal.append(insert('a'))
  const flush = wal.flush()
  await write.reached
  const second = wal.append(insert('b'))
  const later = wal.flush()
  const next = disk.hold('write', SEGMENT)
  write.release()
  await next.reached
  assert.deepEqual([await isSettled(flush), await isSettled(later), wal.durableSeq], [true, false, 0])
  next.release()
  await Promise.all([first, second, later])
  assert.equal(wal.durableSeq, 1)
  await wal.close()
})

test('an idle log writes nothing down while a sync is under way, and closing waits for the last sync', async (t) => {
  mockTimers(t)
  const { wal, disk } = await logBehind()
  const sync = disk.hold('sync', SEGMENT)
  const flush = wal.flush()
  await sync.reached
  const { length } = disk.calls
  t.mock.timers.tick(1000)
  await settled()
  assert.deepEqual(disk.calls.slice(length), [])
  sync.release()
  await flush
  const last = disk.hold('sync', SEGMENT)
  const closing = wal.close()
  await last.reached
  assert.equal(await isSettled(closing), false)
  last.release()
  await closing
})

test('a flush behind the end of a segment waits for the segment after it', async () => {
  const { wal, disk } = await failingLog({ durability: 'os' })
  await wal.append(insert('a'))
  const sync = disk.hold('sync', SEGMENT)
  const first = wal.flush()
  await sync.reached
  const rotating = wal.append(customOf(400 * 1024))
  const second = wal.flush()
  assert.equal(await isSettled(rotating), false, 'a segment is begun only when the one before is durable')
  assert.equal(disk.count('sync', SEGMENT), 1, 'one sync at a time')
  sync.release()
  await Promise.all([first, rotating])
  assert.ok(await isSettled(second))
  assert.deepEqual([wal.durableSeq, wal.stats().rotations], [1, 1])
  await wal.close()
})

test('at the level os a sync that fails leaves open what was acknowledged since the last good one, and says so', async () => {
  const { wal, disk } = await failingLog({ durability: 'os' })
  await wal.append(insert('durable'))
  await wal.flush()
  await wal.append(insert('acknowledged'))
  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  const sync = disk.hold('sync', SEGMENT)
  const flush = wal.flush()
  await sync.reached
  const write = disk.hold('write', SEGMENT)
  const writing = wal.append(insert('being written'))
  await write.reached
  const waiting = wal.append(customOf(1100 * 1024))
  sync.release()
  await assert.rejects(writing, refusal('WALV_IO', 'unknown'))
  await assert.rejects(waiting, refusal('WALV_POISONED', 'not-logged'))
  const poison = await flush.catch((error: WalError) => error)
  assert.match(
    (poison as WalError).message,
    /^Syncing .* failed \(EIO\)\. Records from 1 on may or may not be on disk\. Those up to 1 were acknowledged: look for them after reopening\./,
  )
  write.release()
  await settled()
  assert.deepEqual([wal.durableSeq, await idsIn(wal)], [0, ['durable', 'acknowledged']])
  assert.throws(() => wal.submit(insert('late')), refusal('WALV_POISONED', 'not-logged'))
  await wal.close()
})

for (const code of [undefined, 'EIO']) {
  test(`undoing what a full disk refused waits for the sync under way, which ${code ? 'fails' : 'succeeds'}`, async () => {
    const { wal, disk } = await failingLog({ durability: 'os' })
    await wal.append(insert('a'))
    if (code) disk.fail({ operation: 'sync', path: SEGMENT, code })
    const sync = disk.hold('sync', SEGMENT)
    const flush = wal.flush()
    const flushed = code ? assert.rejects(flush, refusal('WALV_POISONED')) : flush
    await sync.reached
    await wal.append(insert('b'))
    const again = wal.flush().catch(() => {})
    disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC', written: 50 })
    const refused = wal.append(insert('c'))
    const outcome = assert.rejects(refused, code ? refusal('WALV_IO', 'unknown') : refusal('WALV_DISK_FULL'))
    await settled()
    assert.deepEqual(
      [disk.count('sync', SEGMENT), await isSettled(refused)],
      [1, false],
      'one sync at a time',
    )
    const undoing = disk.hold('sync', SEGMENT)
    sync.release()
    await settled()
    assert.equal(disk.count('sync', SEGMENT), code ? 1 : 2, 'no flush syncs beside what undoes the write')
    undoing.release()
    await Promise.all([flushed, outcome, again])
    assert.equal(wal.stats().poisoned, code !== undefined)
    if (code === undefined) assert.equal(await wal.append(insert('d')), 2)
    await wal.close()
  })
}

test('a log that a failed sync has stopped writes nothing more when it is idle', async (t) => {
  mockTimers(t)
  const { wal, disk } = await logBehind()
  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  await assert.rejects(wal.flush(), refusal('WALV_POISONED'))
  const { length } = disk.calls
  t.mock.timers.tick(1000)
  await settled()
  assert.deepEqual(disk.calls.slice(length), [])
  await wal.close()
})

for (const ending of ['flush', 'close'] as const) {
  test(`a ${ending} that is asked for while a new segment is begun, behind another flush, comes to its end`, async () => {
    const { wal, disk } = await failingLog({ durability: 'os' })
    await wal.append(insert('a'))
    const sync = disk.hold('sync', SEGMENT)
    const before = wal.flush()
    await sync.reached
    const opens = wal.append(customOf(300_000))
    await settled()
    const write = disk.hold('write', /0002\.walv$/)
    sync.release()
    await write.reached
    const ended = wal[ending]()
    write.release()
    await Promise.all([before, opens])
    assert.ok(await isSettled(ended), 'nothing else that anybody does is needed for it')
    assert.equal(wal.durableSeq, 1)
  })
}
