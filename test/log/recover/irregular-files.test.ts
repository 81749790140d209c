/**
 * What stands under a name of walv's and is no regular file: nobody waits for it, follows it or
 * writes to it, and its name is told.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { lockFile } from '../../../src/disk/lock.ts'
import { nodeDisk } from '../../../src/disk/node-disk.ts'
import {
  alter,
  DurableIndex,
  diagnose,
  flat,
  idsIn,
  insert,
  names,
  openWal,
  refusal,
  segmentsIn,
  temporaryDirectory,
  Wal,
  writeLog,
} from '../../support/kit.ts'

const skip = process.platform === 'win32' && 'Windows has neither pipes nor devices among its files'
/** Whoever reads a pipe waits until the end of the test. */
const SOON = { skip, timeout: 5000 }

/**
 * Puts something in the place of a file. A pipe has a writer that says nothing until the test ends.
 */
const KINDS = {
  pipe: (t: TestContext, path: string) => {
    execFileSync('mkfifo', [path])
    const writer = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    t.after(() => closeSync(writer))
  },
  socket: async (t: TestContext, path: string) => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(path, resolve))
    t.after(() => server.close())
  },
  device: (_: TestContext, path: string) => symlink('/dev/zero', path),
  directory: (_: TestContext, path: string) => mkdir(path),
} as const

type Kind = keyof typeof KINDS

async function replace(t: TestContext, path: string, kind: Kind): Promise<void> {
  await rm(path, { recursive: true, force: true })
  await KINDS[kind](t, path)
}

const openFlat = (directory: string) =>
  DurableIndex.open({ directory, index: flat({ dimensions: 3, metric: 'l2' }) })

/** An index of two vectors, the second behind its checkpoint. */
async function writeIndex(directory: string): Promise<void> {
  await using written = await openFlat(directory)
  await written.insert('a', [1, 2, 3])
  await written.checkpoint()
  await written.insert('b', [4, 5, 6])
}

for (const kind of Object.keys(KINDS) as Kind[]) {
  test(`a disk opens no ${kind}`, SOON, async (t) => {
    const path = join(await temporaryDirectory(t), 'file')
    await replace(t, path, kind)
    for (const mode of ['read', 'write'] as const)
      await assert.rejects(nodeDisk.open(path, mode), (error: NodeJS.ErrnoException) => {
        assert.match(error.code!, /^(EISDIR|EFTYPE|ENXIO)$/)
        return error.message.includes(path)
      })
  })

  test(
    `a ${kind} in the place of a snapshot's file: doctor names it, opening quarantines the snapshot`,
    SOON,
    async (t) => {
      const directory = await temporaryDirectory(t)
      await writeIndex(directory)
      const [snapshot] = await readdir(join(directory, 'snapshots'))
      await replace(t, join(directory, 'snapshots', snapshot!, 'catalog.walvids'), kind)
      const { verdict, damage } = await diagnose({ directory })
      assert.equal(verdict, 'damaged')
      assert.match(damage[0]!.detail, /catalog\.walvids is (a directory|not a regular file)/)
      await using opened = await openFlat(directory)
      assert.deepEqual([...opened.ids()], ['a', 'b'])
    },
  )

  test(`a ${kind} as LOCK: doctor names it, a writer is refused, a reader is not`, SOON, async (t) => {
    const directory = await temporaryDirectory(t)
    await writeLog(directory, names('id', 2))
    await replace(t, join(directory, 'LOCK'), kind)
    const { verdict, refusal: told, remedy } = await diagnose({ directory })
    assert.deepEqual([verdict, told?.code], ['unusable', 'WALV_NOT_A_FILE'])
    assert.match(told!.message, /LOCK is not a regular file/)
    assert.deepEqual([remedy.kind, remedy.files], ['move-file', ['LOCK']])
    const opening = Wal.open({ directory })
    await assert.rejects(opening, refusal('WALV_NOT_A_FILE'))
    await assert.rejects(opening, { message: told!.message })
    assert.deepEqual(await idsIn(await openWal(t, { directory, readOnly: true })), names('id', 2))
  })
}

for (const kind of ['pipe', 'socket', 'directory'] as const)
  test(
    `a ${kind} under the name of a segment: told, and left alone by open, rotation and repair`,
    SOON,
    async (t) => {
      const directory = await temporaryDirectory(t)
      await writeLog(directory, names('id', 2))
      const stray = join(directory, 'segment-0000000003.walv')
      await replace(t, stray, kind)
      const { verdict, damage, remedy } = await diagnose({ directory })
      assert.deepEqual(
        [verdict, damage[0]?.file, remedy.kind],
        ['damaged', 'segment-0000000003.walv', 'move-file'],
      )
      const wal = await openWal(t, { directory, recovery: 'repair', segmentMaxBytes: 64 * 1024 })
      for (const id of names('more', 3)) await wal.append({ ...insert(id), metadata: 'x'.repeat(200_000) })
      assert.deepEqual(await idsIn(wal), [...names('id', 2), ...names('more', 3)])
      assert.equal((await lstat(stray)).isFile(), false)
    },
  )

test('a LOCK that is a link: what it leads to keeps its content', SOON, async (t) => {
  const directory = await temporaryDirectory(t)
  const precious = join(await temporaryDirectory(t), 'precious')
  await writeFile(precious, 'precious')
  await symlink(precious, join(directory, 'LOCK'))
  await assert.rejects(Wal.open({ directory }), refusal('WALV_NOT_A_FILE'))
  assert.equal(await readFile(precious, 'utf8'), 'precious')
})

test('a link that replaces the lock file while it is locked is not taken for it', SOON, async (t) => {
  const path = join(await temporaryDirectory(t), 'LOCK')
  const lock = await lockFile(path, 'first')
  assert.ok(!lock.held)
  await rename(path, `${path}.real`)
  await symlink(`${path}.real`, path)
  await assert.rejects(lockFile(path, 'second'), { code: 'EFTYPE' })
  await lock.release()
})

test('directories that an operator replaced by links are followed', SOON, async (t) => {
  const elsewhere = await temporaryDirectory(t)
  const directory = join(await temporaryDirectory(t), 'log')
  await symlink(elsewhere, directory)
  await writeIndex(directory)
  await rename(join(elsewhere, 'snapshots'), `${elsewhere}.snapshots`)
  t.after(() => rm(`${elsewhere}.snapshots`, { recursive: true }))
  await symlink(`${elsewhere}.snapshots`, join(elsewhere, 'snapshots'))
  assert.equal((await diagnose({ directory })).verdict, 'healthy')
  await using opened = await openFlat(directory)
  assert.deepEqual([[...opened.ids()], opened.recovery.snapshotSeq], [['a', 'b'], 1])
})

test(
  'the last segment moved elsewhere, a link in its place: refused, and not opened without its records',
  SOON,
  async (t) => {
    const directory = await temporaryDirectory(t)
    const large = { ...insert('large'), metadata: 'x'.repeat(300_000) }
    const wal = await Wal.open({ directory })
    await wal.append(large)
    await wal.append({ ...large, id: 'second' })
    await wal.close()
    const last = (await segmentsIn(directory)).at(-1)!
    const moved = join(await temporaryDirectory(t), 'moved.walv')
    await rename(last, moved)
    await symlink(moved, last)
    const { verdict, remedy, damage } = await diagnose({ directory })
    assert.deepEqual(
      [verdict, remedy.kind, remedy.files],
      ['possible-loss', 'replace-link', [basename(last)]],
    )
    assert.match(damage[0]!.detail, /Put the file that it leads to in its place\.$/)
    await assert.rejects(Wal.open({ directory }), refusal('WALV_DAMAGED'))
    await assert.rejects(Wal.open({ directory, recovery: 'repair' }), refusal('WALV_FOREIGN_LOG'))
    await rename(moved, last)
    assert.deepEqual(await idsIn(await openWal(t, { directory })), ['large', 'second'])
  },
)

test('a folder with the largest number in its name does not use up the numbers of segments', async (t) => {
  const directory = await temporaryDirectory(t)
  await mkdir(join(directory, 'segment-9999999999.walv'))
  await writeLog(directory, names('id', 2))
  await writeLog(directory, names('more', 2))
  assert.deepEqual(await idsIn(await openWal(t, { directory })), [...names('id', 2), ...names('more', 2)])
})

test(
  'a pipe among the copies in quarantine/ is not read, and the repair makes a copy of its own',
  SOON,
  async (t) => {
    const directory = await temporaryDirectory(t)
    await writeLog(directory, names('id', 3))
    const [segment] = await segmentsIn(directory)
    await alter(segment!, (content) => content.fill(1, 1024 + 80, 1024 + 90))
    await mkdir(join(directory, 'quarantine'))
    await KINDS.pipe(t, join(directory, 'quarantine', basename(segment!)))
    const wal = await openWal(t, { directory, recovery: 'repair' })
    assert.deepEqual(wal.recovery.quarantined, [join(directory, 'quarantine', `${basename(segment!)}.1`)])
  },
)
