import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  collect,
  FailingDisk,
  idsIn,
  idsOf,
  insert,
  insertOf,
  names,
  openWal,
  segmentsIn,
  temporaryDirectory,
  until,
  type Wal,
} from '../../support/kit.ts'

const KIB = 1024

const sizesIn = async (directory: string): Promise<number[]> =>
  Promise.all((await segmentsIn(directory)).map(async (path) => (await stat(path)).size))

const takeCheckpoint = (wal: Wal, seq: number = wal.lastSeq): Promise<unknown> =>
  wal.checkpoint({ seq, snapshot: async () => null })

test('segments start small and double up to the limit', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory, segmentMaxBytes: 1024 * KIB })
  const ids = names('id', 80)
  for (const id of ids) await wal.append(insertOf(id, 50 * KIB))
  await wal.close()
  assert.deepEqual(
    (await sizesIn(directory)).slice(0, 5),
    [256, 512, 1024, 1024, 1024].map((size) => size * KIB),
  )
  assert.deepEqual(await idsOf(directory), ids)
})

test('where groups of 64 KiB and more wait for one another, a segment has room for sixteen of them', async (t) => {
  for (const [recordBytes, inFlight, second] of [
    [50, 1, 512],
    [100, 1, 512],
    [10, 100, 4096],
  ] as const) {
    const directory = await temporaryDirectory(t)
    const wal = await openWal(t, { directory, segmentMaxBytes: 4096 * KIB })
    const ids = names('id', Math.max(10, inFlight))
    for (let at = 0; at < ids.length; at += inFlight)
      await Promise.all(ids.slice(at, at + inFlight).map((id) => wal.append(insertOf(id, recordBytes * KIB))))
    await wal.close()
    assert.equal((await sizesIn(directory))[1], second * KIB)
    assert.deepEqual(await idsOf(directory), ids)
  }
})

test('a record larger than a segment gets one that holds it', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory, segmentMaxBytes: 64 * KIB })
  const data = new Uint8Array(5 * 1024 * KIB).fill(7)
  await wal.append(insert('before'))
  await wal.append({ type: 'custom', kind: 'large', data })
  await wal.append(insert('after'))
  await wal.close()
  const again = await openWal(t, { directory })
  const found = await collect(again.read())
  assert.deepEqual(
    found.map(({ entry }) => entry.type),
    ['insert', 'custom', 'insert'],
  )
  assert.ok(found[1]!.entry.type === 'custom' && Buffer.from(data).equals(found[1]!.entry.data))
})

test('a segment older than the limit is followed by a new one at the next append, an empty one is not', async (t) => {
  const directory = await temporaryDirectory(t)
  let now = 1_000_000
  const wal = await openWal(t, { directory, clock: () => now, segmentMaxAgeMs: 60_000 })
  now += 100_000
  await wal.append(insert('first'))
  assert.equal(wal.stats().segments, 1, 'nothing was in it yet')
  now += 59_999
  await wal.append(insert('second'))
  assert.equal(wal.stats().segments, wal.stats().rotations + 1)
  const before = wal.stats().segments
  now += 60_000
  await wal.append(insert('third'))
  await wal.append(insert('fourth'))
  assert.equal(wal.stats().segments, before + 1)
  await wal.close()
  assert.deepEqual(await idsOf(directory), ['first', 'second', 'third', 'fourth'])
})

test('the next segment is prepared when one is half full, so that no append waits for it', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  const made = (): number => disk.count('renameNew', /segment-0000000002\.walv\.tmp$/)
  await wal.append(insertOf('a', 100 * KIB))
  await delay(30)
  assert.equal(made(), 0)
  await wal.append(insertOf('b', 60 * KIB))
  await until(() => made() > 0)
  // A record that does not fit is written where there is room already.
  const renames = disk.count('renameNew')
  await wal.append(insertOf('c', 100 * KIB))
  assert.deepEqual([wal.stats().segments, disk.count('renameNew')], [2, renames])
})

test('a prepared segment that is not used is gone after closing', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await wal.append(insertOf('a', 200 * KIB))
  await wal.close()
  assert.deepEqual(
    (await segmentsIn(directory)).map((path) => basename(path)),
    ['segment-0000000001.walv'],
  )
})

test('opening again and again leaves one small segment, not many', async (t) => {
  const directory = await temporaryDirectory(t)
  const ids = names('id', 20)
  for (const id of ids) {
    const wal = await openWal(t, { directory })
    await wal.append(insert(id))
    await wal.close()
  }
  assert.equal((await segmentsIn(directory)).length, 1)
  assert.deepEqual(await idsOf(directory), ids)
})

test('with a retention of two, what the older of two checkpoints needs is kept, and no more', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory, segmentMaxBytes: 64 * KIB, checkpointRetention: 2 })
  // One record to a segment, but for small ones behind it.
  const fill = async (prefix: string): Promise<number> => {
    for (const id of names(prefix, 4)) await wal.append(insertOf(id, 60 * KIB))
    return wal.lastSeq
  }
  await wal.append(insertOf('fills-the-first', 240 * KIB))
  const first = await fill('a')
  await takeCheckpoint(wal, first)
  assert.equal(wal.stats().firstSeq, 0, 'there are not two yet')
  const second = await fill('b')
  await takeCheckpoint(wal, second)
  assert.equal(wal.stats().firstSeq, first, 'the file with what follows the oldest checkpoint is the first')
  assert.deepEqual((await idsIn(wal)).slice(0, 3), ['a-3', 'checkpoint', 'b-0'])
  await fill('c')
  await takeCheckpoint(wal)
  assert.equal(wal.stats().firstSeq, second)
  assert.equal(wal.stats().checkpoints, 2)
  await wal.close()

  const again = await openWal(t, { directory, checkpointRetention: 2 })
  assert.deepEqual([again.recovery.checkpoints, again.recovery.damage], [2, []])
})

test('a segment that holds one record the oldest checkpoint needs is kept whole', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory, segmentMaxBytes: 256 * KIB, checkpointRetention: 1 })
  // Three to a segment: 0 1 2, 3 4 5, 6.
  for (const id of names('id', 7)) await wal.append(insertOf(id, 80_000))
  await takeCheckpoint(wal, 4)
  assert.equal(wal.stats().firstSeq, 3)
  await takeCheckpoint(wal, 5)
  assert.equal(wal.stats().firstSeq, 6)
})

test('what a transaction that is open at the checkpoint needs is kept, from its begin on', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory, segmentMaxBytes: 64 * KIB, checkpointRetention: 1 })
  const large = (id: string): Promise<number> => wal.append(insertOf(id, 60 * KIB))
  await large('a')
  const transaction = wal.begin()
  transaction.insert('in-transaction', [1, 2, 3])
  for (const id of ['b', 'c', 'd']) await large(id)
  await takeCheckpoint(wal)
  assert.equal(wal.lastCheckpoint!.replayFrom, transaction.id)
  assert.ok(wal.stats().firstSeq <= transaction.id)
  const commit = await transaction.commit()
  await wal.close()
  const again = await openWal(t, { directory })
  const units = await collect(again.replay({ after: again.lastCheckpoint!.sequenceNumber }))
  assert.deepEqual(
    units.map(({ seq, entries }) => [seq, entries.length]),
    [[commit, 1]],
  )
})

test('files go oldest first, so that a crash in between leaves no hole', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk, segmentMaxBytes: 64 * KIB, checkpointRetention: 1 })
  await wal.append(insertOf('fills-the-first', 240 * KIB))
  for (const id of names('id', 6)) await wal.append(insertOf(id, 60 * KIB))
  await takeCheckpoint(wal)
  const removed = disk.calls.filter(
    ({ operation, path }) => operation === 'remove' && /segment-\d+\.walv$/.test(path),
  )
  const paths = removed.map(({ path }) => path)
  assert.ok(paths.length >= 3)
  assert.deepEqual(paths, paths.toSorted())
})

test('the checkpoint is durable before anything is let go of', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk, segmentMaxBytes: 64 * KIB, checkpointRetention: 1 })
  await wal.append(insertOf('fills-the-first', 240 * KIB))
  for (const id of names('id', 4)) await wal.append(insertOf(id, 60 * KIB))
  const hold = disk.hold('remove', /segment-\d+\.walv$/)
  const checkpoint = takeCheckpoint(wal)
  await hold.reached
  // What a process that is killed now leaves behind: the files, and a reader beside it sees the
  // same.
  const reader = await openWal(t, { directory, readOnly: true })
  assert.equal(reader.lastCheckpoint?.sequenceNumber, 4)
  hold.release()
  await checkpoint
})
