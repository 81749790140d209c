import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { test } from 'node:test'
import { frameBytes } from '../../../src/format/frame.ts'
import { encodeSegmentHeader } from '../../../src/format/segment.ts'
import {
  contentOf,
  customOf,
  framesOn,
  headerOn,
  insert,
  namesOn,
  type Operation,
  openOn,
  refusal,
  SimulatedDisk,
  START,
  segmentAt,
  settled,
  type Wal,
  type WalError,
} from '../../support/kit.ts'
import {
  CUSTOM_OVERHEAD,
  customFrame,
  fillUntil,
  layout,
  logWithOne,
  operationsOf,
  PROMISE_ROOM,
} from './writing.ts'

const KIB = 1024

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

test('a segment whose records are all synced is not synced again when the next one is begun', async () => {
  const { wal, disk } = await logWithOne()
  const from = disk.calls.length
  await wal.append(customOf(400 * KIB))
  const calls = disk.calls
    .slice(from)
    .filter(({ operation, path }) => operation === 'sync' && path === segmentAt(1))
  assert.deepEqual(calls, [])
  await wal.close()
})
