import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  appendAll,
  customOf,
  type Durability,
  FailingDisk,
  idsIn,
  idsOf,
  insert,
  insertOf,
  names,
  openWal,
  refusal,
  temporaryDirectory,
  until,
  Wal,
} from '../support/kit.ts'

const SEGMENT = /segment-\d+\.walv$/
const KIB = 1024

async function logOn(
  t: TestContext,
  durability: Durability = 'commit',
): Promise<{ wal: Wal; disk: FailingDisk; directory: string }> {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk, durability })
  await appendAll(wal, names('before', 3))
  return { wal, disk, directory }
}

/** Nothing can be appended any more, and nothing is tried again on the disk. */
async function staysPoisoned(wal: Wal, disk: FailingDisk): Promise<void> {
  disk.heal()
  const touched = disk.count('write') + disk.count('sync')
  for (let time = 0; time < 3; time++) {
    await assert.rejects(wal.append(insert('late')), refusal('WALV_POISONED', 'not-logged'))
    await assert.rejects(wal.flush(), refusal('WALV_POISONED'))
  }
  assert.throws(() => wal.begin(), refusal('WALV_POISONED', 'not-logged'))
  await assert.rejects(wal.checkpoint({ seq: 0, snapshot: async () => null }), refusal('WALV_POISONED'))
  await delay(150)
  assert.equal(wal.stats().poisoned, true)
  await wal.close().catch(() => {})
  assert.equal(disk.count('write') + disk.count('sync'), touched)
}

test('a failed sync poisons: who is in the group has an unknown fate, who waits behind it was not logged', async (t) => {
  const { wal, disk, directory } = await logOn(t)
  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  const hold = disk.hold('sync', SEGMENT)
  const group = [wal.append(insert('in-group-0')), wal.append(insert('in-group-1'))]
  await hold.reached
  const waiting = [wal.append(insert('waits-0')), wal.append(customOf(2000 * KIB)), wal.flush()]
  hold.release()
  const [a, b] = await Promise.allSettled(group)
  for (const [index, outcome] of [a!, b!].entries()) {
    assert.ok(outcome.status === 'rejected' && refusal('WALV_IO', 'unknown')(outcome.reason))
    assert.equal(outcome.reason.seq, 3 + index, 'names the record to look for')
  }
  const [ahead, behind, flushed] = await Promise.allSettled(waiting)
  assert.ok(
    ahead!.status === 'rejected' && refusal('WALV_IO', 'unknown')(ahead!.reason),
    'it was written ahead',
  )
  assert.ok(behind!.status === 'rejected' && refusal('WALV_POISONED', 'not-logged')(behind!.reason))
  assert.ok(flushed!.status === 'rejected' && refusal('WALV_POISONED')(flushed!.reason))
  assert.deepEqual(await idsIn(wal), names('before', 3), 'only what is durable is read')
  await staysPoisoned(wal, disk)

  const again = await openWal(t, { directory })
  const found = await idsIn(again)
  assert.deepEqual(
    found,
    [...names('before', 3), 'in-group-0', 'in-group-1', 'waits-0'].slice(0, found.length),
  )
  assert.ok([3, 5, 6].includes(found.length))
  assert.deepEqual(again.recovery.damage, [])
})

test('a write that fails poisons too, with the same fates', async (t) => {
  for (const written of [0, 30, 100]) {
    const { wal, disk, directory } = await logOn(t)
    disk.fail({ operation: 'write', path: SEGMENT, code: 'EIO', written })
    await assert.rejects(wal.append(insert('in-doubt')), refusal('WALV_IO', 'unknown'))
    await staysPoisoned(wal, disk)
    const found = await idsOf(directory)
    assert.deepEqual(found.slice(0, 3), names('before', 3))
    assert.ok(found.length === 3 || found[3] === 'in-doubt')
  }
})

test("at the level 'os' a failed flush poisons, and what was acknowledged before it is still there after a process kill", async (t) => {
  const { wal, disk, directory } = await logOn(t, 'os')
  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  await assert.rejects(wal.flush(), refusal('WALV_POISONED'))
  await staysPoisoned(wal, disk)
  assert.deepEqual(await idsOf(directory), names('before', 3))
})

test('at the level of an interval a sync that fails in the background shows at the next append', async (t) => {
  const { wal, disk } = await logOn(t, { intervalMs: 10 })
  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  await wal.append(insert('maybe')).catch(() => {})
  await until(() => wal.stats().poisoned)
  await staysPoisoned(wal, disk)
})

test('a failed sync of the promise of an idle log poisons as well', async (t) => {
  const { wal, disk, directory } = await logOn(t)
  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  await until(() => wal.stats().poisoned)
  await staysPoisoned(wal, disk)
  assert.deepEqual(await idsOf(directory), names('before', 3))
})

test('a sync that fails while closing rejects the close, and the directory is free', async (t) => {
  const { wal, disk, directory } = await logOn(t)
  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  await assert.rejects(wal.close(), refusal('WALV_POISONED'))
  assert.deepEqual(await idsIn(await openWal(t, { directory })), names('before', 3))
})

test('a full disk in the middle of many groups refuses them all, and the log goes on when there is space', async (t) => {
  const { wal, disk, directory } = await logOn(t)
  disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC', written: 100, times: 1 })
  const hold = disk.hold('write', SEGMENT)
  const refused = [wal.append(insert('first'))]
  await hold.reached
  for (let index = 0; index < 5; index++) refused.push(wal.append(customOf(700 * KIB)))
  hold.release()
  for (const outcome of await Promise.allSettled(refused)) {
    assert.ok(outcome.status === 'rejected' && refusal('WALV_DISK_FULL', 'not-logged')(outcome.reason))
  }
  assert.deepEqual([wal.lastSeq, wal.stats().pendingBytes, wal.stats().poisoned], [2, 0, false])
  await wal.flush()
  assert.deepEqual(await appendAll(wal, names('after', 3)), [3, 4, 5])
  await wal.close()
  const again = await openWal(t, { directory })
  assert.deepEqual(await idsIn(again), [...names('before', 3), ...names('after', 3)])
  assert.deepEqual(
    again.recovery.damage.filter(({ acknowledged }) => acknowledged !== false),
    [],
  )
})

for (const [code, expected] of [
  ['ENOSPC', 'WALV_DISK_FULL'],
  ['EDQUOT', 'WALV_DISK_FULL'],
  ['EMFILE', 'WALV_IO'],
  ['EACCES', 'WALV_PERMISSION'],
] as const) {
  test(`when the next segment cannot be made (${code}) the append is refused, and the log goes on when it can`, async (t) => {
    const { wal, disk, directory } = await logOn(t)
    const steps = ['open', 'truncate', 'sync', 'renameNew', 'syncDirectory'] as const
    for (const [index, operation] of steps.entries()) {
      const path = operation === 'syncDirectory' ? /^/ : /segment-\d+\.walv\.tmp$/
      disk.fail({ operation, path, code, times: Number.POSITIVE_INFINITY })
      // Needs a segment of its own, larger than what may have been prepared.
      const large = wal.append(customOf((2 + index) * 1000 * KIB))
      await assert.rejects(large, refusal(expected, 'not-logged'), operation)
      assert.equal(wal.lastSeq, 2 + index)
      disk.heal()
      assert.equal(await wal.append(insert(`after-${operation}`)), 3 + index)
    }
    const ids = [...names('before', 3), ...steps.map((operation) => `after-${operation}`)]
    assert.deepEqual(await idsIn(wal), ids)
    await wal.close()
    assert.deepEqual(await idsOf(directory), ids)
  })
}

test('a full disk at the first write of a new segment refuses the append, and the segment is gone', async (t) => {
  const { wal, disk, directory } = await logOn(t)
  await wal.append(insertOf('fills', 200 * KIB))
  await until(() => disk.count('renameNew') >= 2)
  disk.fail({ operation: 'write', path: /segment-0000000002\.walv$/, code: 'ENOSPC', written: 5000 })
  await assert.rejects(wal.append(insertOf('refused', 100 * KIB)), refusal('WALV_DISK_FULL', 'not-logged'))
  assert.equal(await wal.append(insert('small')), 4)
  assert.equal(await wal.append(insertOf('large', 100 * KIB)), 5)
  await wal.close()
  assert.deepEqual(await idsOf(directory), [...names('before', 3), 'fills', 'small', 'large'])
})

test('a new segment that a full disk left without its first group goes, though closing it fails', async (t) => {
  const { wal, disk, directory } = await logOn(t)
  disk.fail({ operation: 'write', path: /segment-0000000002\.walv$/, code: 'ENOSPC' })
  disk.fail({ operation: 'close', path: /segment-0000000002\.walv/, code: 'EIO' })
  await assert.rejects(wal.append(customOf(1000 * KIB)), refusal('WALV_DISK_FULL', 'not-logged'))
  assert.equal(wal.stats().poisoned, false)
  await wal.append(insert('after'))
  await wal.close()
  assert.deepEqual(await idsOf(directory), [...names('before', 3), 'after'])
})

test('on a full disk a log cannot be opened for writing but for reading, and is whole when there is space', async (t) => {
  const { wal, directory } = await logOn(t)
  await wal.close()
  const disk = new FailingDisk()
  disk.fail({ operation: 'write', code: 'ENOSPC', times: Number.POSITIVE_INFINITY })
  await assert.rejects(Wal.open({ directory, disk }), refusal('WALV_DISK_FULL'))
  assert.deepEqual(await idsOf(directory, { disk }), names('before', 3))
  disk.heal()
  assert.deepEqual(await idsIn(await openWal(t, { directory, disk })), names('before', 3))
})
