/**
 * Defects of the original around transactions, batches and order. The numbers are those of the list
 * of its defects.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { recoverV1, type V1Entry } from '../../src/v1/mod.ts'
import {
  collect,
  flat,
  idsOf,
  insert,
  names,
  openIndex,
  openWal,
  refusal,
  startWriter,
  temporaryDirectory,
  type Wal,
} from '../support/kit.ts'
import { collect as collectV1, files, frame, loadFixture, segment, seqs } from '../v1/helpers.ts'
import { MemoryDisk } from '../v1/memory-disk.ts'

async function effectsIn(wal: Wal): Promise<string[]> {
  const units = await collect(wal.replay())
  return units.flatMap(({ entries }) => entries.map((entry) => ('id' in entry ? entry.id : entry.type)))
}

test('defect 7: an aborted transaction and one that was open at the end have no effect', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const [aborted, open, committed] = [wal.begin(), wal.begin(), wal.begin()]
  aborted.insert('aborted', [1])
  open.insert('open', [1])
  committed.insert('committed', [1])
  await wal.append(insert('before-the-commit'))
  await aborted.abort()
  await committed.commit()
  await wal.append(insert('last'))
  await wal.close()

  for (let time = 0; time < 2; time++) {
    const again = await openWal(t, { directory })
    // A transaction takes effect at its commit's place in the order.
    assert.deepEqual(await effectsIn(again), ['before-the-commit', 'committed', 'last'])
    await again.close()
  }
  const index = await openIndex(t, { directory, index: flat({ dimensions: 3 }) }).catch(
    (error: Error) => error,
  )
  assert.match((index as Error).message, /dimensions/, 'the index sees the committed insert of one dimension')
})

test('defect 7, v1: an aborted transaction and one that was open at the end have no effect', async () => {
  const marker = (type: 'beginTransaction' | 'abortTransaction', id: bigint): V1Entry => ({
    type,
    transactionId: id,
    timestamp: 1n,
  })
  const log = segment(
    0,
    frame(1, marker('beginTransaction', 1n)),
    2,
    frame(3, marker('abortTransaction', 1n)),
    4,
    frame(5, marker('beginTransaction', 2n)),
    6,
  )
  const found = await collectV1(recoverV1(MemoryDisk.of(files(log)), '/log'))
  assert.deepEqual(seqs(found), [0, 4])
  const effectsOf = async (name: string): Promise<number[]> =>
    seqs(await collectV1(recoverV1(nodeDisk, loadFixture(name).directory)))
  assert.deepEqual(await effectsOf('tx_committed'), [1, 2])
  assert.deepEqual(await effectsOf('tx_open'), [0])
})

test('defect 8: a batch of two inserts is applied by the index, whole, also when it is recovered', async (t) => {
  const directory = await temporaryDirectory(t)
  const open = (): ReturnType<typeof openIndex> => openIndex(t, { directory, index: flat({ dimensions: 3 }) })
  const index = await open()
  await index.batch([insert('a'), insert('b')])
  assert.deepEqual([...index.ids()], ['a', 'b'])
  await index.close()
  const again = await open()
  assert.deepEqual([...again.ids()], ['a', 'b'])
  assert.equal(again.recovery.replayed, 1, 'both in one step')
})

test('defect 28: many tasks that append at once share one order', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const seqsOf = new Map<string, number>()
  const task = async (name: string): Promise<void> => {
    for (const id of names(name, 100)) seqsOf.set(id, await wal.append(insert(id)))
  }
  const tasks = names('task', 16)
  await Promise.all(tasks.map(task))
  await wal.close()
  const found = await idsOf(directory)
  assert.equal(found.length, 1600)
  for (const [seq, id] of found.entries()) assert.equal(seqsOf.get(id), seq)
  for (const name of tasks)
    assert.deepEqual(
      found.filter((id) => id.startsWith(`${name}-`)),
      names(name, 100),
    )
})

test('defect 28: a second thread and a second process are refused', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const source = `import { parentPort } from 'node:worker_threads'
    import { Wal } from ${JSON.stringify(new URL('../../src/mod.js', import.meta.url).href)}
    Wal.open({ directory: ${JSON.stringify(directory)} }).then(() => 'opened', ({ code }) => code).then((answer) => parentPort.postMessage(answer))`
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`))
  const [answer] = await once(worker, 'message')
  await worker.terminate()
  assert.equal(answer, 'WALV_LOCKED')
  const { report } = await startWriter(t, { directory, count: 1 })
  assert.ok('refused' in report && report.refused.code === 'WALV_LOCKED')
  assert.equal(await wal.append(insert('still-alone')), 0)
})

test('defect 16: a second writer on the directory is refused, and the refusal names the holder', async (t) => {
  const directory = await temporaryDirectory(t)
  const { child, report } = await startWriter(t, { directory, count: 3 })
  assert.deepEqual(report, { acknowledged: 3 })
  await assert.rejects(openWal(t, { directory }), (error: Error) => {
    assert.match(error.message, new RegExp(`process ${child.pid} on `))
    return refusal('WALV_LOCKED')(error)
  })
  assert.deepEqual(await idsOf(directory), names('id', 3), 'and changes nothing')
})
