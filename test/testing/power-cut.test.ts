/** What a power cut leaves of the contents of files. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOf, diskWith, outcomes, picture, SECTOR, sectors, tree } from './disk-pictures.ts'

test('unsynced writes persist as any subset of their sectors, and synced ones whole', async () => {
  const disk = await diskWith({ '/f': 'abcd' })
  const file = await disk.open('/f', 'write')
  await file.write(sectors('XYZ'), SECTOR)
  const expected = ['abcd', 'abcZ', 'abYd', 'abYZ', 'aXcd', 'aXcZ', 'aXYd', 'aXYZ']
  assert.deepEqual(await outcomes(disk), expected.map((letters) => `/f=${letters}`).sort())
  assert.equal(await picture(disk, '/f'), 'aXYZ')
  await file.sync()
  assert.deepEqual(await outcomes(disk), ['/f=aXYZ'])
})

test('writes persist in any order: a later one without an earlier one, and any version of a sector written twice', async () => {
  const disk = await diskWith({ '/f': 'ab' })
  const file = await disk.open('/f', 'write')
  await file.write(sectors('1'), 0)
  await file.write(sectors('2'), 0)
  await file.write(sectors('3'), SECTOR)
  assert.deepEqual(await outcomes(disk), ['/f=1b', '/f=13', '/f=2b', '/f=23', '/f=ab', '/f=a3'].sort())
})

test('a size lands without its data, and data without its size', async () => {
  const disk = await diskWith({ '/f': 'a' })
  const file = await disk.open('/f', 'write')
  await file.write(sectors('bc'), 256)
  const short = ['/f=?', '/f=a']
  const long = ['?.. ', '?.c ', '??. ', '??c ', 'a.. ', 'a.c ', 'a?. ', 'a?c '].map(
    (letters) => `/f=${letters}1280`,
  )
  assert.deepEqual(await outcomes(disk), [...short, ...long].sort())
})

test('a write damages nothing outside its range, whatever becomes of it', async () => {
  const disk = await diskWith({ '/f': 'aaa' })
  const file = await disk.open('/f', 'write')
  await file.write(Buffer.alloc(600, 'X'), 400)
  for (const state of disk.crashStates(100)) {
    const bytes = await bytesOf(state.disk, '/f')
    assert.deepEqual(bytes.subarray(0, 400), Buffer.alloc(400, 'a'))
    assert.deepEqual(bytes.subarray(1000), Buffer.alloc(3 * SECTOR - 1000, 'a'))
  }
})

test('a truncated file keeps its old size, its old bytes, or neither, until it is synced', async () => {
  const disk = await diskWith({ '/f': 'ab' })
  const file = await disk.open('/f', 'write')
  await file.truncate(SECTOR)
  assert.deepEqual(await outcomes(disk), ['/f=a', '/f=a.', '/f=ab'])
  await file.truncate(2 * SECTOR)
  assert.equal(await picture(disk, '/f'), 'a.')
  await file.sync()
  assert.deepEqual(await outcomes(disk), ['/f=a.'])
})

test('a sync covers the writes that had resolved when it was called, and not one that is under way', async () => {
  const disk = await diskWith({ '/f': 'ab' })
  const file = await disk.open('/f', 'write')
  await file.write(sectors('1'), 0)
  await Promise.all([file.write(sectors('2'), SECTOR), file.sync()])
  assert.deepEqual(await outcomes(disk), ['/f=12', '/f=1b'])
  await file.sync()
  await Promise.all([file.write(sectors('3'), 2 * SECTOR), file.sync()])
  assert.deepEqual(await outcomes(disk), ['/f=12', '/f=12.', '/f=123'])
})

test('a synced write covers itself and no other, and the machine may stop between its writing and its syncing', async () => {
  const disk = await diskWith({ '/f': 'ab' })
  const file = await disk.open('/f', 'write')
  await file.write(sectors('1'), 0)
  await file.writeSynced?.(sectors('2'), SECTOR)
  assert.deepEqual(await outcomes(disk), ['/f=12', '/f=a2'])
  disk.onOperation = ({ kind }) => (kind === 'write' ? { crash: true } : undefined)
  await assert.rejects(async () => file.writeSynced?.(sectors('34'), 0))
  assert.deepEqual(await outcomes(disk), ['/f=12', '/f=14', '/f=32', '/f=34', '/f=a2', '/f=a4'])
})

test('a synced write whose sync fails is open for ever, and leaves other writes as they were', async () => {
  const disk = await diskWith({ '/f': 'ab' })
  const file = await disk.open('/f', 'write')
  await file.write(sectors('1'), 0)
  disk.onOperation = ({ kind }) => (kind === 'sync' ? { code: 'EIO' } : undefined)
  await assert.rejects(async () => file.writeSynced?.(sectors('2'), SECTOR), { code: 'EIO' })
  disk.onOperation = undefined
  await file.sync()
  assert.deepEqual(await outcomes(disk), ['/f=12', '/f=1b'])
})

test('what is written is what the buffer holds when the write takes place, not when it was called', async () => {
  const disk = await diskWith({ '/f': 'a' })
  const file = await disk.open('/f', 'write')
  const buffer = sectors('b')
  const written = file.write(buffer, 0)
  buffer.fill('c')
  await written
  assert.equal(await picture(disk, '/f'), 'c')
})

test('what lies behind the end that a power cut left never comes into view', async () => {
  const disk = await diskWith({ '/f': 'a', '/g': 'a'.repeat(20) })
  await (await disk.open('/f', 'write')).write(sectors('b'), 100)
  await (await disk.open('/g', 'write')).truncate(100)
  const after = disk.crash(({ kind, path }) => (kind === 'sector' || path === '/g' ? 1 : 0))
  assert.equal(await tree(after), '/f=? /g=a 100')
  for (const path of ['/f', '/g']) {
    const file = await after.open(path, 'write')
    const end = await file.size()
    await file.truncate(20 * SECTOR)
    assert.deepEqual((await bytesOf(after, path)).subarray(end), Buffer.alloc(20 * SECTOR - end))
  }
})

test('a power cut after a power cut takes what was written in between, and keeps what the first one left', async () => {
  const disk = await diskWith({ '/f': 'ab' })
  await (await disk.open('/f', 'write')).write(sectors('XY'), 0)
  const once = disk.crash((change) => (change.kind === 'sector' && change.sector === 1 ? 1 : 0))
  assert.deepEqual(await outcomes(once), ['/f=aY'])
  assert.equal(once.usedBytes, 4096)
  await (await once.open('/f', 'write')).write(sectors('Z'), 0)
  assert.deepEqual(await outcomes(once), ['/f=ZY', '/f=aY'])
})
