import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FailingDisk, names, temporaryDirectory, until } from '../../support/kit.ts'
import { contentOf, open } from './opened-index.ts'

test('a checkpoint holds everything applied, and opening starts from it', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  for (const id of names('id', 50)) await index.insert(id, [1, 1], { id })
  await index.delete('id-7')
  const checkpoint = await index.checkpoint()
  assert.equal(checkpoint!.sequenceNumber, 51)
  const info = checkpoint!.snapshot!.info as { fingerprint: string; size: number }
  assert.deepEqual([info.fingerprint, info.size], [index.fingerprint(), 49])
  assert.deepEqual(await index.checkpoint(), checkpoint, 'nothing was logged since')
  await index.insert('behind', [2, 2])
  const [expected, fingerprint] = [contentOf(index), index.fingerprint()]
  await index.close()
  const again = await open(t, directory)
  assert.deepEqual(
    [again.recovery.fromSnapshot, again.recovery.replayed, again.recovery.snapshotSeq],
    [49, 1, 51],
  )
  assert.deepEqual(contentOf(again), expected)
  assert.equal(again.fingerprint(), fingerprint)
})

test('an index that holds nothing yet has its record to take a checkpoint of', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  assert.equal((await index.checkpoint())?.sequenceNumber, 0)
  await index.close()
  const again = await open(t, directory)
  assert.deepEqual([again.size, again.recovery.snapshotSeq], [0, 0])
})

test('changes made while a checkpoint is written are not in its snapshot, and not lost', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const index = await open(t, directory, { disk })
  for (const id of names('id', 10)) await index.insert(id, [1, 1])
  const hold = disk.hold('open', /snapshots/)
  const checkpoint = index.checkpoint()
  await hold.reached
  await index.update('id-3', { vector: [9, 9] })
  await index.delete('id-4')
  await index.insert('new', [2, 2])
  hold.release()
  assert.equal((await checkpoint)!.sequenceNumber, 10)
  const [expected, fingerprint] = [contentOf(index), index.fingerprint()]
  await index.close()
  const again = await open(t, directory)
  assert.deepEqual([again.recovery.fromSnapshot, again.recovery.replayed], [10, 3])
  assert.deepEqual(contentOf(again), expected)
  assert.equal(again.fingerprint(), fingerprint)
})

test('a checkpoint asked for while one is written waits, and holds what came meanwhile', async (t) => {
  const disk = new FailingDisk()
  const index = await open(t, await temporaryDirectory(t), { disk })
  await index.insert('a', [1, 1])
  const hold = disk.hold('open', /snapshots/)
  const first = index.checkpoint()
  await hold.reached
  assert.equal(index.checkpoint(), first, 'nothing came meanwhile')
  await index.insert('b', [2, 2])
  const second = index.checkpoint()
  await index.insert('c', [3, 3])
  assert.equal(index.checkpoint(), second, 'it has not begun')
  hold.release()
  assert.equal((await first)!.sequenceNumber, 1)
  assert.equal((await second)!.sequenceNumber, 3)
  assert.equal(((await second)!.snapshot!.info as { size: number }).size, 3)
})

test('closing waits for the checkpoint that waits', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const index = await open(t, directory, { disk })
  await index.insert('a', [1, 1])
  const hold = disk.hold('open', /snapshots/)
  index.checkpoint()
  await hold.reached
  await index.insert('b', [2, 2])
  const second = index.checkpoint()
  const closed = index.close()
  hold.release()
  await closed
  assert.equal(((await second)!.snapshot!.info as { size: number }).size, 2)
  assert.equal((await open(t, directory)).recovery.fromSnapshot, 2)
})

test('checkpoints are taken by themselves at the interval, and never when that is off', async (t) => {
  const directory = await temporaryDirectory(t)
  const never = await open(t, directory, { checkpointIntervalEntries: false })
  for (const id of names('never', 30)) await never.insert(id, [1, 1])
  assert.deepEqual([never.stats().checkpoints, never.stats().entriesSinceCheckpoint], [0, 30])
  await never.close()

  const index = await open(t, directory, { checkpointIntervalEntries: 10 })
  for (const id of names('id', 100)) await index.insert(id, [1, 1])
  await index.close()
  const again = await open(t, directory)
  assert.ok(again.recovery.fromSnapshot > 30)
  assert.equal(again.size, 130)
})

test('an automatic checkpoint that fails changes nobody’s answer and shows in the figures', async (t) => {
  const disk = new FailingDisk()
  const index = await open(t, await temporaryDirectory(t), { disk, checkpointIntervalEntries: 3 })
  disk.fail({
    operation: 'makeDirectory',
    path: /snapshots/,
    code: 'ENOSPC',
    times: Number.POSITIVE_INFINITY,
  })
  for (const id of names('id', 10)) await index.insert(id, [1, 1])
  await until(() => index.stats().checkpointFailures > 0)
  assert.match(index.stats().lastCheckpointError!, /ENOSPC/)
  assert.equal(index.size, 10)
})
