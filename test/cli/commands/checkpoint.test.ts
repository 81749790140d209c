import assert from 'node:assert/strict'
import { test } from 'node:test'
import { usearch } from '../../../src/adapters/usearch.ts'
import { DurableIndex, flat, temporaryDirectory, Wal } from '../../support/kit.ts'
import { assertRefused, assertUnchanged, jsonLines, textLines } from './program.ts'

test('A checkpoint holds everything, so that the next opening replays nothing', async (t) => {
  const directory = await temporaryDirectory(t)
  await using index = await DurableIndex.open({ directory, index: flat({ dimensions: 2, metric: 'l2' }) })
  await index.insert('a', [1, 2])
  await index.insert('b', [3, 4], { lang: 'en' })
  await index.close()
  const [{ checkpoint }, ...others] = await jsonLines(0, 'checkpoint', directory)
  assert.deepEqual(others, [])
  assert.deepEqual([checkpoint.through, checkpoint.vectors, checkpoint.snapshots.count], ['2', 2, 1])
  assert.ok(checkpoint.snapshots.bytes > 0 && checkpoint.logBytes > 0)
  await using again = await DurableIndex.open({
    directory,
    readOnly: true,
    index: flat({ dimensions: 2, metric: 'l2' }),
  })
  assert.deepEqual([again.recovery.replayed, again.recovery.fromSnapshot], [0, 2])
  const [line] = await textLines(0, 'checkpoint', directory)
  assert.match(line!, /^Checkpoint through record \d+ taken in .*: 2 vectors, the log .* \d+ snapshots? of /)
})

test('The snapshot is of the engine of the last one, so that its graph is not built again', async (t) => {
  const directory = await temporaryDirectory(t)
  await using index = await DurableIndex.open({ directory, index: usearch({ dimensions: 2 }) })
  await index.insert('a', [1, 2])
  await index.checkpoint()
  await index.insert('b', [1, 3])
  await index.close()
  const kind = async (): Promise<string> => (await jsonLines(0, 'stats', directory))[0].info.kind
  await jsonLines(0, 'checkpoint', directory)
  assert.equal(await kind(), 'usearch')
  await jsonLines(0, 'checkpoint', directory, '--index', 'flat')
  assert.equal(await kind(), 'flat')
  await jsonLines(0, 'checkpoint', directory, '--index', 'usearch')
  assert.equal(await kind(), 'usearch')
})

test('What holds no vectors, and an engine that there is not, is refused', async (t) => {
  const directory = await temporaryDirectory(t)
  await assertRefused(['checkpoint', `${directory}/none`], 2, 'WALV_NO_DIRECTORY', /none/)
  await assertRefused(['checkpoint', directory], 1, 'WALV_NOT_FOUND', /There is no vector in /)
  await assertRefused(
    ['checkpoint', directory, '--index', 'annoy'],
    2,
    'WALV_USAGE',
    /--index is one of flat, usearch/,
  )
})

test('A log that somebody writes to, and one of something else, are refused and left as they are', async (t) => {
  const directory = await temporaryDirectory(t)
  await using index = await DurableIndex.open({ directory, index: flat({ dimensions: 2 }) })
  await index.insert('a', [1, 2])
  await assertRefused(['checkpoint', directory, '--json'], 2, 'WALV_LOCKED', /is open for writing in process/)
  const other = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory: other })
  const seq = await wal.append({ type: 'insert', id: 'a', vector: [1] })
  await wal.checkpoint({ seq, snapshot: async () => null })
  await wal.close()
  await assertUnchanged(other, () =>
    assertRefused(['checkpoint', other], 2, 'WALV_INDEX_MISMATCH', /snapshot/),
  )
})
