import '../../support/steerable-time.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Durability, idsIn, insert, openOn, refusal, SimulatedDisk } from '../../support/kit.ts'
import {
  fillUntil,
  logWithOne,
  NotingDisk,
  operationsOf,
  PROMISE_ROOM,
  rejectionOf,
  rest,
} from './writing.ts'

test('where nobody waits for a sync, no call makes one', async () => {
  const disk = new NotingDisk()
  const wal = await openOn(disk, { durability: 'os' })
  disk.calls = []
  await wal.append(insert('a', []))
  assert.deepEqual(disk.calls, ['write'])
  await wal.close()
})

test('at the level os the records of a segment are synced before the next one promises them', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { durability: 'os' })
  await fillUntil(wal, disk, PROMISE_ROOM)
  assert.equal(wal.durableSeq, -1)
  const from = disk.ops.length
  await wal.append(insert('next'))
  assert.deepEqual(operationsOf(disk, from), [
    'sync segment-0000000001.walv',
    'lockCheck LOCK',
    'write segment-0000000002.walv',
    'close segment-0000000001.walv',
    'lockCheck LOCK',
  ])
  assert.equal(wal.durableSeq, wal.lastSeq - 1)
  await wal.close()
})

test('at the level os a sync that fails before the next segment poisons the log, and nothing is written to that segment', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { durability: 'os' })
  await fillUntil(wal, disk, PROMISE_ROOM)
  disk.onOperation = ({ kind, path }) =>
    kind === 'sync' && path.endsWith('0001.walv.tmp') ? { code: 'EIO' } : undefined
  const from = disk.ops.length
  await assert.rejects(wal.append(insert('next')), refusal('WALV_POISONED', 'not-logged'))
  assert.equal(wal.stats().poisoned, true)
  assert.deepEqual(
    disk.ops.slice(from).filter(({ kind, path }) => kind === 'write' && path.includes('0002')),
    [],
  )
  assert.throws(() => wal.submit(insert('late')), refusal('WALV_POISONED', 'not-logged'))
  await wal.close()
})

test('at the level of an interval what was acknowledged is synced at every interval, and nothing when all is', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { durability: { intervalMs: 50 } })
  const syncs = (): number => wal.stats().syncs
  await wal.append(insert('a'))
  await rest(t, 49)
  assert.deepEqual([syncs(), wal.durableSeq], [0, -1])
  await rest(t, 1)
  assert.deepEqual([syncs(), wal.durableSeq], [1, 0])
  await rest(t, 100)
  const before = syncs()
  await rest(t, 500)
  assert.equal(syncs(), before, 'behind the promise of an idle log nothing is left to sync')
  await wal.close()
  const closed = disk.ops.length
  await rest(t, 500)
  assert.equal(disk.ops.length, closed, 'a closed log leaves the disk alone')
})

for (const durability of ['commit', 'os', { intervalMs: 1000 }] as const satisfies readonly Durability[]) {
  test(`flush makes everything durable at the level ${JSON.stringify(durability)}, lazy records included`, async () => {
    const disk = new SimulatedDisk()
    const wal = await openOn(disk, { durability })
    const transaction = wal.begin()
    transaction.insert('a', [1])
    await wal.flush()
    assert.equal(wal.durableSeq, 1)
    const syncs = wal.stats().syncs
    await wal.flush()
    assert.equal(wal.stats().syncs, syncs, 'a second one has nothing to do')
    const [survivor] = disk.crashStates(1)
    const again = await openOn(survivor!.disk)
    assert.equal(again.recovery.transactions.aborted, 1)
    await Promise.all([again.close(), wal.close()])
  })
}

test('at the level commit nothing is read, checkpointed or called durable before its sync; at the level os all once it is written', async () => {
  for (const [durability, visible] of [
    ['commit', ['one']],
    ['os', ['one', 'two']],
  ] as const) {
    const { wal, disk } = await logWithOne({ durability })
    const hold = disk.hold('sync', /segment/)
    const append = wal.append(insert('two', []))
    const flushed = wal.flush()
    await hold.reached
    assert.deepEqual(await idsIn(wal), visible)
    const checkpoint = wal.checkpoint({ seq: 1, snapshot: async () => null })
    if (durability === 'commit') assert.equal((await rejectionOf(checkpoint)).code, 'WALV_CHECKPOINT')
    hold.release()
    await Promise.all([append, flushed, durability === 'os' && checkpoint])
    assert.deepEqual((await idsIn(wal)).slice(0, 2), ['one', 'two'])
    await wal.close()
  }
})
