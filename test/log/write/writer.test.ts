import '../../support/steerable-time.ts'
import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { DiskFile } from '../../../src/disk/disk.ts'
import { FRAME_TYPES, frameBytes } from '../../../src/format/frame.ts'
import { encodeSegmentHeader } from '../../../src/format/segment.ts'
import { type Durability, MAX_SEQUENCE, type Wal, type WalError } from '../../../src/mod.ts'
import type { Operation } from '../../../src/testing/disk/operations.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { collect, customOf, idsIn, insert, refusal } from '../../support/logs.ts'
import {
  contentOf,
  type FoundFrame,
  framesOn,
  headerOn,
  namesOn,
  openOn,
  putFile,
  START,
  segmentAt,
  settled,
} from '../../support/simulated-log.ts'

const KIB = 1024
/** Kept free behind the last record of a segment: two promises, each at the start of a sector. */
const PROMISE_ROOM = 2 * (512 + 40)
/**
 * A frame of the kind `large` takes so many bytes more than its data, up to one piece of the
 * checksum.
 */
const CUSTOM_OVERHEAD = 40 + 8 + 'large'.length

/** What is written in a segment, frame by frame: number, promise and place. */
const layout = (frames: readonly FoundFrame[]): number[][] =>
  frames.map(({ seq, durableBefore, at }) => [seq, durableBefore, at])

/** A segment goes on under the path by which it was made, which was its temporary one. */
const operationsOf = (disk: SimulatedDisk, from: number): string[] =>
  disk.ops.slice(from).map(({ kind, path }) => `${kind} ${basename(path, '.tmp')}`)

/** Data of a custom entry whose frame has so many bytes: at most one piece of the checksum. */
const customFrame = (bytes: number): ReturnType<typeof customOf> => customOf(bytes - CUSTOM_OVERHEAD)

/**
 * Fills the active segment, byte for byte, with frames of `data`, until so many bytes are free
 * behind the last.
 */
async function fillUntil(wal: Wal, disk: SimulatedDisk, free: number): Promise<void> {
  const number = wal.stats().segments
  const { capacity } = await headerOn(disk, number)
  const last = (await framesOn(disk, number)).at(-1)
  let at = last ? last.at + last.bytes : 1024
  while (capacity - free - at >= 8 * KIB) {
    await wal.append(customFrame(4 * KIB))
    at += 4 * KIB
  }
  await wal.append(customFrame(capacity - free - at))
}

test('frames stand back to back from offset 1024 on, and the last of each group tells what was durable before it', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(insert('a', []))
  await Promise.all(['b', 'c', 'd'].map((id) => wal.append(insert(id, []))))
  await wal.append(insert('e', []))
  const frames = await framesOn(disk, 1)
  assert.deepEqual(layout(frames), [
    [0, 0, 1024],
    [1, 1, 1080],
    [2, 1, 1136],
    [3, 1, 1192],
    [4, 4, 1248],
  ])
  assert.deepEqual(
    frames.map(({ flags }) => flags),
    [0, 0, 0, 0, 0],
  )
  await wal.close()
})

test('what was synced while a group filled is told by its last frame', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  let second: Promise<number> | undefined
  disk.onOperation = ({ kind }) => {
    if (kind === 'sync') second ??= wal.append(insert('b', []))
    return undefined
  }
  await wal.append(insert('a', []))
  await second
  assert.deepEqual(layout(await framesOn(disk, 1)), [
    [0, 0, 1024],
    [1, 1, 1080],
  ])
  await wal.close()
})

test('closing writes two promises that the log was closed in order, each at the start of a sector, zeros before them', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(insert('a', []))
  await wal.close()
  const frames = (await framesOn(disk, 1)).slice(1)
  assert.deepEqual(
    frames.map(({ type, flags, seq, durableBefore, at, payloadBytes }) => ({
      type,
      flags,
      seq,
      durableBefore,
      at,
      payloadBytes,
    })),
    [1536, 2048].map((at) => ({
      type: FRAME_TYPES.watermark,
      flags: 2,
      seq: 1,
      durableBefore: 1,
      at,
      payloadBytes: 0,
    })),
  )
  const content = await contentOf(disk, segmentAt(1))
  assert.ok(content.subarray(1080, 1536).every((byte) => byte === 0))
  assert.ok(content.subarray(1576, 2048).every((byte) => byte === 0))
  assert.ok(content.subarray(2088).every((byte) => byte === 0))
  assert.equal(content.length, 256 * KIB)
})

test('zeros are written before a promise also where the memory held the bytes of an earlier group', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  for (let round = 0; round < 3; round++) await wal.append(customOf(4 * KIB))
  await wal.append(insert('a', []))
  await wal.close()
  const frames = await framesOn(disk, 1)
  const [record, one, two] = frames.slice(-3)
  const content = await contentOf(disk, segmentAt(1))
  assert.ok(content.subarray(record!.at + record!.bytes, one!.at).every((byte) => byte === 0))
  assert.ok(content.subarray(one!.at + one!.bytes, two!.at).every((byte) => byte === 0))
})

test('a log that was opened and closed without an append writes no records, and is closed in order', async () => {
  const disk = new SimulatedDisk()
  await (await openOn(disk)).close()
  assert.deepEqual(
    (await framesOn(disk, 1)).map(({ type, seq, flags }) => [type, seq, flags]),
    [
      [FRAME_TYPES.watermark, 0, 2],
      [FRAME_TYPES.watermark, 0, 2],
    ],
  )
  const again = await openOn(disk)
  assert.deepEqual([again.recovery.closedInOrder, again.recovery.damage], [true, []])
  await again.close()
})

test('the first segment has 256 KiB, and its header says what log it begins', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { clock: () => START })
  const { logId, ...header } = await headerOn(disk, 1)
  assert.deepEqual(header, {
    number: 1,
    firstSeq: 0,
    durableBefore: 0,
    createdAt: START,
    capacity: 256 * KIB,
    previous: 0,
  })
  assert.equal(logId.length, 16)
  const other = new SimulatedDisk()
  const second = await openOn(other)
  assert.notDeepEqual((await headerOn(other, 1)).logId, logId, 'every log has an id of its own')
  await Promise.all([wal.close(), second.close()])
})

test('timestamps are those of the clock, and never decrease, also when the clock does', async () => {
  const disk = new SimulatedDisk()
  let now = START
  const wal = await openOn(disk, { clock: () => now })
  await wal.append(insert('a'))
  now = START + 10
  await wal.append(insert('b'))
  now = START - 1000
  await wal.append(insert('c'))
  await wal.close()
  const again = await openOn(disk, { clock: () => now })
  await again.append(insert('d'))
  const found = await collect(again.read())
  assert.deepEqual(
    found.map(({ timestamp }) => timestamp - START),
    [0, 10, 10, 10],
  )
  await again.close()
})

test('a segment takes records up to the room that two promises need, and not a byte more', async () => {
  for (const more of [0, 8]) {
    const disk = new SimulatedDisk()
    const wal = await openOn(disk)
    await fillUntil(wal, disk, PROMISE_ROOM + 64)
    await wal.append(customFrame(64 + more))
    assert.equal(wal.stats().rotations, more === 0 ? 0 : 1)
    assert.equal(wal.stats().segments, more === 0 ? 1 : 2)
    await wal.close()
    const again = await openOn(disk, { readOnly: true })
    assert.equal(again.recovery.closedInOrder, true, 'the promises of closing found their room')
    assert.equal(again.recovery.entries, wal.lastSeq + 1)
  }
})

test('the header of the next segment promises all that came before, and its group begins behind it', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await fillUntil(wal, disk, PROMISE_ROOM)
  const next = wal.lastSeq + 1
  await wal.append(insert('next', []))
  const { logId } = await headerOn(disk, 1)
  const { createdAt, ...header } = await headerOn(disk, 2)
  assert.deepEqual(header, {
    logId,
    number: 2,
    firstSeq: next,
    durableBefore: next,
    capacity: 512 * KIB,
    previous: 1,
  })
  assert.equal(createdAt, (await framesOn(disk, 2))[0]!.timestamp)
  assert.deepEqual(layout(await framesOn(disk, 2)), [[next, next, 1024]])
  const copies = (await contentOf(disk, segmentAt(2))).subarray(0, 1024)
  assert.deepEqual(copies, encodeSegmentHeader(await headerOn(disk, 2)))
  await wal.close()
})

test('a segment for a large record has the bytes that it, the header and two promises need, in whole pages', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { segmentMaxBytes: 64 * KIB })
  await wal.append(insert('a'))
  // Three pieces of 8 KiB have two further sums: 8 bytes behind the payload.
  const frame = 40 + 300 * KIB + Math.ceil((300 * KIB) / 8192 - 1) * 4 + 4
  await wal.append(customOf(300 * KIB - CUSTOM_OVERHEAD + 40))
  const [record] = await framesOn(disk, 2)
  assert.equal(record!.bytes, Math.ceil(frame / 8) * 8)
  const { capacity } = await headerOn(disk, 2)
  assert.equal(capacity, Math.ceil((1024 + record!.bytes + PROMISE_ROOM) / 4096) * 4096)
  await wal.append(insert('b'))
  assert.equal((await headerOn(disk, 2)).capacity, capacity)
  await wal.append(customOf(64 * KIB))
  assert.equal(
    (await headerOn(disk, 3)).capacity,
    68 * KIB,
    'as much as the record needs: more than the limit',
  )
  await wal.append(customOf(20 * KIB))
  assert.equal((await headerOn(disk, 4)).capacity, 64 * KIB, 'the limit')
  await wal.close()
})

test('the next segment is prepared as soon as one is half full, and closing takes it away', async () => {
  for (const free of [128 * KIB + 8, 128 * KIB]) {
    const disk = new SimulatedDisk()
    const wal = await openOn(disk)
    await fillUntil(wal, disk, free)
    await settled()
    const prepared = free === 128 * KIB ? [segmentAt(2)] : []
    const present = await namesOn(disk)
    assert.deepEqual(
      present.filter((name) => name.includes('0002')),
      prepared.map((path) => basename(path)),
    )
    if (prepared.length > 0) assert.equal((await contentOf(disk, segmentAt(2))).length, 512 * KIB)
    await wal.close()
    assert.deepEqual(await namesOn(disk), ['LOCK', 'segment-0000000001.walv'])
  }
})

test('a prepared segment is written with zeros, unless groups are of 64 KiB and more', async () => {
  for (const [groupBytes, zeros] of [
    [64 * KIB - 8, 512 * KIB],
    [64 * KIB, 0],
  ] as const) {
    const disk = new SimulatedDisk()
    const wal = await openOn(disk)
    await fillUntil(wal, disk, 130 * KIB)
    const from = disk.ops.length
    const pages = Array.from({ length: 15 }, () => wal.append(customFrame(4 * KIB)))
    await Promise.all([...pages, wal.append(customFrame(groupBytes - 60 * KIB))])
    await settled()
    const written = disk.ops.slice(from).filter(({ kind, path }) => kind === 'write' && path.includes('0002'))
    assert.equal(
      written.reduce((sum, { bytes }) => sum + bytes!, 0),
      zeros,
    )
    await wal.close()
  }
})

test('a segment without a record is none that the next goes on from', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(customOf(300 * KIB))
  assert.equal((await headerOn(disk, 2)).previous, 0)
  await wal.append(customOf(600 * KIB))
  assert.equal((await headerOn(disk, 3)).previous, 2)
  await wal.close()
})

test('a segment made for a large record has room for two promises behind it, also where record and header fill whole pages', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { segmentMaxBytes: 64 * KIB })
  let bytes = 300 * KIB
  while ((1024 + frameBytes(8 + 'large'.length + bytes)) % 4096 !== 0) bytes++
  await wal.append(customOf(bytes))
  const [record] = await framesOn(disk, 2)
  const { capacity } = await headerOn(disk, 2)
  assert.equal((record!.at + record!.bytes) % 4096, 0)
  assert.equal(capacity, record!.at + record!.bytes + 4096)
  await wal.close()
})

test('the records of a transaction are not written before its end, unless there is more than a group of them', async (t) => {
  // Nor does the log fall idle meanwhile.
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  const transaction = wal.begin()
  transaction.insert('a', [])
  const from = disk.ops.length
  await settled()
  assert.equal(disk.ops.length, from)
  for (let count = 0; count < 6; count++) transaction.append(customOf(200 * KIB))
  await settled()
  assert.ok(
    wal.stats().groups > 0 && wal.stats().pendingBytes === 0,
    'what is too much for a group is on disk',
  )
  await transaction.commit()
  const found = await collect(wal.read())
  assert.deepEqual(
    found.map(({ seq, transactionId }) => [seq, transactionId]),
    [0, 1, 2, 3, 4, 5, 6, 7, 8].map((seq) => [seq, 0]),
  )
  await wal.close()
})

test('closing writes what nobody has asked for yet', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  const transaction = wal.begin()
  transaction.insert('a', [])
  await wal.close()
  const again = await openOn(disk, { readOnly: true })
  assert.deepEqual([again.recovery.entries, again.recovery.closedInOrder], [2, true])
})

test('flush resolves at once when everything is durable', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(insert('a', []))
  await settled()
  let turned = false
  setImmediate(() => {
    turned = true
  })
  await wal.flush()
  assert.equal(turned, false)
  await wal.close()
})

/** Opens a log whose segments may be a minute old. */
async function logOfMinutes(): Promise<{ wal: Wal; disk: SimulatedDisk; pass: (ms: number) => void }> {
  const disk = new SimulatedDisk()
  let now = START
  const wal = await openOn(disk, { clock: () => now, segmentMaxAgeMs: 60_000 })
  return {
    wal,
    disk,
    pass: (ms) => {
      now += ms
    },
  }
}

test('a segment that holds records and has reached the age limit is followed by a new one at the next append', async () => {
  const { wal, disk, pass } = await logOfMinutes()
  await wal.append(insert('a', []))
  pass(59_999)
  await wal.append(insert('b', []))
  assert.equal(wal.stats().rotations, 0)
  pass(1)
  await wal.append(insert('c', []))
  assert.equal(wal.stats().rotations, 1)
  assert.equal((await headerOn(disk, 2)).capacity, 512 * KIB)
  pass(59_999)
  await wal.append(insert('d', []))
  assert.equal(wal.stats().rotations, 1, 'its age counts from its beginning')
  pass(1)
  await Promise.all(['e', 'f', 'g'].map((id) => wal.append(insert(id, []))))
  assert.equal(wal.stats().rotations, 2, 'one for all that is appended at once')
  await wal.close()
})

test('a segment without a record is never too old', async () => {
  const { wal, pass } = await logOfMinutes()
  pass(60_000)
  await wal.append(insert('a', []))
  assert.equal(wal.stats().rotations, 0)
  await wal.close()
})

test('a group takes records up to 1 MiB, and the further ones of a turn go into the next', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  // Into a segment that holds all of what follows.
  await wal.append(customOf(2 * KIB * KIB))
  await wal.append(customOf(KIB * KIB))
  const { groups, rotations } = wal.stats()
  await Promise.all(Array.from({ length: 20 }, () => wal.append(customOf(100 * KIB))))
  assert.deepEqual(
    [wal.stats().groups - groups, wal.stats().rotations - rotations],
    [3, 0],
    'six, ten, and four',
  )
  await wal.close()
})

/** How many records there are in each write of a segment, one turn after the other. */
async function recordsOfWrites(turns: readonly number[], recordBytes: number): Promise<number[]> {
  const { wal, disk } = await roomyLog()
  const from = disk.ops.length
  for (const records of turns)
    await Promise.all(Array.from({ length: records }, () => wal.append(customOf(recordBytes))))
  const written = disk.ops.slice(from).filter(({ kind }) => kind === 'write')
  await wal.close()
  return written.map(({ bytes }) => bytes! / frameBytes(recordBytes + CUSTOM_OVERHEAD - 40))
}

/** A log with an active segment of 8 MiB, just begun, so that none is prepared. */
async function roomyLog(): Promise<{ wal: Wal; disk: SimulatedDisk }> {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(customOf(4 * KIB * KIB - 8 * KIB))
  await wal.append(customOf(8 * KIB))
  return { wal, disk }
}

test('a group of 256 KiB and half of the last one is on its way before the turn ends, and the rest take turns with it', async () => {
  assert.deepEqual(await recordsOfWrites([8], 30 * KIB), [8], 'below 256 KiB')
  assert.deepEqual(await recordsOfWrites([9], 30 * KIB), [9])
  assert.deepEqual(await recordsOfWrites([10], 30 * KIB), [9, 1])
  assert.deepEqual(await recordsOfWrites([30, 30, 30], 30 * KIB), [9, 21, 11, 19, 10, 20])
})

/** Notes the calls by which the first segment is written and synced. */
class NotingDisk extends SimulatedDisk {
  calls: string[] = []

  override async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const file = await super.open(path, mode)
    if (!path.startsWith(segmentAt(1))) return file
    const noted = (name: 'write' | 'writeSynced' | 'sync'): object => {
      const call = file[name]!.bind(file) as (...args: unknown[]) => Promise<unknown>
      return {
        [name]: (...args: unknown[]) => {
          this.calls.push(name)
          return call(...args)
        },
      }
    }
    return Object.assign(file, noted('write'), noted('writeSynced'), noted('sync'))
  }
}

test('a group below 64 KiB behind one as small is written and synced in one call, all others in two', async () => {
  const disk = new NotingDisk()
  const wal = await openOn(disk)
  const small = [200]
  const large = Array.from({ length: 8 }, () => 8 * KIB)
  const almost = [...large.slice(1), 8 * KIB - 8]
  const groups: [number[], string[]][] = [
    [small, ['writeSynced']],
    [almost, ['writeSynced']],
    [small, ['writeSynced']],
    [large, ['write', 'sync']],
    [small, ['write', 'sync']],
    [small, ['writeSynced']],
  ]
  for (const [place, [frames, expected]] of groups.entries()) {
    disk.calls = []
    await Promise.all(frames.map((bytes) => wal.append(customFrame(bytes))))
    assert.deepEqual(disk.calls, expected, `group ${place}`)
  }
  await wal.close()
})

test('where nobody waits for a sync, no call makes one', async () => {
  const disk = new NotingDisk()
  const wal = await openOn(disk, { durability: 'os' })
  disk.calls = []
  await wal.append(insert('a', []))
  assert.deepEqual(disk.calls, ['write'])
  await wal.close()
})

test('at the level os the records of a segment are synced before the next one promises them', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { durability: 'os' })
  await fillUntil(wal, disk, PROMISE_ROOM)
  assert.equal(wal.durableSeq, -1)
  const from = disk.ops.length
  await wal.append(insert('next'))
  assert.deepEqual(operationsOf(disk, from), [
    'sync segment-0000000001.walv',
    'lockCheck LOCK',
    'write segment-0000000002.walv',
    'close segment-0000000001.walv',
    'lockCheck LOCK',
  ])
  assert.equal(wal.durableSeq, wal.lastSeq - 1)
  await wal.close()
})

test('at the level os a sync that fails before the next segment poisons the log, and nothing is written to that segment', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { durability: 'os' })
  await fillUntil(wal, disk, PROMISE_ROOM)
  disk.onOperation = ({ kind, path }) =>
    kind === 'sync' && path.endsWith('0001.walv.tmp') ? { code: 'EIO' } : undefined
  const from = disk.ops.length
  await assert.rejects(wal.append(insert('next')), refusal('WALV_POISONED', 'not-logged'))
  assert.equal(wal.stats().poisoned, true)
  assert.deepEqual(
    disk.ops.slice(from).filter(({ kind, path }) => kind === 'write' && path.includes('0002')),
    [],
  )
  assert.throws(() => wal.submit(insert('late')), refusal('WALV_POISONED', 'not-logged'))
  await wal.close()
})

test('a write that fails at the start of a new segment poisons, and the segment is let go of', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await fillUntil(wal, disk, PROMISE_ROOM)
  const opensSegment = ({ kind, position, bytes }: Operation): boolean =>
    kind === 'write' && position === 0 && bytes! < 4096 && bytes! > 1024
  disk.onOperation = (operation) => (opensSegment(operation) ? { code: 'EIO' } : undefined)
  const from = disk.ops.length
  const failed = await wal.append(insert('next')).catch((error: WalError) => error)
  assert.ok(refusal('WALV_IO', 'unknown')(failed))
  assert.match((failed as WalError).message, /Writing to segment-0000000002\.walv failed \(EIO\)/)
  assert.equal((failed as WalError).seq, wal.lastSeq)
  assert.ok(
    operationsOf(disk, from).includes('close segment-0000000002.walv'),
    operationsOf(disk, from).join('\n'),
  )
  disk.onOperation = undefined
  await wal.close()
  const again = await openOn(disk)
  assert.deepEqual(
    again.recovery.damage.map(({ kind }) => kind).filter((kind) => kind !== 'torn-tail'),
    [],
  )
  await again.close()
})

test('all sequence numbers used up, the next append is refused and says so', async () => {
  const disk = new SimulatedDisk()
  const capacity = 256 * KIB
  const content = Buffer.alloc(capacity)
  const fields = { logId: Buffer.alloc(16, 7), number: 1, createdAt: 0, capacity, previous: 0 }
  encodeSegmentHeader({ ...fields, firstSeq: MAX_SEQUENCE, durableBefore: MAX_SEQUENCE }).copy(content)
  await putFile(disk, segmentAt(1), content)
  const wal = await openOn(disk, { recovery: 'salvage' })
  assert.equal(await wal.append(insert('last')), MAX_SEQUENCE)
  assert.throws(
    () => wal.submit(insert('more')),
    (error: WalError) => {
      assert.match(
        error.message,
        new RegExp(`up to ${MAX_SEQUENCE}\\. Start a new log\\. Nothing was logged\\.$`),
      )
      return refusal('WALV_SEQUENCE_EXHAUSTED', 'not-logged')(error)
    },
  )
  assert.throws(() => wal.begin(), refusal('WALV_SEQUENCE_EXHAUSTED', 'not-logged'))
  assert.deepEqual([wal.lastSeq, wal.durableSeq], [MAX_SEQUENCE, MAX_SEQUENCE])
  await wal.close()
  const again = await openOn(disk, { recovery: 'salvage' })
  assert.deepEqual(await idsIn(again), ['last'])
  await again.close()
})

/** Lets so many milliseconds of rest pass. */
async function rest(t: TestContext, ms: number): Promise<void> {
  await settled()
  t.mock.timers.tick(ms)
  await settled()
}

test('an idle log promises its last records after 100 ms, twice, once, and does not say that it was closed', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(insert('a', []))
  await rest(t, 99)
  assert.equal((await framesOn(disk, 1)).length, 1)
  await rest(t, 1)
  const promised = [
    [0, 0, 1024],
    [1, 1, 1536],
    [1, 1, 2048],
  ]
  assert.deepEqual(layout(await framesOn(disk, 1)), promised)
  assert.deepEqual(
    (await framesOn(disk, 1)).map(({ flags }) => flags),
    [0, 0, 0],
  )
  await rest(t, 1000)
  assert.deepEqual(layout(await framesOn(disk, 1)), promised)
  await wal.append(insert('b', []))
  assert.deepEqual(layout(await framesOn(disk, 1)).at(-1), [1, 1, 2088])
  await wal.close()
})

test('an append puts the promise of an idle log off', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(insert('a', []))
  await rest(t, 60)
  await wal.append(insert('b', []))
  await rest(t, 60)
  assert.equal((await framesOn(disk, 1)).length, 2)
  await rest(t, 40)
  assert.equal((await framesOn(disk, 1)).length, 4)
  await wal.close()
})

test('records of an open transaction are written, synced and promised when the log is idle, without being asked for', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(insert('a', []))
  await settled()
  const transaction = wal.begin()
  transaction.insert('b', [])
  await rest(t, 99)
  assert.deepEqual([wal.durableSeq, wal.stats().pendingBytes], [0, 48 + 64])
  await rest(t, 1)
  assert.deepEqual([wal.durableSeq, wal.stats().pendingBytes], [2, 0])
  await rest(t, 100)
  const last = (await framesOn(disk, 1)).slice(-2)
  assert.deepEqual(
    last.map(({ type, seq }) => [type, seq]),
    [
      [FRAME_TYPES.watermark, 3],
      [FRAME_TYPES.watermark, 3],
    ],
  )
  await wal.close()
})

test('at the level os an idle log promises only what was synced', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { durability: 'os' })
  await wal.append(insert('a', []))
  await rest(t, 1000)
  assert.equal((await framesOn(disk, 1)).length, 1, 'nothing is known to be durable')
  await wal.flush()
  await rest(t, 100)
  assert.deepEqual(layout(await framesOn(disk, 1)).slice(1), [
    [1, 1, 1536],
    [1, 1, 2048],
  ])
  await wal.close()
})

test('a segment that has no room for further promises is closed without them, and its records stay promised', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await fillUntil(wal, disk, PROMISE_ROOM)
  const used = wal.lastSeq
  await rest(t, 100)
  const frames = await framesOn(disk, 1)
  assert.deepEqual(
    frames.slice(-3).map(({ seq, type }) => [seq, type === FRAME_TYPES.watermark]),
    [
      [used, false],
      [used + 1, true],
      [used + 1, true],
    ],
  )
  await wal.close()
  assert.deepEqual(layout(await framesOn(disk, 1)), layout(frames))
  const again = await openOn(disk, { readOnly: true })
  assert.deepEqual(
    [again.recovery.damage, again.lastSeq, again.durableSeq, again.recovery.closedInOrder],
    [[], used, used, false],
  )
  assert.deepEqual(await namesOn(disk), ['LOCK', 'segment-0000000001.walv'])
})

test('at the level of an interval what was acknowledged is synced at every interval, and nothing when all is', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { durability: { intervalMs: 50 } })
  const syncs = (): number => wal.stats().syncs
  await wal.append(insert('a'))
  await rest(t, 49)
  assert.deepEqual([syncs(), wal.durableSeq], [0, -1])
  await rest(t, 1)
  assert.deepEqual([syncs(), wal.durableSeq], [1, 0])
  await rest(t, 100)
  const before = syncs()
  await rest(t, 500)
  assert.equal(syncs(), before, 'behind the promise of an idle log nothing is left to sync')
  await wal.close()
  const closed = disk.ops.length
  await rest(t, 500)
  assert.equal(disk.ops.length, closed, 'a closed log leaves the disk alone')
})

for (const durability of ['commit', 'os', { intervalMs: 1000 }] as const satisfies readonly Durability[]) {
  test(`flush makes everything durable at the level ${JSON.stringify(durability)}, lazy records included`, async () => {
    const disk = new SimulatedDisk()
    const wal = await openOn(disk, { durability })
    const transaction = wal.begin()
    transaction.insert('a', [1])
    await wal.flush()
    assert.equal(wal.durableSeq, 1)
    const syncs = wal.stats().syncs
    await wal.flush()
    assert.equal(wal.stats().syncs, syncs, 'a second one has nothing to do')
    const [survivor] = disk.crashStates(1)
    const again = await openOn(survivor!.disk)
    assert.equal(again.recovery.transactions.aborted, 1)
    await Promise.all([again.close(), wal.close()])
  })
}

test('the pending bytes are those of the frames that wait, and none when all are on disk', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  const appends = [wal.append(insert('a', [])), wal.append(insert('b', []))]
  assert.equal(wal.stats().pendingBytes, 2 * 56)
  await Promise.all(appends)
  assert.equal(wal.stats().pendingBytes, 0)
  await wal.close()
})

test('appends are taken while what waits stays within maxPendingBytes, to the byte', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { maxPendingBytes: 1024 })
  const first = wal.append(customFrame(512))
  const second = wal.append(customFrame(512))
  assert.throws(
    () => wal.submit(insert('more', [])),
    (error: WalError) => {
      assert.match(error.message, /^1024 bytes wait .* maxPendingBytes is 1024\. .* Nothing was logged\.$/)
      return refusal('WALV_BACKPRESSURE', 'not-logged')(error)
    },
  )
  await Promise.all([first, second])
  await wal.append(customFrame(4096))
  assert.equal(wal.lastSeq, 2)
  await wal.close()
})

test('the figures count groups, syncs, bytes and rotations', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  const { bytesWritten, groups, syncs, rotations, lastSyncMs } = wal.stats()
  assert.deepEqual(
    { bytesWritten, groups, syncs, rotations, lastSyncMs },
    {
      bytesWritten: 0,
      groups: 0,
      syncs: 0,
      rotations: 0,
      lastSyncMs: 0,
    },
  )
  const started = performance.now()
  await wal.append(insert('a', []))
  assert.ok(wal.stats().lastSyncMs <= performance.now() - started)
  await Promise.all([wal.append(insert('b', [])), wal.append(insert('c', []))])
  const after = wal.stats()
  assert.deepEqual([after.bytesWritten, after.groups, after.syncs, after.rotations], [3 * 56, 2, 2, 0])
  assert.ok(after.lastSyncMs > 0)
  await fillUntil(wal, disk, PROMISE_ROOM)
  const { bytesWritten: before } = wal.stats()
  await wal.append(insert('d', []))
  assert.equal(wal.stats().bytesWritten - before, 1024 + 56, 'a header is written with the group')
  assert.equal(wal.stats().rotations, 1)
  await wal.close()
})
