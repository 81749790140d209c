import assert from 'node:assert/strict'
import { chmod, lstat, mkdir, mkdtemp, rm, stat, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ensureDirectory } from '../../../src/disk/directories.ts'
import {
  contentOf,
  DIRECTORY,
  emptyDirectory,
  FailingDisk,
  insert,
  namesOn,
  openOn,
  openWal,
  putFile,
  temporaryDirectory,
  type Wal,
} from '../../support/kit.ts'

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
  await ensureDirectory(disk, FOLDER)
  assert.deepEqual(await namesOn(disk.crash('nothing')), ['snapshots'])
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

test('a copy that an operator made of a snapshot, beside it, is left by the next opening', async () => {
  const disk = await emptyDirectory()
  const wal = await openOn(disk)
  await checkpointed(wal)
  await wal.close()
  await putFile(disk, `${FOLDER}/${SNAPSHOT}.bak/state`, Buffer.from('state'))
  await (await openOn(disk)).close()
  assert.deepEqual(await namesOn(disk, FOLDER), [SNAPSHOT, `${SNAPSHOT}.bak`])
})
