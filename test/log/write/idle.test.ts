import '../../support/steerable-time.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRAME_TYPES } from '../../../src/format/frame.ts'
import { framesOn, insert, namesOn, openOn, SimulatedDisk, settled } from '../../support/kit.ts'
import { fillUntil, layout, logWithOne, PROMISE_ROOM, rejectionOf, rest } from './writing.ts'

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

test('an append waits for the promise of an idle log that is under way', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { wal, disk } = await logWithOne()
  const hold = disk.hold('sync')
  t.mock.timers.tick(100)
  await hold.reached
  const writes = disk.count('write')
  const append = wal.append(insert('two', []))
  await settled()
  assert.equal(disk.count('write'), writes)
  hold.release()
  assert.equal(await append, 1)
  await wal.close()
})

test('an append while an idle log writes its promise is in the log behind it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const below = new SimulatedDisk()
  const wal = await openOn(below)
  await wal.append(insert('one', []))
  await settled()
  let second: Promise<number> | undefined
  below.onOperation = ({ kind }) => {
    if (kind === 'write') second ??= wal.append(insert('two', []))
    return undefined
  }
  t.mock.timers.tick(100)
  await settled()
  assert.equal(await second, 1)
  assert.deepEqual(
    (await framesOn(below, 1)).map(({ seq, type }) => [seq, type]),
    [
      [0, 1],
      [1, 12],
      [1, 12],
      [1, 1],
    ],
  )
  await wal.close()
})

test('the promise of an idle log, and that of closing, are synced', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const below = new SimulatedDisk()
  const wal = await openOn(below)
  await wal.append(insert('one', []))
  await settled()
  t.mock.timers.tick(100)
  await settled()
  assert.equal((await framesOn(below.crash('nothing'), 1)).length, 3)
  await wal.close()
  assert.equal((await framesOn(below.crash('nothing'), 1)).length, 5)
})

test('an idle log whose sync failed writes no promise', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { wal, disk } = await logWithOne()
  disk.fail({ operation: 'sync', code: 'EIO' })
  await rejectionOf(wal.append(insert('two', [])))
  const calls = disk.calls.length
  await settled()
  t.mock.timers.tick(1000)
  await settled()
  assert.equal(disk.calls.length, calls)
  await wal.close()
})
