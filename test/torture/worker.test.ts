import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { idsIn, openWal, Random, temporaryDirectory, until } from '../support/kit.ts'
import type { WorkerTask } from './worker-log.ts'

test('a worker thread terminated in the midst of its appends loses nothing acknowledged, and its log can be opened at once in the same process', async (t) => {
  const directory = await temporaryDirectory(t)
  const random = new Random(7)
  const before = openDescriptors()
  let ids: string[] = []
  for (let round = 0; round < 8; round++) {
    const counts = new Int32Array(new SharedArrayBuffer(8))
    const workerData: WorkerTask = { directory, prefix: `round-${round}`, counts }
    const worker = new Worker(new URL('./worker-log.js', import.meta.url), { workerData })
    const enough = 50 + random.below(500)
    await until(() => Atomics.load(counts, 1) >= enough)
    await worker.terminate()
    const [submitted, acknowledged] = counts as unknown as [number, number]
    const wal = await openWal(t, { directory })
    const found = await idsIn(wal)
    assert.deepEqual(found.slice(0, ids.length), ids)
    const fresh = found.slice(ids.length)
    assert.deepEqual(
      fresh,
      Array.from({ length: fresh.length }, (_, index) => `round-${round}-${index}`),
    )
    assert.ok(acknowledged <= fresh.length && fresh.length <= submitted)
    ids = found
    await wal.close()
  }
  assert.ok(openDescriptors() <= before + 2, 'terminated workers leave their files open')
})

const openDescriptors = (): number => readdirSync('/proc/self/fd').length
