/** `drained` tells whom the log refused for want of room when to try again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  FailingDisk,
  insertOf,
  openWal,
  refusal,
  temporaryDirectory,
  type WalError,
} from '../../support/kit.ts'

const SEGMENT = /segment-\d+\.walv$/

test('a producer that waits for drained appends everything, in its order, whatever the size of the log', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t), maxPendingBytes: 4096 })
  let refused = 0
  const appends: Promise<number>[] = []
  // One is larger than all that may wait: it is taken when nothing does.
  for (const bytes of [1000, 1000, 1000, 1000, 9000, 1000, 1000, 1000, 1000, 1000]) {
    for (;;) {
      try {
        appends.push(wal.submit(insertOf('id', bytes)))
        break
      } catch (error) {
        assert.ok(refusal('WALV_BACKPRESSURE', 'not-logged')(error))
        refused++
        await wal.drained()
      }
    }
  }
  assert.deepEqual(await Promise.all(appends), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  assert.ok(refused > 0)
})

test('drained resolves at once where nothing waits, and when what waits is on disk', async (t) => {
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory: await temporaryDirectory(t), disk })
  await wal.drained()
  const hold = disk.hold('sync', SEGMENT)
  const append = wal.append(insertOf('a', 1000))
  let isDrained = false
  const drained = wal.drained().then(() => {
    isDrained = true
  })
  await hold.reached
  assert.deepEqual([isDrained, wal.stats().pendingBytes > 0], [false, true])
  hold.release()
  await Promise.all([append, drained])
  assert.equal(wal.stats().pendingBytes, 0)
})

test('entries of a transaction that has not ended are written for who waits for room', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t), maxPendingBytes: 4096 })
  const transaction = wal.begin()
  for (const id of ['a', 'b', 'c']) transaction.append(insertOf(id, 1000))
  await wal.drained()
  assert.equal(wal.stats().pendingBytes, 0)
  await transaction.commit()
})

test('drained resolves when the log stops: the next append says why', async (t) => {
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory: await temporaryDirectory(t), disk })
  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  const append = wal.append(insertOf('a', 1000)).catch((error: WalError) => error.code)
  await wal.drained()
  assert.equal(await append, 'WALV_IO')
  await assert.rejects(wal.append(insertOf('b', 1000)), refusal('WALV_POISONED', 'not-logged'))
  await wal.close().catch(() => {})
  await assert.rejects(wal.drained(), refusal('WALV_CLOSED'))
})
