import assert from 'node:assert/strict'
import { chmod, lstat, mkdir, mkdtemp, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ensureFolder } from '../../src/log/make-directory.ts'
import { moveToQuarantine } from '../../src/log/quarantine.ts'
import type { Wal } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/simulated-disk.ts'
import { FailingDisk } from '../support/failing-disk.ts'
import { insert, openWal, temporaryDirectory } from '../support/logs.ts'
import { contentOf, DIRECTORY, emptyDirectory, namesOn, openOn, putFile } from '../support/simulated-log.ts'

const FOLDER = `${DIRECTORY}/snapshots`
const SNAPSHOT = 'snapshot-0000000000000000'

async function checkpointed(wal: Wal): Promise<void> {
  await wal.append(insert('a'))
  await wal.checkpoint({
    seq: wal.lastSeq,
    snapshot: async (files) => {
      await files.write('state', [Buffer.from('state')])
      return null
    },
  })
}

test('a folder of snapshots that is a link stays one, and the snapshots are where it leads', async (t) => {
  const directory = await temporaryDirectory(t)
  const elsewhere = await mkdtemp(join(tmpdir(), 'walv-elsewhere-'))
  t.after(() => rm(elsewhere, { recursive: true }))
  await symlink(elsewhere, join(directory, 'snapshots'))
  await checkpointed(await openWal(t, { directory }))
  assert.ok((await lstat(join(directory, 'snapshots'))).isSymbolicLink())
  assert.ok((await stat(join(elsewhere, SNAPSHOT))).isDirectory())
})

test('a folder of snapshots that an operator made is the same folder afterwards, with its mode', async (t) => {
  const directory = await temporaryDirectory(t)
  await mkdir(join(directory, 'snapshots'))
  await chmod(join(directory, 'snapshots'), 0o700)
  const { ino } = await stat(join(directory, 'snapshots'))
  await checkpointed(await openWal(t, { directory }))
  const after = await stat(join(directory, 'snapshots'))
  assert.deepEqual([after.ino, after.mode & 0o777], [ino, 0o700])
})

for (const code of ['EBUSY', 'EXDEV', 'EPERM'] as const)
  test(`a folder of snapshots that cannot be renamed (${code}), as a mount point, is used as it is`, async () => {
    const below = await emptyDirectory()
    await below.makeDirectory(FOLDER)
    const disk = new FailingDisk(below)
    disk.fail({ operation: 'rename', path: /snapshots$/, code, times: Number.POSITIVE_INFINITY })
    disk.fail({ operation: 'remove', path: /snapshots$/, code: 'EBUSY', times: Number.POSITIVE_INFINITY })
    const wal = await openOn(below, { disk })
    await checkpointed(wal)
    await wal.close()
    assert.deepEqual(await namesOn(below.crash('nothing'), FOLDER), [SNAPSHOT])
  })

test('a crash between the two names of an empty folder leaves it under the other, and the next try gives it its own back', async () => {
  const disk = await emptyDirectory()
  await disk.makeDirectory(FOLDER)
  await disk.syncDirectory(DIRECTORY)
  await disk.rename(FOLDER, `${FOLDER}.tmp`)
  await ensureFolder(disk, FOLDER)
  assert.deepEqual(await namesOn(disk.crash('nothing')), ['snapshots'])
})

/** A disk on which nothing can be renamed into quarantine/ from outside. */
async function twoFileSystems(): Promise<{ below: SimulatedDisk; disk: FailingDisk }> {
  const below = await emptyDirectory()
  await putFile(below, `${FOLDER}/${SNAPSHOT}/state`, Buffer.alloc(3 * 1024 * 1024, 'x'))
  await putFile(below, `${FOLDER}/${SNAPSHOT}/more/inner`, Buffer.from('inner'))
  const disk = new FailingDisk(below)
  disk.fail({ operation: 'rename', path: new RegExp(`snapshots/${SNAPSHOT}$`), code: 'EXDEV' })
  return { below, disk }
}

test('what cannot be renamed into quarantine/ is copied, durably, and then removed', async () => {
  const { below, disk } = await twoFileSystems()
  const path = await moveToQuarantine(disk, DIRECTORY, `snapshots/${SNAPSHOT}`)
  assert.equal(path, `${DIRECTORY}/quarantine/${SNAPSHOT}`)
  const left = below.crash('nothing')
  assert.deepEqual(await namesOn(left, FOLDER), [])
  assert.deepEqual(await contentOf(left, `${path}/state`), Buffer.alloc(3 * 1024 * 1024, 'x'))
  assert.deepEqual(await contentOf(left, `${path}/more/inner`), Buffer.from('inner'))
  assert.deepEqual(await namesOn(left, `${DIRECTORY}/quarantine`), [SNAPSHOT])
})

test('what could not be copied whole is not removed, and nothing half is left of the copy', async () => {
  for (const fault of [
    { operation: 'sync', path: /quarantine/, code: 'EIO' },
    { operation: 'write', path: /quarantine/, code: 'ENOSPC' },
    { operation: 'syncDirectory', path: /quarantine$/, code: 'EIO' },
  ] as const) {
    const { below, disk } = await twoFileSystems()
    await below.makeDirectory(`${DIRECTORY}/quarantine`)
    disk.fail(fault)
    await assert.rejects(moveToQuarantine(disk, DIRECTORY, `snapshots/${SNAPSHOT}`), { code: fault.code })
    assert.deepEqual(await namesOn(below, `${FOLDER}/${SNAPSHOT}`), ['more', 'state'])
    assert.deepEqual(await namesOn(below, `${DIRECTORY}/quarantine`), [])
  }
})

test('opening puts a damaged snapshot aside where quarantine/ is on another file system', async () => {
  const below = await emptyDirectory()
  const wal = await openOn(below)
  await checkpointed(wal)
  await wal.close()
  await putFile(below, `${FOLDER}/${SNAPSHOT}/state`, Buffer.from('other'))
  const disk = new FailingDisk(below)
  disk.fail({ operation: 'rename', path: new RegExp(`snapshots/${SNAPSHOT}$`), code: 'EXDEV' })
  const again = await openOn(below, { disk })
  assert.deepEqual(again.recovery.quarantined, [`${DIRECTORY}/quarantine/${SNAPSHOT}`])
  await again.close()
  assert.deepEqual(await contentOf(below, `${DIRECTORY}/quarantine/${SNAPSHOT}/state`), Buffer.from('other'))
})
