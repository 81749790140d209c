import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flat, openIndex, openWal, temporaryDirectory } from '../../support/kit.ts'

test('timers and clocks that a test framework fakes stop nothing', async (t) => {
  const directory = await temporaryDirectory(t)
  t.mock.timers.enable({ apis: ['setImmediate', 'setTimeout', 'setInterval', 'Date'], now: 1000 })
  t.mock.method(performance, 'now', () => 0)
  const index = await openIndex(t, { directory, index: flat({ dimensions: 1 }) })
  await index.insert('a', [1])
  await index.searchMany([[1], [1]])
  await index.checkpoint()
  assert.ok(index.stats().lastCheckpointAt! > 1000)
  await index.close()
  const wal = await openWal(t, { directory, durability: { intervalMs: 1 } })
  const seq = await wal.append({ type: 'delete', id: 'a' })
  while (wal.durableSeq < seq) await wal.flush()
  await wal.close()
})
