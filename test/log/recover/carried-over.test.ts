import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRAME_TYPES } from '../../../src/format/frame.ts'
import {
  alterOn,
  brief,
  collect,
  contentOf,
  crafted,
  customOf,
  frameOfEntry,
  framesOn,
  headerOn,
  idsIn,
  insert,
  openOn,
  putFile,
  SimulatedDisk,
  START,
  segmentAt,
  segmentOf,
  settled,
  type Wal,
  watermarkOf,
} from '../../support/kit.ts'
import { deletion, segmentsOn } from './opened-segments.ts'

const KIB = 1024

const numbersOn = async (disk: SimulatedDisk): Promise<number[]> =>
  (await segmentsOn(disk)).map((name) => Number(name.slice(8, 18)))

test('a small last segment is carried over whole into the new one, and removed', async () => {
  const disk = await crafted((seed) => [deletion(0, seed), deletion(1, seed), watermarkOf(2, seed)])
  const wal = await openOn(disk, { clock: () => START })
  assert.deepEqual(await numbersOn(disk), [2])
  const header = await headerOn(disk, 2)
  const { logId, ...rest } = header
  assert.equal(logId.toString(), 'crafted by tests')
  assert.deepEqual(rest, {
    number: 2,
    firstSeq: 0,
    durableBefore: 2,
    createdAt: START,
    capacity: 256 * KIB,
    previous: 0,
  })
  assert.deepEqual(
    (await framesOn(disk, 2)).map(({ seq, at }) => [seq, at]),
    [
      [0, 1024],
      [1, 1080],
    ],
    'its records, without its promises',
  )
  assert.deepEqual([wal.recovery.reproved, wal.recovery.segments, wal.stats().segments], [0, 1, 1])
  assert.equal(await wal.append(insert('next', [])), 2)
  assert.deepEqual(
    (await framesOn(disk, 2)).map(({ seq, at }) => [seq, at]),
    [
      [0, 1024],
      [1, 1080],
      [2, 1136],
    ],
  )
  await wal.close()
})

test('a last segment of 64 KiB or more is kept, and only what nothing promises is written again', async () => {
  // Frames of 8 KiB: seven of them, with the header and one more to the byte.
  const fill = (bytes: number, seq: number, seed: number): Buffer =>
    frameOfEntry(
      { type: 'custom', kind: 'k', data: new Uint8Array(bytes - 40 - 9) },
      { seq, durableBefore: seq },
      seed,
    )
  for (const [used, kept] of [
    [64 * KIB - 8, false],
    [64 * KIB, true],
  ] as const) {
    const disk = await crafted(
      (seed) => [
        ...Array.from({ length: 7 }, (_, seq) => fill(8 * KIB, seq, seed)),
        fill(used - 1024 - 56 * KIB, 7, seed),
      ],
      { capacity: 128 * KIB },
    )
    const wal = await openOn(disk)
    assert.deepEqual(await numbersOn(disk), kept ? [1, 2] : [2], `${used} bytes used`)
    const header = await headerOn(disk, 2)
    assert.deepEqual([header.firstSeq, header.durableBefore, header.previous], kept ? [7, 8, 1] : [0, 8, 0])
    assert.deepEqual(
      (await framesOn(disk, 2)).map(({ seq }) => seq),
      kept ? [7] : [0, 1, 2, 3, 4, 5, 6, 7],
    )
    assert.equal(wal.recovery.reproved, 1)
    assert.equal((await collect(wal.read())).length, 8)
    await wal.close()
  }
})

test('a last segment that is damaged, or has lost its header, is not carried over', async () => {
  const disk = await crafted((seed) => [deletion(0, seed), deletion(1, seed), watermarkOf(2, seed)])
  await alterOn(disk, segmentAt(1), (content) => content.fill(0, 0, 512))
  const wal = await openOn(disk)
  assert.deepEqual(
    wal.recovery.damage.map(({ kind }) => kind),
    ['segment-header'],
  )
  assert.deepEqual(await numbersOn(disk), [1, 2])
  assert.deepEqual((await framesOn(disk, 2)).length, 0)
  assert.deepEqual(await idsIn(wal), ['id-0', 'id-1'])
  await wal.close()
})

test('what is lost in a segment is not carried over with what nothing in it promises', async () => {
  const disk = await crafted((seed) => [
    deletion(0, seed),
    Buffer.alloc(56, 1),
    deletion(2, seed, { durableBefore: 2 }),
    deletion(3, seed),
  ])
  const wal = await openOn(disk, { recovery: 'salvage' })
  assert.deepEqual([wal.recovery.damage.map(brief), wal.recovery.reproved], [['corrupt 1..1 true'], 2])
  assert.deepEqual(
    (await framesOn(disk, 2)).map(({ seq, type }) => [seq, type]),
    [
      [2, FRAME_TYPES.delete],
      [3, FRAME_TYPES.delete],
    ],
  )
  await wal.close()
  const again = await openOn(disk, { recovery: 'salvage' })
  assert.deepEqual(again.recovery.damage.map(brief), ['corrupt 1..1 true'])
  await again.close()
})

test('a torn tail does not keep a small segment from being carried over, nor does damage elsewhere', async () => {
  const disk = await crafted((seed) => [
    deletion(0, seed),
    deletion(1, seed, { durableBefore: 1 }),
    Buffer.alloc(100, 1),
  ])
  const wal = await openOn(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['torn-tail false'])
  assert.deepEqual(await numbersOn(disk), [2])
  assert.deepEqual([wal.recovery.reproved, await idsIn(wal)], [1, ['id-0', 'id-1']])
  await wal.close()
  const other = await crafted((seed) => [deletion(0, seed)])
  await alterOn(other, segmentAt(1), (content) => content.fill(0, 0, 512))
  const last = segmentOf({ number: 2, firstSeq: 1, durableBefore: 1 }, (seed) => [
    deletion(1, seed),
    watermarkOf(2, seed),
  ])
  await putFile(other, segmentAt(2), last)
  const opened = await openOn(other)
  assert.deepEqual(opened.recovery.damage.map(brief), ['segment-header false'])
  assert.deepEqual([await numbersOn(other), (await headerOn(other, 3)).firstSeq], [[1, 3], 1])
  await opened.close()
})

test('only the segments that hold something to be carried over are read again', async () => {
  const disk = await crafted((seed) => [deletion(0, seed)])
  for (const [number, firstSeq] of [
    [2, 1],
    [3, 2],
  ] as const) {
    const content = segmentOf({ number, firstSeq, durableBefore: 1 }, (seed) =>
      number === 2 ? [deletion(1, seed)] : [],
    )
    await putFile(disk, segmentAt(number), content)
  }
  const from = disk.ops.length
  const wal = await openOn(disk)
  assert.deepEqual([wal.recovery.reproved, (await headerOn(disk, 4)).firstSeq], [1, 1])
  const opened = disk.ops.slice(from).map(({ kind, path }) => `${kind} ${path}`)
  const made = opened.indexOf(`create ${segmentAt(4)}.tmp`)
  const named = opened.indexOf(`link ${segmentAt(4)}.tmp`)
  assert.deepEqual(
    opened.slice(made, named).filter((each) => each.startsWith('open')),
    [`open ${segmentAt(2)}`],
  )
  await wal.close()
})

test('the new segment has room for what is carried over and 256 KiB more, in whole pages, if that is much', async () => {
  // The last of 16 makes it half of 256 KiB to the byte.
  for (const [records, last, capacity] of [
    [15, 8 * KIB, 256 * KIB],
    [16, 7 * KIB, 256 * KIB],
    [16, 7 * KIB + 8, 256 * KIB + 132 * KIB],
    [40, 8 * KIB, 256 * KIB + Math.ceil((1024 + 40 * 8 * KIB) / 4096) * 4096],
  ] as const) {
    const disk = await crafted(
      (seed) =>
        Array.from({ length: records }, (_, seq) =>
          frameOfEntry(
            { type: 'custom', kind: 'k', data: new Uint8Array((seq === records - 1 ? last : 8 * KIB) - 49) },
            { seq },
            seed,
          ),
        ),
      { capacity: 512 * KIB },
    )
    const wal = await openOn(disk)
    assert.equal((await headerOn(disk, 2)).capacity, capacity)
    assert.equal((await contentOf(disk, segmentAt(2))).length, capacity)
    assert.equal(wal.recovery.reproved, records)
    await wal.append(insert('next'))
    assert.equal(wal.stats().rotations, 0)
    assert.equal((await collect(wal.read())).length, records + 1)
    await wal.close()
  }
})

test('a log that was closed in order is gone on with in a segment of 256 KiB, and its last segment is read once', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(customOf(200 * KIB))
  await wal.close()
  const from = disk.ops.length
  const again = await openOn(disk)
  assert.equal((await headerOn(disk, 2)).capacity, 256 * KIB)
  const readings = disk.ops
    .slice(from)
    .filter(({ kind, path, bytes }) => kind === 'read' && path === segmentAt(1) && bytes! > 1024)
  assert.equal(readings.length, 1)
  await again.close()
})

test('records of more than 1 MiB are carried over as well', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { durability: 'os' })
  await wal.append(insert('a'))
  const data = new Uint8Array(3 * KIB * KIB + 7).map((_, index) => index % 251)
  await wal.append({ type: 'custom', kind: 'large', data })
  await wal.append(insert('b'))
  const left = disk.kill()
  await wal.close()
  const again = await openOn(left)
  assert.equal(again.recovery.reproved, 2, 'what was synced before the large one is not')
  const found = await collect(again.read())
  assert.deepEqual(
    found.map(({ entry }) => entry.type),
    ['insert', 'custom', 'insert'],
  )
  const { entry } = found[1]!
  assert.ok(entry.type === 'custom' && Buffer.from(data).equals(entry.data))
  await again.close()
})

test('what is written again is counted, and a reader writes nothing again', async () => {
  const disk = await crafted((seed) => [
    deletion(0, seed),
    deletion(1, seed, { durableBefore: 1 }),
    deletion(2, seed),
  ])
  assert.equal((await openOn(disk, { readOnly: true })).recovery.reproved, 0)
  const wal = await openOn(disk)
  assert.equal(wal.recovery.reproved, 2)
  assert.deepEqual([wal.durableSeq, wal.lastSeq], [2, 2])
  await wal.close()
})

test('the first record of a trimmed log does not count what was before it as written again', async () => {
  const disk = await crafted((seed) => [deletion(7, seed), deletion(8, seed)], { firstSeq: 7 })
  const wal = await openOn(disk, { recovery: 'salvage' })
  assert.equal(wal.recovery.reproved, 2)
  assert.equal(wal.stats().firstSeq, 7)
  await wal.close()
})

test('opening over and over leaves one segment and keeps all records and their timestamps', async () => {
  const disk = new SimulatedDisk()
  for (let round = 0; round < 10; round++) {
    const wal = await openOn(disk, { clock: () => START + round })
    await wal.append(insert(`${round}`))
    await wal.close()
  }
  assert.deepEqual(await numbersOn(disk), [10])
  const wal = await openOn(disk, { readOnly: true })
  const found = await collect(wal.read())
  assert.deepEqual(
    found.map(({ seq, timestamp }) => timestamp - START - seq),
    Array.from({ length: 10 }, () => 0),
  )
})

test('a header says which segment it goes on from, also behind one that was opened and not used', async () => {
  const disk = new SimulatedDisk()
  const fill = async (wal: Wal): Promise<void> => {
    for (let count = 0; count < 2; count++) await wal.append(customOf(200 * KIB))
  }
  let wal = await openOn(disk)
  await fill(wal)
  await wal.close()
  wal = await openOn(disk)
  await wal.append(customOf(600 * KIB))
  await settled()
  await wal.close()
  const previous: [number, number][] = []
  for (const number of await numbersOn(disk)) previous.push([number, (await headerOn(disk, number)).previous])
  assert.deepEqual(previous, [
    [1, 0],
    [2, 1],
    [3, 2],
    [4, 2],
  ])
  assert.equal((await openOn(disk, { readOnly: true })).recovery.damage.length, 0)
})

test('what is carried over is records, without the promises between them', async () => {
  const disk = await crafted((seed) => [
    deletion(0, seed),
    watermarkOf(1, seed),
    deletion(1, seed, { durableBefore: 1 }),
  ])
  const wal = await openOn(disk)
  const frames = await framesOn(disk, 2)
  assert.deepEqual(
    frames.map(({ type }) => type),
    [FRAME_TYPES.delete, FRAME_TYPES.delete],
  )
  await wal.close()
})
