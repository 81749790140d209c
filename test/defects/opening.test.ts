/**
 * Defects of the original around opening, closing and opening again. The numbers are those of the
 * list of its defects.
 */
import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { readV1Directory, recoverV1 } from '../../src/v1/mod.ts'
import {
  appendAll,
  brief,
  collect,
  type DurableIndex,
  flat,
  idsIn,
  idsOf,
  insert,
  names,
  openIndex,
  openWal,
  segmentsIn,
  temporaryDirectory,
  Wal,
  withoutSeq,
  writeLog,
} from '../support/kit.ts'
import { brief as briefV1, collect as collectV1, loadFixture, segment, seqs } from '../v1/helpers.ts'
import { MemoryDisk } from '../v1/memory-disk.ts'

test('defect 1: five inserts in a log that was closed in order come back a second later', async (t) => {
  const directory = await temporaryDirectory(t)
  let now = 1_700_000_000_000
  const clock = (): number => now
  const first = await Wal.open({ directory, clock })
  await appendAll(first, names('id', 5))
  await first.flush()
  await first.close()
  now += 1000
  // Opening and closing once more leaves a new segment that nothing was appended to.
  for (let time = 0; time < 2; time++) {
    const wal = await openWal(t, { directory, clock })
    assert.deepEqual(await idsIn(wal), names('id', 5))
    assert.deepEqual([wal.lastSeq, wal.recovery.damage, wal.recovery.closedInOrder], [4, [], true])
    await wal.close()
  }
})

test('defect 4: appending right after opening never uses a sequence number again', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, names('first', 5))
  const wal = await openWal(t, { directory })
  assert.deepEqual(await appendAll(wal, names('second', 3)), [5, 6, 7])
  await wal.close()
  assert.deepEqual(await idsOf(directory), [...names('first', 5), ...names('second', 3)])
})

test('defect 5: forty inserts over four starts within one second come back', async (t) => {
  const directory = await temporaryDirectory(t)
  const expected: string[] = []
  for (let start = 0; start < 4; start++) {
    await writeLog(directory, names(`start-${start}`, 10), { clock: () => 1_700_000_000_000 })
    expected.push(...names(`start-${start}`, 10))
  }
  assert.deepEqual(await idsOf(directory), expected)
})

test('defect 5, v1: forty inserts behind headers repeated in one file come back', async () => {
  const starts = [0, 10, 20, 30].map((from) =>
    segment(...Array.from({ length: 10 }, (_, index) => from + index)),
  )
  const disk = MemoryDisk.of({ 'wal-000000006553f100.log': Buffer.concat(starts) })
  const found = await collectV1(recoverV1(disk, '/log'))
  assert.deepEqual(
    seqs(found),
    Array.from({ length: 40 }, (_, index) => index),
  )
  assert.deepEqual(found.damages, [])
})

test('defect 6: 60 000 inserts of 768 dimensions, over rotations within one second, come back', async (t) => {
  const directory = await temporaryDirectory(t)
  const clock = (): number => 1_700_000_000_000
  const wal = await openWal(t, { directory, clock })
  const vector = new Float32Array(768).fill(0.5)
  for (let done = 0; done < 60_000; done += 5_000) {
    await Promise.all(
      Array.from({ length: 5_000 }, (_, index) =>
        wal.append({ type: 'insert', id: `id-${done + index}`, vector }),
      ),
    )
  }
  await wal.close()
  assert.ok((await segmentsIn(directory)).length > 4, 'the log was rotated')

  const again = await openWal(t, { directory, clock })
  let expected = 0
  for await (const { seq, entry } of again.read()) {
    assert.ok(entry.type === 'insert' && entry.id === `id-${seq}` && entry.vector.length === 768)
    assert.equal(seq, expected++)
  }
  assert.equal(expected, 60_000)
})

for (const bytes of [0, 3, 7, 15]) {
  test(`defect 11: a killed open that left ${bytes} bytes of a new segment takes nothing from what was there`, async (t) => {
    const directory = await temporaryDirectory(t)
    await writeLog(directory, names('id', 5))
    const left = Buffer.from('WALV\x02\0\0\0\0\x04\0\0\0\0\0').subarray(0, bytes)
    // Until it is whole and synced, a segment has a temporary name.
    await writeFile(join(directory, 'segment-0000000002.walv.tmp'), left)

    const wal = await openWal(t, { directory })
    assert.deepEqual(await idsIn(wal), names('id', 5))
    assert.deepEqual(wal.recovery.damage, [])
    assert.deepEqual(
      (await readdir(directory)).filter((name) => name.endsWith('.tmp')),
      [],
    )
  })

  test(`defect 11: a segment cut to ${bytes} bytes may have held records: it is refused, and salvage returns the rest`, async (t) => {
    const directory = await temporaryDirectory(t)
    await writeLog(directory, names('id', 5))
    await writeFile(join(directory, 'segment-0000000002.walv'), Buffer.alloc(bytes))
    await assert.rejects(openWal(t, { directory }), { code: 'WALV_DAMAGED' })
    const wal = await openWal(t, { directory, recovery: 'salvage' })
    assert.deepEqual(await idsIn(wal), names('id', 5))
    assert.deepEqual(wal.recovery.damage.map(brief), ['truncated null'])
    assert.equal(wal.recovery.damage[0]!.file, 'segment-0000000002.walv')
  })

  test(`defect 11, v1: a file whose creation left ${bytes} bytes is reported, and everything before it comes back`, async () => {
    const disk = MemoryDisk.of({
      'wal-0000000000000001.log': segment(0, 1, 2, 3, 4),
      'wal-0000000000000002.log': Buffer.from('WALV\x01\0\0\0\0\xf1\x53\x65\0\0\0').subarray(0, bytes),
    })
    const found = await collectV1(recoverV1(disk, '/log'))
    assert.deepEqual(seqs(found), [0, 1, 2, 3, 4])
    assert.deepEqual(found.damages.map(briefV1), ['torn-creation false'])
  })
}

test('defect 18: the last checkpoint is known after opening again, and one append takes no other', async (t) => {
  const directory = await temporaryDirectory(t)
  const open = (): Promise<DurableIndex> =>
    openIndex(t, { directory, checkpointIntervalEntries: 10, index: flat({ dimensions: 1 }) })
  const first = await open()
  for (const id of names('id', 9)) await first.insert(id, [1])
  await first.checkpoint()
  await first.close()

  for (const id of ['one', 'two', 'three']) {
    const index = await open()
    assert.equal(index.recovery.snapshotSeq, 9)
    await index.insert(id, [1])
    await index.close()
  }
  const wal = await openWal(t, { directory, readOnly: true })
  const types = (await collect(wal.read())).map(({ entry }) => entry.type)
  assert.equal(types.filter((type) => type === 'checkpoint').length, 1)
  const last = await open()
  assert.deepEqual([...last.ids()], [...names('id', 9), 'one', 'two', 'three'])
})

test('defect 27: a directory named like a segment is left alone and reported', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, names('id', 5))
  // One that would be the next segment, and one far off.
  for (const number of ['0000000002', '0000000900']) await mkdir(join(directory, `segment-${number}.walv`))

  const wal = await openWal(t, { directory })
  assert.deepEqual(await idsIn(wal), names('id', 5))
  assert.deepEqual(wal.recovery.damage.map(brief), ['foreign false', 'foreign false'])
  assert.equal(await wal.append(insert('id-5')), 5)
  await wal.close()
  assert.deepEqual(await idsOf(directory), names('id', 6))
})

test('defect 27, v1: a directory named like a file of the log is left alone and reported', async (t) => {
  const directory = await temporaryDirectory(t)
  await mkdir(join(directory, 'wal-0000000000000000.log'))
  await writeFile(join(directory, 'wal-0000000000000001.log'), segment(0, 1, 2))
  const found = await collectV1(recoverV1(nodeDisk, directory))
  assert.deepEqual(seqs(found), [0, 1, 2])
  assert.deepEqual(found.damages.map(briefV1), ['foreign false'])
})

test('defect 23: after the clock was set back, the later value wins and the order stays', async (t) => {
  const directory = await temporaryDirectory(t)
  let now = 1_700_000_060_000
  const open = (): Promise<DurableIndex> =>
    openIndex(t, { directory, clock: () => now, checkpointRetention: 1, index: flat({ dimensions: 1 }) })
  const first = await open()
  await first.insert('a', [1], 'older')
  await first.close()
  now -= 60_000
  const second = await open()
  await second.upsert('a', [2], 'newer')
  await second.checkpoint()
  await second.insert('b', [3])
  await second.close()

  const third = await open()
  assert.deepEqual(withoutSeq(third.get('a')), { vector: Float32Array.of(2), metadata: 'newer' })
  assert.deepEqual([...third.ids()], ['a', 'b'])
  const wal = await openWal(t, { directory, readOnly: true })
  const found = await collect(wal.read())
  assert.deepEqual(
    found.map(({ seq }) => seq),
    found.map((_, index) => found[0]!.seq + index),
  )
  const timestamps = found.map(({ timestamp }) => timestamp)
  assert.deepEqual(
    timestamps,
    timestamps.toSorted((a, b) => a - b),
    'timestamps never decrease',
  )
})

test('defect 23, v1: files that the clock has named in the wrong order are recovered in the order of their numbers', async () => {
  const { directory, entries } = loadFixture('clock_went_back')
  const found = await collectV1(recoverV1(nodeDisk, directory))
  assert.deepEqual(
    seqs(found),
    entries.map(({ seq }) => Number(seq)).toSorted((a, b) => a - b),
  )
  const inFileOrder = await collectV1(readV1Directory(nodeDisk, directory))
  assert.notDeepEqual(seqs(found), seqs(inFileOrder), 'the fixture shows the defect')
})
