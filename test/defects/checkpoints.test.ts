/**
 * Defects of the original around checkpoints, retention and rotation. The numbers are those of the
 * list of its defects.
 */
import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { test } from 'node:test'
import {
  appendAll,
  collect,
  FailingDisk,
  flat,
  idsIn,
  idsOf,
  insertOf,
  names,
  openIndex,
  openWal,
  segmentsIn,
  temporaryDirectory,
} from '../support/kit.ts'

test('defect 2: of 25 000 inserts none is lost to a checkpoint that nothing stores', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await appendAll(wal, names('id', 25_000))
  assert.equal(wal.lastCheckpoint, undefined, 'a log alone has no snapshot, so it takes no checkpoint')
  await wal.close()
  assert.deepEqual(await idsOf(directory), names('id', 25_000))
})

test('defect 2: of 25 000 inserts into an index with a checkpoint every 10 000 none is lost', async (t) => {
  const directory = await temporaryDirectory(t)
  const options = { directory, checkpointIntervalEntries: 10_000, checkpointRetention: 1 }
  const index = await openIndex(t, { ...options, index: flat({ dimensions: 1 }) })
  const ids = names('id', 25_000)
  for (let done = 0; done < ids.length; done += 1000) {
    await Promise.all(ids.slice(done, done + 1000).map((id) => index.insert(id, [1])))
  }
  await index.close()
  const again = await openIndex(t, { ...options, index: flat({ dimensions: 1 }) })
  assert.ok(again.recovery.fromSnapshot >= 10_000, 'a checkpoint was taken by itself')
  assert.deepEqual([...again.ids()].toSorted(), ids.toSorted())
})

test('defect 3: a checkpoint that covers the first of six files lets go of that file alone', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory, segmentMaxBytes: 256 * 1024, checkpointRetention: 1 })
  // Three to a file.
  for (const id of names('id', 16)) await wal.append(insertOf(id, 80_000))
  assert.equal(wal.stats().segments, 6)
  await wal.checkpoint({ seq: 2, snapshot: async () => null })
  assert.equal(wal.stats().segments, 5)
  assert.equal((await collect(wal.read()))[0]!.seq, 3)
  await wal.close()

  const again = await openWal(t, { directory })
  assert.deepEqual((await idsIn(again)).slice(0, 13), names('id', 16).slice(3))
  const replayed = await collect(again.replay({ after: again.recovery.snapshotSeq! }))
  assert.deepEqual(
    replayed.map(({ seq }) => seq),
    Array.from({ length: 13 }, (_, index) => 3 + index),
  )
})

test('defect 24: a segment never grows beyond its limit, however much is appended at once', async (t) => {
  const directory = await temporaryDirectory(t)
  const limit = 64 * 1024
  const wal = await openWal(t, { directory, segmentMaxBytes: limit })
  await appendAll(wal, names('id', 20_000))
  await wal.close()
  const [first, ...others] = await segmentsIn(directory)
  assert.ok((await stat(first!)).size <= 256 * 1024)
  assert.ok(others.length > 10)
  for (const path of others) assert.ok((await stat(path)).size <= limit, path)
  assert.deepEqual(await idsOf(directory), names('id', 20_000))
})

test('defect 26: a clean-up that fails changes no answer, and shows in the figures', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const options = { directory, disk, segmentMaxBytes: 64 * 1024, checkpointRetention: 1 }
  const wal = await openWal(t, options)
  const take = (): Promise<unknown> => wal.checkpoint({ seq: wal.lastSeq, snapshot: async () => null })
  for (const id of names('id', 5)) await wal.append(insertOf(id, 60_000))
  const before = wal.stats().segments
  disk.fail({ operation: 'remove', path: /segment-\d+\.walv$/, code: 'EIO' })
  await take()
  assert.equal(wal.lastCheckpoint?.sequenceNumber, 4)
  assert.equal(wal.stats().upkeepFailures, 1)
  assert.match(wal.stats().lastUpkeepError!, /EIO/)
  assert.equal(wal.stats().segments, before, 'nothing was let go of')

  // The next one finds the file again that could not be removed.
  assert.equal(await wal.append(insertOf('more', 60_000)), 6)
  await take()
  assert.equal(wal.stats().upkeepFailures, 1)
  assert.ok(wal.stats().segments < before)
  await wal.close()
  assert.deepEqual((await segmentsIn(directory)).length, wal.stats().segments)
})

test('defect 26: a segment that cannot be prepared ahead changes no answer', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  disk.fail({ operation: 'open', path: /\.tmp$/, code: 'EMFILE' })
  const ids = names('id', 12)
  for (const id of ids) await wal.append(insertOf(id, 60_000))
  assert.equal(disk.count('open', /segment-0000000002\.walv\.tmp$/), 2, 'it failed once and was tried again')
  await wal.close()
  assert.deepEqual(await idsOf(directory), ids)
})
