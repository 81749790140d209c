import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRAME_TYPES } from '../../../src/format/frame.ts'
import { segmentName } from '../../../src/format/segment.ts'
import {
  alterOn,
  brief,
  collect,
  contentOf,
  framesOn,
  headerOn,
  namesOn,
  openOn,
  pictureOf,
  refusal,
  START,
  segmentAt,
} from '../../support/kit.ts'
import { QUARANTINE, recordsIn, repair, spoil, threeSegments } from './repaired-log.ts'

const KIB = 1024

test('a damaged segment is written anew with all that verifies, a gap in the place of each loss, and its promises', async () => {
  const disk = await threeSegments()
  const damaged = await (async () => {
    await spoil(disk, 4)
    return contentOf(disk, segmentAt(2))
  })()
  const [first, third] = [await contentOf(disk, segmentAt(1)), await contentOf(disk, segmentAt(3))]
  const wal = await repair(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['corrupt 4..4 true'])
  assert.deepEqual(wal.recovery.quarantined, [`${QUARANTINE}/${segmentName(2)}`])
  assert.deepEqual(await contentOf(disk, `${QUARANTINE}/${segmentName(2)}`), damaged)
  assert.deepEqual(await contentOf(disk, segmentAt(1)), first, 'what is not damaged is left as it is')
  assert.equal(
    (await namesOn(disk)).includes(segmentName(3)),
    false,
    'the last one is small, and carried over',
  )
  assert.ok(third.length > 0)
  const { logId, ...header } = await headerOn(disk, 2)
  assert.equal(logId.toString(), 'crafted by tests')
  assert.deepEqual(header, {
    number: 2,
    firstSeq: 3,
    durableBefore: 9,
    createdAt: START,
    capacity: 80 * KIB,
    previous: 1,
  })
  assert.equal((await contentOf(disk, segmentAt(2))).length, 80 * KIB)
  const frames = await framesOn(disk, 2)
  assert.deepEqual(
    frames.map(({ seq, type, at }) => [seq, type, at]),
    [
      [3, FRAME_TYPES.custom, 1024],
      [4, FRAME_TYPES.gap, 1176],
      [5, FRAME_TYPES.custom, 1224],
    ],
  )
  assert.deepEqual(
    frames.map(({ timestamp }) => timestamp - START),
    [3, 3, 5],
    'a gap has the time of the record before it',
  )
  assert.deepEqual(await recordsIn(wal), ['0', '1', '2', '3', '4-4', '5', '6', '7', '8'])
  assert.deepEqual(wal.recovery.gaps, [{ from: 4, through: 4 }])
  await wal.close()
  const again = await openOn(disk)
  assert.deepEqual([again.recovery.damage, again.recovery.gaps], [[], [{ from: 4, through: 4 }]])
  await again.close()
})

test('a loss at the beginning and at the end of a segment, and in several, are all named', async () => {
  const disk = await threeSegments()
  for (const seq of [0, 5, 6]) await spoil(disk, seq)
  const wal = await repair(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), [
    'corrupt 0..0 true',
    'corrupt 5..5 true',
    'corrupt 6..6 true',
  ])
  assert.deepEqual(
    wal.recovery.quarantined,
    [1, 2, 3].map((number) => `${QUARANTINE}/${segmentName(number)}`),
  )
  assert.deepEqual(await recordsIn(wal), ['0-0', '1', '2', '3', '4', '5-5', '6-6', '7', '8'])
  assert.equal((await headerOn(disk, 1)).previous, 0)
  await wal.close()
})

test('a segment that is missing becomes a gap at the beginning of the next', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(2))
  const wal = await repair(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['missing-segment 3..5 true'])
  assert.deepEqual(wal.recovery.quarantined, [`${QUARANTINE}/${segmentName(3)}`])
  assert.deepEqual(await recordsIn(wal), ['0', '1', '2', '3-5', '6', '7', '8'])
  await wal.close()
  const again = await openOn(disk)
  assert.deepEqual(again.recovery.damage, [])
  await again.close()
})

test('a gap in front of all records of a segment has the time at which that was made', async () => {
  for (const damage of ['a missing segment', 'a bad record'] as const) {
    const disk = await threeSegments()
    if (damage === 'a missing segment') await disk.remove(segmentAt(1))
    else await spoil(disk, 3)
    const wal = await repair(disk)
    const gap = (await collect(wal.read())).find(({ entry }) => entry.type === 'gap')!
    assert.equal(gap.timestamp, START, damage)
    assert.equal((await headerOn(disk, 2)).createdAt, START)
    await wal.close()
  }
})

test('only the next segment gets the gap of a missing one, whatever else is damaged', async () => {
  const disk = await threeSegments()
  await spoil(disk, 1)
  await disk.remove(segmentAt(2))
  const wal = await repair(disk)
  assert.deepEqual(await recordsIn(wal), ['0', '1-1', '2', '3-5', '6', '7', '8'])
  await wal.close()
})

test('what nothing promised is not promised by a segment that is written anew', async () => {
  const disk = await threeSegments()
  await spoil(disk, 4)
  const [, , , promise] = await framesOn(disk, 3)
  await alterOn(disk, segmentAt(3), (content) => content.fill(0, promise!.at))
  const wal = await repair(disk)
  assert.deepEqual([(await headerOn(disk, 2)).durableBefore, wal.lastSeq], [8, 8])
  await wal.close()
})

test('a first segment that is missing becomes a gap from record 0 on', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(1))
  const wal = await repair(disk)
  assert.deepEqual(await recordsIn(wal), ['0-2', '3', '4', '5', '6', '7', '8'])
  assert.deepEqual([wal.stats().firstSeq, (await headerOn(disk, 2)).previous], [0, 0])
  await wal.close()
})

test('a header that does not verify is written anew, and its records with it', async () => {
  const disk = await threeSegments()
  await alterOn(disk, segmentAt(2), (content) => content.fill(0, 0, 1024))
  const wal = await repair(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['segment-header false', 'segment-header false'])
  assert.deepEqual(
    wal.recovery.quarantined,
    [`${QUARANTINE}/${segmentName(2)}`],
    'once, whatever is wrong with it',
  )
  assert.equal((await headerOn(disk, 2)).firstSeq, 3)
  assert.deepEqual(await recordsIn(wal), ['0', '1', '2', '3', '4', '5', '6', '7', '8'])
  await wal.close()
})

test('a file that was cut gets room for what is left of it, and more', async () => {
  const disk = await threeSegments()
  await alterOn(disk, segmentAt(2), (content) => content.subarray(0, 1024 + 2 * 152))
  const wal = await repair(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['corrupt 5..5 true', 'truncated false'])
  const { capacity } = await headerOn(disk, 2)
  assert.deepEqual([capacity, (await contentOf(disk, segmentAt(2))).length], [68 * KIB, 68 * KIB])
  assert.deepEqual(await recordsIn(wal), ['0', '1', '2', '3', '4', '5-5', '6', '7', '8'])
  await wal.close()
})

test('a torn tail is cut, and needs no repair; a foreign directory neither', async () => {
  const disk = await threeSegments()
  await alterOn(disk, segmentAt(3), (content) => {
    content.fill(1, 1024 + 3 * 152, 1024 + 3 * 152 + 80)
  })
  await disk.makeDirectory(segmentAt(9))
  const before = await contentOf(disk, segmentAt(1))
  const wal = await repair(disk)
  assert.deepEqual(
    wal.recovery.damage.map(({ kind }) => kind),
    ['foreign', 'torn-tail'],
  )
  assert.deepEqual(wal.recovery.quarantined, [])
  assert.deepEqual(await contentOf(disk, segmentAt(1)), before)
  await wal.close()
})

test("a log that has nothing to repair, or a torn tail, is opened by 'repair' as by 'strict'", async () => {
  for (const torn of [false, true]) {
    const disk = await threeSegments()
    if (torn)
      await alterOn(disk, segmentAt(3), (content) => content.fill(1, 1024 + 3 * 152, 1024 + 3 * 152 + 80))
    const strict = disk.kill()
    const opened = [await repair(disk), await openOn(strict)]
    assert.deepEqual(opened[0]!.recovery.damage.map(brief), torn ? ['torn-tail false'] : [])
    assert.deepEqual(await namesOn(disk), await namesOn(strict))
    assert.deepEqual(
      disk.ops.map(({ kind, path }) => `${kind} ${path}`).slice(-strict.ops.length),
      strict.ops.map(({ kind, path }) => `${kind} ${path}`),
    )
    for (const wal of opened) await wal.close()
  }
})

test('a repair that fails, at whatever operation, loses nothing, and the next one completes it', async () => {
  const prepared = await threeSegments()
  for (const seq of [4, 7]) await spoil(prepared, seq)
  const probe = prepared.kill()
  await repair(probe)
  for (const { number, kind, path } of probe.ops) {
    if (kind === 'read') continue
    const disk = prepared.kill()
    disk.onOperation = (operation) => (operation.number === number ? { code: 'ENOSPC' } : undefined)
    await repair(disk).then(
      (wal) => wal.close(),
      () => {},
    )
    disk.onOperation = undefined
    const wal = await repair(disk)
    assert.deepEqual(
      await recordsIn(wal),
      ['0', '1', '2', '3', '4-4', '5', '6', '7-7', '8'],
      `${kind} ${path}`,
    )
    await wal.close()
  }
})

test('a reader repairs nothing', async () => {
  const disk = await threeSegments()
  await spoil(disk, 4)
  const before = await pictureOf(disk)
  const wal = await openOn(disk, { recovery: 'repair', readOnly: true })
  assert.deepEqual(wal.recovery.quarantined, [])
  await assert.rejects(collect(wal.read()), refusal('WALV_DAMAGED'))
  assert.deepEqual(await pictureOf(disk), before)
})
