/** What counts for automatic checkpoints, and what becomes of those that fail. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  type DurableIndex,
  type DurableIndexOptions,
  FailingDisk,
  flat,
  type IndexEntry,
  names,
  openIndex,
  temporaryDirectory,
  until,
} from '../../support/kit.ts'

const open = async (t: TestContext, options: Partial<DurableIndexOptions> = {}): Promise<DurableIndex> =>
  openIndex(t, { directory: await temporaryDirectory(t), index: flat({ dimensions: 1 }), ...options })

const upserts = (count: number): IndexEntry[] =>
  names('id', count).map((id) => ({ type: 'insert', id, vector: [1], replace: true }))

test('the members of a batch and of a transaction count each, and what an index ignores counts, too', async (t) => {
  const custom = { type: 'custom', kind: 'k', data: new Uint8Array(1) } as const
  const works: ((index: DurableIndex) => Promise<unknown>)[] = [
    (index) => index.batch(upserts(10)),
    (index) => index.batch([{ type: 'batch', entries: upserts(9) }, custom]),
    (index) =>
      index.transaction(async (tx) => {
        for (const id of names('id', 10)) await tx.insert(id, [1])
      }),
  ]
  for (const work of works) {
    const index = await open(t, { checkpointIntervalEntries: 10 })
    await work(index)
    await until(() => index.stats().checkpoints === 1 && index.stats().entriesSinceCheckpoint === 0)
    assert.equal(index.stats().bytesSinceCheckpoint, 0)
  }
})

test('what is replayed counts like what was just logged', async (t) => {
  const directory = await temporaryDirectory(t)
  const first = await open(t, { directory, checkpointIntervalEntries: 10 })
  await first.batch(upserts(6))
  const { bytesSinceCheckpoint } = first.stats()
  await first.close()
  const index = await open(t, { directory, checkpointIntervalEntries: 10 })
  const stats = index.stats()
  assert.deepEqual([stats.entriesSinceCheckpoint, stats.bytesSinceCheckpoint], [6, bytesSinceCheckpoint])
  await index.batch(upserts(4))
  await until(() => index.stats().checkpoints === 1)
})

test('what a change takes in the log is estimated', async (t) => {
  const index = await open(t, { index: flat({ dimensions: 768 }) })
  const metadata = { title: 'x'.repeat(500), tags: ['a', 'b'], n: 1 }
  const before = index.stats().bytesWritten
  for (const id of names('id', 20)) await index.insert(id, new Float32Array(768), metadata)
  await index.batch([{ type: 'custom', kind: 'k', data: new Uint8Array(10_000) }])
  const { bytesSinceCheckpoint, bytesWritten } = index.stats()
  const ratio = bytesSinceCheckpoint / (bytesWritten - before)
  assert.ok(ratio > 0.9 && ratio < 1.1, `estimated ${ratio.toFixed(2)} of what was written`)
})

test('an automatic checkpoint that fails is not tried again at once, and health tells of it', async (t) => {
  const disk = new FailingDisk()
  const index = await open(t, { disk, checkpointIntervalEntries: 1 })
  disk.fail({
    operation: 'makeDirectory',
    path: /snapshots/,
    code: 'ENOSPC',
    times: Number.POSITIVE_INFINITY,
  })
  for (const id of names('id', 50)) await index.insert(id, [1])
  await until(() => index.stats().checkpointFailures > 0)
  const { checkpointFailures, checkpointRetryInMs } = index.stats()
  assert.equal(checkpointFailures, 1)
  assert.ok(checkpointRetryInMs! > 0 && checkpointRetryInMs! <= 5000)
  const failing = (await index.health()).checks.find(({ name }) => name === 'checkpoint-age')!
  assert.equal(failing.level, 'warn')
  assert.match(
    failing.message,
    /The last automatic one failed: .*ENOSPC.*\. The next is tried with the first change after \d s\./,
  )

  disk.heal()
  await index.checkpoint()
  assert.equal(index.stats().checkpointRetryInMs, undefined)
  assert.equal((await index.health()).checks.find(({ name }) => name === 'checkpoint-age')!.level, 'ok')
  await index.insert('next', [1])
  await until(() => index.stats().checkpoints === 2)
})
