import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeFully } from '../../../src/disk/disk.ts'
import { MAX_SEGMENT_NUMBER, segmentName } from '../../../src/format/segment.ts'
import { SegmentCodec } from '../../../src/format/segment-codec.ts'
import { DirectoryLock } from '../../../src/log/directory-lock.ts'
import type { SegmentExtent } from '../../../src/log/segment/segment-scan.ts'
import { SegmentSupply } from '../../../src/log/segment/segment-supply.ts'
import { createSegment, removeFiles, SegmentList } from '../../../src/log/segment/segments.ts'
import {
  contentOf,
  DIRECTORY,
  type DiskFile,
  emptyDirectory,
  namesOn,
  type Operation,
  putFile,
  type SimulatedDisk,
  segmentAt,
  settled,
} from '../../support/kit.ts'

const MIB = 1024 * 1024
const LOG_ID = Buffer.alloc(16, 5)
const held = new DirectoryLock({ isStillHeld: async () => true, release: async () => {} }, DIRECTORY)

const kinds = (disk: SimulatedDisk, from = 0): Operation['kind'][] =>
  disk.ops.slice(from).map(({ kind }) => kind)

test('a segment is made under a temporary name, in its full size and synced, before it has its own, durably', async () => {
  const disk = await emptyDirectory()
  const from = disk.ops.length
  const segment = await createSegment(disk, DIRECTORY, 3, 4096, {
    write: (file) => writeFully(file, Buffer.from('content'), 100),
  })
  const { file, ...rest } = segment
  assert.deepEqual(rest, { number: 3, path: segmentAt(3), capacity: 4096 })
  assert.deepEqual(kinds(disk, from), [
    'remove',
    'create',
    'write',
    'write',
    'sync',
    'link',
    'remove',
    'syncDirectory',
  ])
  const expected = Buffer.alloc(4096)
  expected.write('content', 100)
  assert.deepEqual(await contentOf(disk.crash('nothing'), segmentAt(3)), expected)
  await writeFully(file, Buffer.from('open for writing'), 0)
  await file.close()
})

test('a segment that is not written with zeros takes no space, and has its full size durably all the same', async () => {
  const disk = await emptyDirectory()
  const from = disk.ops.length
  const { file } = await createSegment(disk, DIRECTORY, 3, 2 ** 20, { zeroed: false })
  await file.close()
  assert.deepEqual(kinds(disk, from), [
    'remove',
    'create',
    'truncate',
    'sync',
    'link',
    'remove',
    'syncDirectory',
    'close',
  ])
  assert.equal(disk.usedBytes, 0)
  assert.deepEqual(await contentOf(disk.crash('nothing'), segmentAt(3)), Buffer.alloc(2 ** 20))
})

test('a segment is prepared with or without zeros, and made without them where an append waits for it', async () => {
  for (const [zeroed, bytes] of [
    [true, 8192],
    [false, 0],
  ] as const) {
    const disk = await emptyDirectory()
    const supply = new SegmentSupply(disk, DIRECTORY, held)
    supply.prepare(2, 8192, zeroed)
    await supply.take(2, 8192)
    assert.equal(disk.usedBytes, bytes)
    await supply.take(3, 8192)
    assert.equal(disk.usedBytes, bytes)
  }
})

test('zeros are written in pieces of at most 1 MiB, and not one byte beyond the capacity', async () => {
  const disk = await emptyDirectory()
  for (const capacity of [MIB, 2 * MIB + 4096]) {
    const from = disk.ops.length
    const { file } = await createSegment(disk, DIRECTORY, capacity / 4096, capacity)
    const writes = disk.ops.slice(from).filter(({ kind }) => kind === 'write')
    assert.deepEqual(
      writes.map(({ position, bytes }) => [position, bytes]),
      capacity === MIB
        ? [[0, MIB]]
        : [
            [0, MIB],
            [MIB, MIB],
            [2 * MIB, 4096],
          ],
    )
    assert.equal((await contentOf(disk, segmentAt(capacity / 4096))).length, capacity)
    await file.close()
  }
})

test('what an earlier attempt left under the temporary name is gone first', async () => {
  const disk = await emptyDirectory()
  await putFile(disk, `${segmentAt(1)}.tmp`, Buffer.alloc(100_000, 9))
  const { file } = await createSegment(disk, DIRECTORY, 1, 4096)
  assert.deepEqual(await contentOf(disk, segmentAt(1)), Buffer.alloc(4096))
  await file.close()
  assert.deepEqual(await namesOn(disk), [segmentName(1)])
})

for (const kind of ['remove', 'create', 'write', 'sync', 'link', 'syncDirectory'] as const) {
  test(`a segment that cannot be made, as ${kind} fails, leaves no name and no open file, and the error is the disk's`, async () => {
    const disk = await emptyDirectory()
    const from = disk.ops.length
    let failed = false
    disk.onOperation = (operation) => {
      if (failed || operation.number < from || operation.kind !== kind) return undefined
      failed = true
      return { code: 'EIO' }
    }
    await assert.rejects(createSegment(disk, DIRECTORY, 1, 4096), { code: 'EIO' })
    assert.deepEqual(await namesOn(disk), [])
    assert.equal(kinds(disk, from).includes('close'), kind !== 'remove' && kind !== 'create')
  })
}

test('a segment has the largest number that there is, or is refused, and nothing is touched', async () => {
  const disk = await emptyDirectory()
  const { file } = await createSegment(disk, DIRECTORY, MAX_SEGMENT_NUMBER, 4096)
  await file.close()
  const from = disk.ops.length
  await assert.rejects(createSegment(disk, DIRECTORY, MAX_SEGMENT_NUMBER + 1, 4096), {
    code: 'WALV_SEQUENCE_EXHAUSTED',
    file: DIRECTORY,
    message: `The log in ${DIRECTORY} has used all segment numbers up to ${MAX_SEGMENT_NUMBER}. Start a new log.`,
  })
  assert.equal(disk.ops.length, from)
})

test('a segment whose content cannot be written is not left behind', async () => {
  const disk = await emptyDirectory()
  const fail = async (file: DiskFile): Promise<void> => {
    await writeFully(file, Buffer.from('half'), 0)
    throw new Error('on purpose')
  }
  await assert.rejects(createSegment(disk, DIRECTORY, 1, 4096, { write: fail }), { message: 'on purpose' })
  assert.deepEqual(await namesOn(disk), [])
  assert.ok(kinds(disk).includes('close'))
})

test('an error while a segment that could not be made is cleaned up does not hide the first one', async () => {
  const disk = await emptyDirectory()
  const from = disk.ops.length + 1
  disk.onOperation = ({ kind, number }) => {
    if (number < from) return undefined
    if (kind === 'sync') return { code: 'EIO' }
    return kind === 'close' || kind === 'remove' ? { code: 'EACCES' } : undefined
  }
  await assert.rejects(createSegment(disk, DIRECTORY, 1, 4096), { code: 'EIO' })
})

const extent = (number: number, firstSeq: number, supersededFrom: number): SegmentExtent => ({
  number,
  name: segmentName(number),
  path: segmentAt(number),
  bytes: 100 * number,
  codec: SegmentCodec.of(LOG_ID, number),
  firstSeq,
  supersededFrom,
  scanEnd: Number.POSITIVE_INFINITY,
  openEnded: false,
  tolerateUnreadable: false,
})

/** Three segments: records 0 to 9, 10 to 19, and from 20 on. */
async function threeSegments(): Promise<{ disk: SimulatedDisk; list: SegmentList }> {
  const disk = await emptyDirectory()
  const extents = [extent(1, 0, 10), extent(2, 10, 20), extent(3, 20, Number.POSITIVE_INFINITY)]
  for (const { path } of extents) await putFile(disk, path, Buffer.from('segment'))
  return { disk, list: new SegmentList(disk, DIRECTORY, LOG_ID, extents) }
}

test('the list of segments tells how many there are, their bytes, and where they begin', async () => {
  const { list } = await threeSegments()
  assert.deepEqual([list.count, list.bytes, list.firstSeq], [3, 600, 0])
})

test('a new segment ends what the last one holds', async () => {
  const { disk, list } = await threeSegments()
  const before = list.extents()
  const { file } = await createSegment(disk, DIRECTORY, 4, 4096)
  const segment = { number: 4, path: segmentAt(4), capacity: 4096, file }
  list.add(segment, {
    logId: LOG_ID,
    number: 4,
    firstSeq: 25,
    durableBefore: 25,
    createdAt: 0,
    capacity: 4096,
    previous: 3,
  })
  assert.deepEqual(list.extents().slice(2), [
    extent(3, 20, 25),
    { ...extent(4, 25, Number.POSITIVE_INFINITY), bytes: 4096 },
  ])
  assert.equal(before.length, 3, 'a reader that has begun goes on with the list as it was')
  await file.close()
})

test('the first segment of a log may be added to an empty list', async () => {
  const disk = await emptyDirectory()
  const list = new SegmentList(disk, DIRECTORY, LOG_ID, [])
  const { file } = await createSegment(disk, DIRECTORY, 1, 100)
  const segment = { number: 1, path: segmentAt(1), capacity: 100, file }
  list.add(segment, {
    logId: LOG_ID,
    number: 1,
    firstSeq: 0,
    durableBefore: 0,
    createdAt: 0,
    capacity: 100,
    previous: 0,
  })
  assert.deepEqual(list.extents(), [extent(1, 0, Number.POSITIVE_INFINITY)])
  await file.close()
})

for (const [floor, left] of [
  [9, [1, 2, 3]],
  [10, [2, 3]],
  [19, [2, 3]],
  [20, [3]],
  [1000, [3]],
] as const) {
  test(`what holds nothing from record ${floor} on is dropped: ${left.join(', ')} are left`, async () => {
    const { disk, list } = await threeSegments()
    const from = disk.ops.length
    await list.dropBefore(floor)
    assert.deepEqual(await namesOn(disk), left.map(segmentName))
    assert.deepEqual([list.count, list.firstSeq], [left.length, (left[0] - 1) * 10])
    const steps = ['open', 'remove', 'syncDirectory', 'truncate', 'truncate', 'close']
    const expected = Array.from({ length: 3 - left.length }, () => steps).flat()
    assert.deepEqual(
      kinds(disk, from).slice(0, -1),
      expected,
      'each removal is durable before the next, and before the file is cut',
    )
  })
}

test('a last segment is never dropped, whatever is asked for', async () => {
  const disk = await emptyDirectory()
  await putFile(disk, segmentAt(1), Buffer.from('segment'))
  const list = new SegmentList(disk, DIRECTORY, LOG_ID, [extent(1, 0, 10)])
  await list.dropBefore(10)
  assert.deepEqual(await namesOn(disk), [segmentName(1)])
})

test('a segment that is gone already is dropped from the list; one that cannot be removed stays in it', async () => {
  const { disk, list } = await threeSegments()
  await disk.remove(segmentAt(1))
  disk.onOperation = ({ kind, path }) =>
    kind === 'remove' && path === segmentAt(2) ? { code: 'EIO' } : undefined
  await assert.rejects(list.dropBefore(20), { code: 'EIO' })
  assert.deepEqual([list.count, list.firstSeq], [2, 10])
  disk.onOperation = undefined
  await list.dropBefore(20)
  assert.deepEqual([list.count, await namesOn(disk)], [1, [segmentName(3)]])
})

test('files are removed by name, missing ones passed over, and the directory is synced once if there were any names', async () => {
  const disk = await emptyDirectory()
  for (const name of ['a', 'b', 'c']) await putFile(disk, `${DIRECTORY}/${name}`, Buffer.from(name))
  let from = disk.ops.length
  await removeFiles(disk, DIRECTORY, [])
  assert.equal(disk.ops.length, from)
  from = disk.ops.length
  await removeFiles(disk, DIRECTORY, ['a', 'missing', 'c'])
  assert.deepEqual(kinds(disk, from), ['remove', 'remove', 'remove', 'syncDirectory'])
  assert.deepEqual(await namesOn(disk.crash('nothing')), ['b'])
})

test('a prepared segment is taken if number and size fit, without another being made', async () => {
  const disk = await emptyDirectory()
  const supply = new SegmentSupply(disk, DIRECTORY, held)
  supply.prepare(2, 8192, true)
  supply.prepare(2, 8192, true)
  const taken = await supply.take(2, 4096)
  assert.deepEqual([taken.number, taken.capacity], [2, 8192])
  assert.equal(kinds(disk).filter((kind) => kind === 'create').length, 1)
  await supply.discard()
  assert.deepEqual(await namesOn(disk), [segmentName(2)], 'what was taken is not discarded')
  supply.prepare(3, 4096, true)
  assert.equal((await supply.take(3, 4096)).capacity, 4096, 'a size that just fits')
  assert.deepEqual(await namesOn(disk), [segmentName(2), segmentName(3)])
})

for (const [why, number, capacity] of [
  ['of another number', 3, 4096],
  ['too small', 2, 8192],
] as const) {
  test(`a prepared segment ${why} is removed, durably, and another is made`, async () => {
    const disk = await emptyDirectory()
    const supply = new SegmentSupply(disk, DIRECTORY, held)
    supply.prepare(2, 4096, true)
    await settled()
    const from = disk.ops.length
    const taken = await supply.take(number, capacity)
    assert.deepEqual([taken.number, taken.capacity], [number, capacity])
    assert.deepEqual(kinds(disk, from).slice(0, 3), ['close', 'remove', 'syncDirectory'])
    assert.deepEqual(await namesOn(disk), [segmentName(number)])
    assert.equal((await contentOf(disk, segmentAt(number))).length, capacity)
  })
}

test('a prepared segment that does not fit goes, and another is made, though closing it fails', async () => {
  const disk = await emptyDirectory()
  const supply = new SegmentSupply(disk, DIRECTORY, held)
  supply.prepare(2, 4096, true)
  await settled()
  disk.onOperation = ({ kind }) => (kind === 'close' ? { code: 'EIO' } : undefined)
  assert.equal((await supply.take(2, 8192)).capacity, 8192)
  assert.deepEqual(await namesOn(disk), [segmentName(2)])
})

test('a segment that could not be prepared is made when it is needed', async () => {
  const disk = await emptyDirectory()
  const supply = new SegmentSupply(disk, DIRECTORY, held)
  disk.onOperation = ({ kind }) => (kind === 'create' ? { code: 'ENOSPC' } : undefined)
  supply.prepare(2, 4096, true)
  await settled()
  disk.onOperation = undefined
  supply.prepare(2, 4096, true)
  await settled()
  assert.deepEqual(await namesOn(disk), [], 'a full disk is not filled again and again')
  assert.equal((await supply.take(2, 4096)).number, 2)
  await supply.discard()
  assert.deepEqual(await namesOn(disk), [segmentName(2)])
})

test('what was prepared and not taken is discarded once', async () => {
  const disk = await emptyDirectory()
  const supply = new SegmentSupply(disk, DIRECTORY, held)
  await supply.discard()
  supply.prepare(2, 4096, true)
  await supply.discard()
  const from = disk.ops.length
  await supply.discard()
  assert.equal(disk.ops.length, from)
  assert.deepEqual(await namesOn(disk.crash('nothing')), [])
})
