import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brief, diagnose, FailingDisk, insert, repair, temporaryDirectory, Wal } from '../../support/kit.ts'
import { assertWhole, lied, open } from '../../support/lying-indexes.ts'

test('a repair puts away a snapshot that lies', async (t) => {
  const directory = await lied(t)
  const { damage, snapshotProved } = await diagnose({ directory })
  assert.deepEqual(damage.map(brief), ['snapshot false'])
  assert.equal(snapshotProved, true, 'the one before, which is used')
  assert.equal((await repair({ directory })).quarantined.length, 1)
  assert.equal((await diagnose({ directory })).verdict, 'healthy')
  assertWhole(await open(t, directory))
})

test('doctor says that it did not load the snapshot of another program', async (t) => {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory })
  await wal.append(insert('a'))
  await wal.checkpoint({
    seq: 0,
    snapshot: async (files) => files.write('own', [Buffer.of(1)]).then(() => null),
  })
  await wal.close()
  const { verdict, snapshotProved } = await diagnose({ directory })
  assert.deepEqual([verdict, snapshotProved], ['healthy', false])
})

test('doctor looks again where a live writer has removed the snapshot whose content was being proved', async (t) => {
  const directory = await temporaryDirectory(t)
  const index = await open(t, directory)
  await index.insert('a', [1, 2])
  await index.checkpoint()
  const disk = new FailingDisk()
  // Its files are hashed first.
  disk.fail({ operation: 'open', path: /catalog/, code: 'ENOENT', nth: 2 })
  const { verdict, snapshotProved } = await diagnose({ directory, disk })
  assert.deepEqual([verdict, snapshotProved], ['healthy', true])
})
