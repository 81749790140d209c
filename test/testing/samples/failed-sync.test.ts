import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DurableIndex, flat } from '../../../src/mod.ts'
import { SimulatedDisk } from '../../../src/testing/mod.ts'

test('what was acknowledged survives a sync that failed, and the power cut after it', async () => {
  const disk = new SimulatedDisk()
  const open = (disk: SimulatedDisk) =>
    DurableIndex.open({ directory: '/data', disk, index: flat({ dimensions: 2 }) })
  const index = await open(disk)
  await index.insert('a', [1, 0])
  disk.onOperation = ({ kind }) => (kind === 'sync' ? { code: 'EIO' } : undefined)
  await assert.rejects(index.insert('b', [0, 1]), { code: 'WALV_IO', fate: 'unknown' })
  for (const { disk: left } of disk.crashStates(20)) assert.ok((await open(left)).has('a'))
})
