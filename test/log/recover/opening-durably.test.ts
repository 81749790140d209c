import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  crafted,
  customOf,
  DIRECTORY,
  FailingDisk,
  namesOn,
  type Operation,
  openOn,
  putFile,
  refusal,
  SimulatedDisk,
  segmentAt,
  type WalError,
} from '../../support/kit.ts'
import { deletion, SEGMENT, segmentsOn } from './opened-segments.ts'

const KIB = 1024

const changes = (operations: readonly Operation[]): string[] =>
  operations
    .filter(({ kind }) => !['read', 'open', 'close', 'list', 'size'].includes(kind))
    .map(({ kind, path }) => `${kind} ${path.replace(`${DIRECTORY}/`, '')}`)

test('a directory is made with all that is missing of its path, each name durable', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { directory: '/a/b/c' })
  const names = disk.ops.filter(({ kind }) => kind === 'makeDirectory' || kind === 'syncDirectory')
  assert.deepEqual(
    names.slice(0, 10).map(({ kind, path }) => `${kind} ${path}`),
    [
      'makeDirectory /a/b/c',
      'makeDirectory /a/b',
      'makeDirectory /a',
      'syncDirectory /',
      'makeDirectory /a/b',
      'syncDirectory /a',
      'makeDirectory /a/b/c',
      'syncDirectory /a/b',
      'syncDirectory /a/b/c',
      'syncDirectory /a/b',
    ],
  )
  assert.equal((await segmentsIn(disk.crash('nothing'), '/a/b/c')).length, 1)
  await wal.close()
})

const segmentsIn = async (disk: SimulatedDisk, path: string): Promise<string[]> =>
  (await namesOn(disk, path)).filter((name) => SEGMENT.test(name))

test('a directory that somebody else makes at the same moment is as good', async () => {
  const disk = new SimulatedDisk()
  let other = false
  disk.onOperation = ({ kind, path }) => {
    if (kind !== 'makeDirectory' || path !== '/data/log') return undefined
    if (other) return { code: 'EEXIST', applied: true }
    other = true
    return undefined
  }
  const wal = await openOn(disk)
  await wal.close()
  assert.equal(other, true)
})

test('a directory that cannot be made is refused in words, and what was made of its path stays', async () => {
  for (const [code, expected] of [
    ['EACCES', 'WALV_PERMISSION'],
    ['EROFS', 'WALV_PERMISSION'],
    ['EIO', 'WALV_IO'],
  ] as const) {
    for (const which of [1, 2]) {
      const disk = new SimulatedDisk()
      let seen = 0
      disk.onOperation = ({ kind, path }) =>
        kind === 'makeDirectory' && path === DIRECTORY && ++seen === which ? { code } : undefined
      await assert.rejects(openOn(disk), (error: WalError) => {
        assert.equal(error.file, DIRECTORY)
        return refusal(expected)(error)
      })
    }
  }
  const disk = new SimulatedDisk()
  await putFile(disk, '/data', Buffer.from('file'))
  await assert.rejects(openOn(disk), refusal('WALV_NOT_A_DIRECTORY'))
  const file = new SimulatedDisk()
  await putFile(file, DIRECTORY, Buffer.from('file'))
  await assert.rejects(openOn(file), refusal('WALV_NOT_A_DIRECTORY'))
})

test('a root that is not there is refused, not sought for ever', async () => {
  const disk = new SimulatedDisk()
  disk.onOperation = ({ kind }) => (kind === 'makeDirectory' ? { code: 'ENOENT' } : undefined)
  await assert.rejects(openOn(disk, { directory: '/' }), refusal('WALV_NO_DIRECTORY'))
  await assert.rejects(openOn(disk), refusal('WALV_NO_DIRECTORY'))
})

test('a directory whose name cannot be made durable is removed again', async () => {
  const disk = new SimulatedDisk()
  await disk.makeDirectory('/data')
  disk.onOperation = ({ kind, path }) =>
    kind === 'syncDirectory' && path === '/data' ? { code: 'EIO' } : undefined
  await assert.rejects(openOn(disk), refusal('WALV_IO'))
  assert.deepEqual(await namesOn(disk, '/data'), [])
})

test('a directory whose name cannot be made durable is left if somebody put something into it', async () => {
  const disk = new SimulatedDisk()
  await disk.makeDirectory('/data')
  const makeDirectory = disk.makeDirectory.bind(disk)
  disk.makeDirectory = async (path) => {
    await makeDirectory(path)
    const theirs = await disk.open(`${path}/theirs`, 'create')
    await theirs.close()
  }
  disk.onOperation = ({ kind, path }) =>
    kind === 'syncDirectory' && path === '/data' ? { code: 'EIO' } : undefined
  await assert.rejects(openOn(disk), refusal('WALV_IO'))
  assert.deepEqual(await namesOn(disk), ['theirs'])
})

test('opening a log syncs its directory and the file that was written last, before it goes on', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(customOf(100 * KIB))
  await wal.close()
  const from = disk.ops.length
  const again = await openOn(disk)
  assert.deepEqual(changes(disk.ops.slice(from)), [
    'makeDirectory /data/log',
    'lock LOCK',
    'syncDirectory /data/log',
    'sync segment-0000000001.walv',
    'remove segment-0000000002.walv.tmp',
    'create segment-0000000002.walv.tmp',
    'write segment-0000000002.walv.tmp',
    'write segment-0000000002.walv.tmp',
    'sync segment-0000000002.walv.tmp',
    'link segment-0000000002.walv.tmp',
    'remove segment-0000000002.walv.tmp',
    'syncDirectory /data/log',
  ])
  const writes = disk.ops.slice(from).filter(({ kind }) => kind === 'write')
  assert.deepEqual(
    writes.map(({ position, bytes }) => [position, bytes]),
    [
      [0, 256 * KIB],
      [0, 1024],
    ],
  )
  await again.close()
})

test('where a log is new the directories above are synced too, but for those that may not be looked into', async () => {
  for (const [code, opens] of [
    ['EACCES', true],
    ['EPERM', true],
    ['EIO', false],
  ] as const) {
    const disk = new SimulatedDisk()
    await disk.makeDirectory('/data')
    await disk.makeDirectory(DIRECTORY)
    disk.onOperation = ({ kind, path }) => (kind === 'syncDirectory' && path === '/' ? { code } : undefined)
    if (opens) await (await openOn(disk)).close()
    else await assert.rejects(openOn(disk), refusal('WALV_IO'))
    const synced = disk.ops.flatMap(({ kind, path }) => (kind === 'syncDirectory' ? [path] : []))
    assert.deepEqual(synced.slice(0, 3), [DIRECTORY, '/data', '/'])
  }
})

test('an error without a code, of the directories above, is none that is passed over', async () => {
  const below = new SimulatedDisk()
  await below.makeDirectory('/data')
  await below.makeDirectory(DIRECTORY)
  const disk = new FailingDisk(below)
  const error = new Error('unplugged')
  disk.fail({ operation: 'syncDirectory', path: /^\/$/, error })
  await assert.rejects(openOn(below, { disk }), error)
})

test('a sync of the last file that fails refuses to open, and the file is closed', async () => {
  const disk = await crafted((seed) => [deletion(0, seed)])
  disk.onOperation = ({ kind, path }) =>
    kind === 'sync' && path === segmentAt(1) ? { code: 'EIO' } : undefined
  const before = await segmentsOn(disk)
  await assert.rejects(openOn(disk), {
    code: 'WALV_IO',
    message: /^The log in \/data\/log cannot be opened; nothing that it held is lost \(EIO/,
  })
  assert.deepEqual(await segmentsOn(disk), before)
  const kinds = (kind: string): number =>
    disk.ops.filter((each) => each.kind === kind && each.path === segmentAt(1)).length
  assert.equal(kinds('open') + kinds('create'), kinds('close'))
})

test('the file that was written last is opened for writing, to be synced', async () => {
  const below = await crafted((seed) => [deletion(0, seed)])
  const disk = new FailingDisk(below)
  const wal = await openOn(below, { disk })
  const modes = disk.calls.flatMap(({ operation, path, mode }) =>
    operation === 'open' && path === segmentAt(1) ? [mode] : [],
  )
  assert.deepEqual([...new Set(modes)], ['read', 'write'])
  await wal.close()
})
