import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Fault } from '../../src/testing/disk/operations.ts'
import { bytesOf, diskWith, outcomes, picture, put, SECTOR, sectors, tree } from './disk-pictures.ts'

describe('contents after a power cut', () => {
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
})

describe('names after a power cut', () => {
  test('an unsynced name vanishes with a file whose data was synced; syncing the directory keeps it', async () => {
    const disk = await diskWith({})
    const file = await put(disk, '/f', 'a')
    await file.sync()
    assert.deepEqual(await outcomes(disk), ['', '/f=a'])
    await disk.syncDirectory('/')
    assert.deepEqual(await outcomes(disk), ['/f=a'])
  })

  test('a name that was synced says nothing of the content', async () => {
    const disk = await diskWith({})
    await put(disk, '/f', 'a')
    await disk.syncDirectory('/')
    assert.deepEqual(await outcomes(disk), ['/f=', '/f=.', '/f=a'])
  })

  test('creations land independently of each other', async () => {
    const disk = await diskWith({})
    await put(disk, '/f', '')
    await put(disk, '/g', '')
    assert.deepEqual(await outcomes(disk), ['', '/f=', '/f= /g=', '/g='])
  })

  test('a removed file comes back until its directory is synced', async () => {
    const disk = await diskWith({ '/f': 'a', '/g': 'b' })
    await disk.remove('/f')
    assert.deepEqual(await outcomes(disk), ['/f=a /g=b', '/g=b'])
    await disk.syncDirectory('/')
    assert.deepEqual(await outcomes(disk), ['/g=b'])
  })

  test('a rename over a file leaves the old one or the new one, never both names and never none', async () => {
    const disk = await diskWith({ '/new': 'n', '/old': 'o' })
    await disk.rename('/new', '/old')
    assert.deepEqual(await outcomes(disk), ['/new=n /old=o', '/old=n'])
    await disk.syncDirectory('/')
    assert.deepEqual(await outcomes(disk), ['/old=n'])
  })

  test('a rename of what was not synced shows a name without its content', async () => {
    const disk = await diskWith({ '/old': 'o' })
    await put(disk, '/new', 'n')
    await disk.rename('/new', '/old')
    await disk.syncDirectory('/')
    assert.deepEqual(await outcomes(disk), ['/old=', '/old=.', '/old=n'])
  })

  test('changes of one name land in their order', async () => {
    const disk = await diskWith({ '/f': 'a' })
    await disk.remove('/f')
    await (await put(disk, '/f', 'b')).sync()
    await disk.rename('/f', '/g')
    assert.deepEqual(await outcomes(disk), ['', '/f=a', '/f=b', '/g=b'])
  })

  test('a name that is made anew does not replace what had it before and was renamed away', async () => {
    const disk = await diskWith({ '/log': 'a' })
    await disk.rename('/log', '/log.old')
    await put(disk, '/log', '')
    assert.deepEqual(await outcomes(disk), ['/log.old=a', '/log.old=a /log=', '/log=a'])
  })

  test('the sync of one directory says nothing of another, below it or above', async () => {
    const disk = await diskWith({})
    await disk.makeDirectory('/d')
    await disk.syncDirectory('/')
    await put(disk, '/d/f', '')
    await disk.syncDirectory('/')
    assert.deepEqual(await outcomes(disk), ['/d/', '/d/ /d/f='])
    await put(disk, '/g', '')
    await disk.syncDirectory('/d')
    assert.deepEqual(await outcomes(disk), ['/d/ /d/f=', '/d/ /d/f= /g='])
  })

  test('a rename to another directory is durable when both directories are synced', async () => {
    const disk = await diskWith({ '/f': 'a' })
    await disk.makeDirectory('/d')
    await disk.syncDirectory('/')
    await disk.rename('/f', '/d/f')
    await disk.syncDirectory('/d')
    assert.deepEqual(await outcomes(disk), ['/d/ /d/f=a', '/d/ /f=a'])
    await disk.syncDirectory('/')
    assert.deepEqual(await outcomes(disk), ['/d/ /d/f=a'])
  })

  test('a file synced in a synced directory vanishes with the name of the directory', async () => {
    const disk = await diskWith({})
    await disk.makeDirectory('/d')
    await (await put(disk, '/d/f', 'a')).sync()
    await disk.syncDirectory('/d')
    assert.deepEqual(await outcomes(disk), ['', '/d/ /d/f=a'])
  })

  test('what is in a directory that never was is not asked about', async () => {
    const disk = await diskWith({})
    await disk.makeDirectory('/d')
    await disk.makeDirectory('/d/e')
    await put(disk, '/d/e/f', '')
    const asked: string[] = []
    disk.crash((change) => {
      asked.push(change.path)
      return 0
    })
    assert.deepEqual(asked, ['/d'])
  })

  test('the removal of a directory with all that is in it may be left half done, and is done when its parent is synced', async () => {
    const disk = await diskWith({})
    await disk.makeDirectory('/d')
    await (await put(disk, '/d/f', 'a')).sync()
    await (await put(disk, '/d/g', 'b')).sync()
    await disk.syncDirectory('/d')
    await disk.syncDirectory('/')
    await disk.remove('/d')
    const half = ['/d/', '/d/ /d/f=a', '/d/ /d/f=a /d/g=b', '/d/ /d/g=b']
    assert.deepEqual(await outcomes(disk), ['', ...half])
    await disk.syncDirectory('/')
    assert.equal([...disk.crashStates(10)].length, 1)
    assert.deepEqual(await outcomes(disk), [''])
  })

  test('a directory sync covers the changes that had resolved when it was called', async () => {
    const disk = await diskWith({})
    await put(disk, '/f', '')
    await Promise.all([disk.open('/g', 'create'), disk.syncDirectory('/')])
    assert.deepEqual(await outcomes(disk), ['/f=', '/f= /g='])
  })
})

describe('syncs that fail', () => {
  test('a failed sync loses what it should have written, reads see it, and a later sync succeeds without it', async () => {
    const disk = await diskWith({ '/f': 'ab' })
    const file = await disk.open('/f', 'write')
    await file.write(sectors('X'), 0)
    disk.onOperation = ({ kind }) => (kind === 'sync' ? { code: 'EIO' } : undefined)
    await assert.rejects(file.sync(), { code: 'EIO' })
    disk.onOperation = undefined
    await file.write(sectors('Y'), SECTOR)
    await file.sync()
    assert.equal(await picture(disk, '/f'), 'XY')
    assert.deepEqual(await outcomes(disk), ['/f=aY', '/f=XY'].sort())
    assert.equal(await tree(disk.kill()), '/f=XY', 'the next process reads it too')
    assert.deepEqual(await outcomes(disk.kill()), ['/f=XY', '/f=aY'])
    await file.write(sectors('X'), 0)
    await file.sync()
    assert.deepEqual(await outcomes(disk), ['/f=XY'], 'written again, it is written')
  })

  test('a failed sync does not lose a write that was still under way', async () => {
    const disk = await diskWith({ '/f': 'a' })
    const file = await disk.open('/f', 'write')
    disk.onOperation = ({ kind }) => (kind === 'sync' ? { code: 'EIO' } : undefined)
    const [, sync] = await Promise.allSettled([file.write(sectors('b'), 0), file.sync()])
    assert.equal(sync.status, 'rejected')
    disk.onOperation = undefined
    await file.sync()
    assert.deepEqual(await outcomes(disk), ['/f=b'])
  })

  test('a failed sync loses a size', async () => {
    const disk = await diskWith({ '/f': 'a' })
    const file = await disk.open('/f', 'write')
    await file.write(sectors('b'), SECTOR)
    disk.onOperation = ({ kind }) => (kind === 'sync' ? { code: 'ENOSPC' } : undefined)
    await assert.rejects(file.sync(), { code: 'ENOSPC' })
    disk.onOperation = undefined
    await file.sync()
    assert.deepEqual(await outcomes(disk), ['/f=a', '/f=a.', '/f=ab'])
  })

  test('a failed directory sync loses names, and a later one does not bring them back', async () => {
    const disk = await diskWith({})
    await put(disk, '/f', '')
    disk.onOperation = ({ kind }) => (kind === 'syncDirectory' ? { code: 'EIO' } : undefined)
    await assert.rejects(disk.syncDirectory('/'), { code: 'EIO' })
    disk.onOperation = undefined
    await put(disk, '/g', '')
    await disk.syncDirectory('/')
    assert.equal(await tree(disk), '/f= /g=')
    assert.deepEqual(await outcomes(disk), ['/f= /g=', '/g='])
    await disk.rename('/f', '/h')
    await disk.syncDirectory('/')
    assert.deepEqual(await outcomes(disk), ['/g= /h='], 'what rests on it brings it back')
  })
})

describe('what a failed directory sync loses', () => {
  const failing = ({ kind }: { kind: string }): Fault | undefined =>
    kind === 'syncDirectory' ? { code: 'EIO' } : undefined

  test('is no name in another directory', async () => {
    const disk = await diskWith({})
    await disk.makeDirectory('/d')
    await disk.syncDirectory('/')
    await put(disk, '/f', '')
    disk.onOperation = failing
    await assert.rejects(disk.syncDirectory('/d'), { code: 'EIO' })
    disk.onOperation = undefined
    await disk.syncDirectory('/')
    assert.deepEqual(await outcomes(disk), ['/d/ /f='])
  })

  test('is no name that was still being made', async () => {
    const disk = await diskWith({})
    disk.onOperation = failing
    const [, sync] = await Promise.allSettled([disk.open('/f', 'create'), disk.syncDirectory('/')])
    assert.equal(sync.status, 'rejected')
    disk.onOperation = undefined
    await disk.syncDirectory('/')
    assert.deepEqual(await outcomes(disk), ['/f='])
  })
})
