import assert from 'node:assert/strict'
import { test } from 'node:test'
import { customOf, insert, openOn, SimulatedDisk, segmentAt } from '../../support/kit.ts'
import { opened, units } from './logs-to-read.ts'

const KIB = 1024

test('a replay begins at the beginning, behind a place, where the checkpoint of that place says, or where it is told to', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(insert('a'))
  const transaction = wal.begin()
  transaction.insert('b', [1])
  const seq = await wal.append(insert('c'))
  const all: [number, string[]][] = [
    [0, ['a']],
    [3, ['c']],
    [4, ['b']],
  ]
  await transaction.commit()
  assert.deepEqual(await units(wal), all)
  assert.deepEqual(await units(wal, { after: 0 }), all.slice(1))
  assert.deepEqual(
    await units(wal, { after: seq }),
    [],
    'without a checkpoint there, nothing tells of the transaction',
  )
  assert.deepEqual(await units(wal, { after: seq, from: 1 }), all.slice(2))
  await wal.checkpoint({ seq, snapshot: async () => null })
  assert.deepEqual(await units(wal, { after: seq }), all.slice(2))
  assert.deepEqual(await units(wal), all)
  assert.deepEqual(await units(wal, { from: 3 }), [[3, ['c']]])
  await wal.close()
})

test('a transaction too large to be held is read again at its commit, from its begin up to there', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { segmentMaxBytes: 256 * KIB })
  const fills = (): Promise<number> => wal.append(customOf(300 * KIB))
  for (let count = 0; count < 2; count++) await fills()
  const transaction = wal.begin()
  for (let count = 0; count < 3; count++) transaction.append(customOf(6 * KIB * KIB))
  await wal.append(insert('between'))
  await transaction.commit()
  for (let count = 0; count < 2; count++) await fills()
  const from = disk.ops.length
  assert.deepEqual(await units(wal, { after: 1 }), [
    [6, ['between']],
    [7, ['custom', 'custom', 'custom']],
    [8, ['custom']],
    [9, ['custom']],
  ])
  const all = Array.from({ length: wal.stats().segments }, (_, index) => segmentAt(index + 1))
  const timesOpened = all.map((path) => opened(disk, from).filter((each) => each === path).length)
  // The first segment is empty, the second holds record 0.
  assert.deepEqual([timesOpened[1], timesOpened.at(-1), Math.max(...timesOpened)], [0, 1, 2])
  await wal.close()
})
