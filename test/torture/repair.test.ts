import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  alter,
  FailingDisk,
  flat,
  openIndex,
  openWal,
  refusal,
  segmentsIn,
  temporaryDirectory,
  Wal,
  writeLog,
} from '../support/kit.ts'

test('of a transaction that has lost one of its entries nothing takes effect', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  const transaction = wal.begin()
  transaction.insert('whole', [1])
  transaction.insert('lost', [2])
  await transaction.commit()
  await wal.close()
  await damage(directory, 'lost')
  const index = await openIndex(t, { directory, recovery: 'repair', index: flat({ dimensions: 1 }) })
  assert.deepEqual(index.recovery.gaps, [{ from: 2, through: 2 }])
  assert.deepEqual([...index.ids()], [])
})

test('a log that was opened to salvage what is left has no more damage than before', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['first', 'lost', 'last'])
  await damage(directory, 'lost')
  const before = await openWal(t, { directory, recovery: 'salvage' })
  await before.close()
  const after = await Wal.open({ directory, recovery: 'salvage', readOnly: true })
  assert.deepEqual(after.recovery.damage, before.recovery.damage)
})

test('a repair that finds the disk full while it copies leaves no part of a copy', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeLog(directory, ['first', 'lost', 'last'])
  await damage(directory, 'lost')
  const disk = new FailingDisk()
  disk.fail({ operation: 'write', path: /quarantine/, code: 'ENOSPC' })
  await assert.rejects(Wal.open({ directory, disk, recovery: 'repair' }), refusal('WALV_DISK_FULL'))
  assert.deepEqual(await readdir(join(directory, 'quarantine')), [])
})

/** Makes the record of an id not verify. */
async function damage(directory: string, id: string): Promise<void> {
  const [segment] = (await segmentsIn(directory)) as [string]
  await alter(segment, (content) => content.fill('x', content.indexOf(id), content.indexOf(id) + 1))
}
