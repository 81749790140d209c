import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alterOn,
  brief,
  collect,
  DIRECTORY,
  namesOn,
  openOn,
  putFile,
  refusal,
  SimulatedDisk,
  segmentAt,
  segmentOf,
  watermarkOf,
} from '../../support/kit.ts'
import {
  checkpoint,
  checkpointOf,
  damageOf,
  deletion,
  fileOf,
  logOfTwoCheckpoints,
  nameOf,
  putSnapshot,
  reader,
  spoilSnapshot,
  threeSegments,
} from './checkpointed-log.ts'

test('a missing segment that a snapshot makes needless is no loss: the log begins behind it, and the older files are left alone', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(2))
  for (const readOnly of [true, false]) {
    const wal = await openOn(disk, { readOnly })
    assert.deepEqual(wal.recovery.damage, [
      {
        kind: 'missing-segment',
        file: 'segment-0000000003.walv',
        offset: 0,
        bytes: 0,
        acknowledged: false,
        seqs: [],
        ids: [],
        detail:
          'A segment before record 4 is missing. A snapshot that verifies holds what it held: no vector is lost, but segment-0000000001.walv can no longer be read.',
      },
    ])
    assert.deepEqual([wal.stats().firstSeq, wal.recovery.snapshotSeq, wal.recovery.segments], [4, 3, 1])
    const found = await collect(wal.read())
    assert.deepEqual(
      found.map(({ seq }) => seq),
      [4, 5, 6],
    )
    assert.throws(() => wal.read({ from: 3 }), refusal('WALV_SEQUENCE_TRIMMED'))
    await wal.close()
  }
  assert.ok((await namesOn(disk)).includes('segment-0000000001.walv'))
})

test('a repair leaves it at that: no gap is written for what a snapshot holds', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(2))
  const wal = await openOn(disk, { recovery: 'repair' })
  const found = await collect(wal.read())
  assert.deepEqual(
    found.map(({ seq, entry }) => `${seq} ${entry.type}`),
    ['4 delete', '5 checkpoint', '6 delete'],
  )
  await wal.close()
  await (await openOn(disk)).close()
})

test('a repair behind such a hole knows what else is damaged', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(2))
  await alterOn(disk, segmentAt(3), (content) => content.fill(1, 1060, 1064))
  const wal = await openOn(disk, { recovery: 'repair' })
  assert.deepEqual(wal.recovery.damage.map(brief), ['corrupt 4..4 true', 'missing-segment false'])
  const found = await collect(wal.read())
  assert.deepEqual(
    found.map(({ seq, entry }) => `${seq} ${entry.type}`),
    ['4 gap', '5 checkpoint', '6 delete'],
  )
  await wal.close()
})

test('a repair of what is left of a beginning that is lost knows what else is damaged', async () => {
  const disk = await logOfTwoCheckpoints(7)
  for (const through of [7, 8]) await spoilSnapshot(disk, through)
  await alterOn(disk, segmentAt(1), (content) => content.fill(1, 1060, 1064))
  const wal = await openOn(disk, { recovery: 'repair' })
  const found = await collect(wal.read())
  assert.deepEqual(
    found.map(({ seq, entry }) => `${seq} ${entry.type}`),
    ['0 gap', '7 gap', '8 delete', '9 checkpoint', '10 checkpoint', '11 delete'],
  )
  await wal.close()
})

test('a missing first segment is told without naming what is left before it, as nothing is', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(1))
  await disk.remove(segmentAt(2))
  const wal = await reader(disk)
  assert.deepEqual(
    [wal.recovery.damage, wal.stats().firstSeq],
    [[], 4],
    'that is a log as retention leaves it',
  )
})

test('damage in what lies before the hole does not matter any more; damage behind it does', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(2))
  await alterOn(disk, segmentAt(1), (content) => content.fill(1, 1060, 1064))
  assert.deepEqual((await damageOf(disk)).map(brief), ['missing-segment false'])
  await alterOn(disk, segmentAt(3), (content) => content.fill(1, 1060, 1064))
  assert.deepEqual((await damageOf(disk)).map(brief), ['corrupt 4..4 true', 'missing-segment false'])
})

test('a missing segment that no snapshot makes needless is a loss', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(2))
  await spoilSnapshot(disk, 3)
  assert.deepEqual((await damageOf(disk)).map(brief), ['snapshot false', 'missing-segment 2..3 true'])
  await assert.rejects(reader(disk), refusal('WALV_DAMAGED'))
  const salvaged = await reader(disk, 'salvage')
  const found = await collect(salvaged.read())
  assert.deepEqual(
    found.map(({ seq }) => seq),
    [0, 1, 4, 5, 6],
  )
})

test('of two holes the later one is where the log begins', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(1))
  await putFile(
    disk,
    segmentAt(2),
    segmentOf({ number: 2, firstSeq: 1, durableBefore: 1, previous: 1 }, (seed) => [deletion(1, seed)]),
  )
  await putFile(
    disk,
    segmentAt(4),
    segmentOf({ number: 4, firstSeq: 9, durableBefore: 9, previous: 8 }, (seed) => [
      deletion(9, seed),
      checkpoint(10, checkpointOf(9), seed),
      watermarkOf(11, seed),
    ]),
  )
  await putSnapshot(disk, 9)
  const wal = await reader(disk)
  assert.deepEqual([wal.stats().firstSeq, wal.recovery.damage.map(brief)], [9, ['missing-segment false']])
  assert.match(
    wal.recovery.damage[0]!.detail,
    /before record 9 is missing\. .* but segment-0000000002\.walv, segment-0000000003\.walv can no longer be read\.$/,
  )
})

test('a last segment of zeros is a log that is gone, if no other is left', async () => {
  const disk = new SimulatedDisk()
  await putFile(disk, segmentAt(3), Buffer.alloc(4096))
  assert.deepEqual(await damageOf(disk), [
    {
      kind: 'segment-header',
      file: 'segment-0000000003.walv',
      offset: 0,
      bytes: 4096,
      acknowledged: null,
      seqs: [],
      ids: [],
      detail:
        'No segment has a valid header, and segment-0000000003.walv holds nothing but zeros: what was in it is gone.',
    },
  ])
})

test('a directory with snapshots and not one segment is a log that is gone', async () => {
  const disk = new SimulatedDisk()
  await putSnapshot(disk, 1)
  assert.deepEqual(await damageOf(disk), [
    {
      kind: 'missing-segment',
      file: `snapshots/${nameOf(1)}`,
      offset: 0,
      bytes: 0,
      acknowledged: true,
      seqs: [{ from: 0, through: 1 }],
      ids: [],
      detail: `There is not one segment: the log itself is gone. snapshots/${nameOf(1)} was made when it reached to record 1.`,
    },
  ])
  for (const recovery of ['strict', 'salvage', 'repair'] as const)
    await assert.rejects(openOn(disk, { recovery }), refusal('WALV_DAMAGED'))
  await disk.remove(fileOf(1))
  await disk.remove(`${DIRECTORY}/snapshots/${nameOf(1)}`)
  assert.deepEqual(await damageOf(disk), [], 'a folder for snapshots alone says nothing')
})

test('an empty directory, or one of other files, is an empty log without damage', async () => {
  const disk = new SimulatedDisk()
  await putFile(disk, `${DIRECTORY}/README`, Buffer.from('x'))
  assert.deepEqual(await damageOf(disk), [])
})
