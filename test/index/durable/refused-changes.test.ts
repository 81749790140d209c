import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FailingDisk, insert, refusal, temporaryDirectory } from '../../support/kit.ts'
import { contentOf, idsNear, open, SEGMENT } from './opened-index.ts'

const assertDiskFull = (work: Promise<unknown>): Promise<void> =>
  assert.rejects(work, { code: 'WALV_DISK_FULL', fate: 'not-logged' })

test('a removal whose answer rests on one that is refused is refused with it', async (t) => {
  const disk = new FailingDisk()
  const index = await open(t, await temporaryDirectory(t), { disk })
  await index.insert('a', [1, 0])
  disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC' })
  await Promise.all([index.delete('a'), index.delete('a')].map(assertDiskFull))
  assert.equal(index.has('a'), true)
  assert.deepEqual(await Promise.all([index.delete('a'), index.delete('a')]), [true, false])
  assert.equal(await index.delete('a'), false)
})

test('a transaction whose answer rests on a removal that is refused is refused with it', async (t) => {
  const disk = new FailingDisk()
  const index = await open(t, await temporaryDirectory(t), { disk })
  await index.insert('a', [1, 0])
  disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC' })
  const removed = index.delete('a')
  const answer = index.transaction((transaction) => transaction.delete('a'))
  await Promise.all([removed, answer].map(assertDiskFull))
  assert.equal(index.has('a'), true)
})

test('a change that is refused by the log leaves nothing that others could build on', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  const unloggable = { type: 'custom', kind: '', data: new Uint8Array() } as const
  const outcomes = await Promise.allSettled([
    index.batch([insert('a', [1, 1]), unloggable]),
    index.update('a', { metadata: 'of nothing' }),
  ])
  assert.ok(outcomes[0]!.status === 'rejected' && refusal('WALV_INVALID_ENTRY')(outcomes[0]!.reason))
  assert.ok(outcomes[1]!.status === 'rejected' && refusal('WALV_NOT_FOUND')(outcomes[1]!.reason))
  await index.insert('b', [1, 1])
  assert.deepEqual([...index.ids()], ['b'])
})

test('a full disk refuses what is in flight; index and log still agree, and go on', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const index = await open(t, directory, { disk })
  await index.insert('before', [1, 1])
  const before = index.fingerprint()
  disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC', written: 40 })
  const outcomes = await Promise.allSettled([
    index.insert('a', [1, 1]),
    index.update('a', { metadata: 1 }),
    index.delete('before'),
    index.transaction((transaction) => transaction.insert('b', [1, 1])),
  ])
  for (const outcome of outcomes)
    assert.ok(outcome.status === 'rejected' && refusal('WALV_DISK_FULL')(outcome.reason))
  assert.equal(index.fingerprint(), before)
  await assert.rejects(index.update('a', { metadata: 1 }), refusal('WALV_NOT_FOUND'))
  await index.insert('a', [3, 3])
  await index.insert('b', [4, 4])
  const expected = contentOf(index)
  await index.close()
  assert.deepEqual(contentOf(await open(t, directory)), expected)
})

test('a failed sync stops the index; opening again gives what is durable, and maybe what was in doubt', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const index = await open(t, directory, { disk })
  await index.insert('before', [1, 1])
  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  await assert.rejects(index.insert('in-doubt', [1, 1]), refusal('WALV_IO', 'unknown'))
  await assert.rejects(index.insert('after', [1, 1]), refusal('WALV_POISONED', 'not-logged'))
  assert.deepEqual(await idsNear(index, [1, 1]), ['before'], 'searching goes on')
  await index.close().catch(() => {})
  const again = await open(t, directory)
  assert.equal(again.has('before') && !again.has('after'), true)
})
