import assert from 'node:assert/strict'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  customOf,
  flat,
  idsOf,
  insert,
  names,
  openIndex,
  openWal,
  refusal,
  temporaryDirectory,
  Wal,
} from '../support/kit.ts'

/** It has noticed, and nothing is logged. */
const notLogged = refusal('WALV_LOCK_LOST', 'not-logged')

async function logWith(t: TestContext, ids: readonly string[]): Promise<{ wal: Wal; directory: string }> {
  const directory = join(await temporaryDirectory(t), 'log')
  const wal = await openWal(t, { directory })
  for (const id of ids) await wal.append(insert(id))
  return { wal, directory }
}

test('a log whose directory is removed under it refuses what needs a file, may be closed, and is made anew', async (t) => {
  const { wal, directory } = await logWith(t, names('id', 3))
  await rm(directory, { recursive: true })
  await assert.rejects(wal.append(customOf(1_000_000)), notLogged)
  await assert.rejects(wal.checkpoint({ seq: 2, snapshot: async () => null }), refusal('WALV_LOCK_LOST'))
  await assert.rejects(async () => {
    for await (const _ of wal.read());
  }, refusal('WALV_SEQUENCE_TRIMMED'))
  await wal.close()
  const again = await openWal(t, { directory })
  assert.equal(again.lastSeq, -1)
  await again.append(insert('new'))
  await again.close()
  assert.deepEqual(await idsOf(directory), ['new'])
})

test('a log whose directory is renamed acknowledges nothing more; all that it did is under the new name', async (t) => {
  const { wal, directory } = await logWith(t, names('id', 3))
  const elsewhere = `${directory}-elsewhere`
  await rename(directory, elsewhere)
  // It is in the file, and who opens that will find it.
  await assert.rejects(wal.append(insert('after')), refusal('WALV_LOCK_LOST', 'unknown'))
  await assert.rejects(wal.append(customOf(1_000_000)), notLogged)
  await assert.rejects(Wal.open({ directory: elsewhere }), refusal('WALV_LOCKED'))
  await assert.rejects(wal.append(insert('last')), notLogged)
  await wal.close()
  assert.deepEqual(await idsOf(elsewhere), [...names('id', 3), 'after'])
  await (await openWal(t, { directory: elsewhere })).append(insert('more'))
})

test('an index whose directory is removed under it goes on to answer, refuses changes that need a file, and agrees with what it acknowledged', async (t) => {
  const directory = join(await temporaryDirectory(t), 'log')
  const index = await openIndex(t, { directory, index: flat({ dimensions: 1 }) })
  await index.insert('id', [1])
  await rm(directory, { recursive: true })
  const before = index.fingerprint()
  await assert.rejects(index.insert('large', [1], 'm'.repeat(1_000_000)), notLogged)
  await assert.rejects(index.checkpoint(), refusal('WALV_LOCK_LOST'))
  assert.equal(index.has('large'), false)
  assert.equal(index.fingerprint(), before)
  assert.equal((await index.search([1])).length, 1)
  await index.close()
})
