/** What a power cut leaves of names: of files that were made, renamed and removed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diskWith, outcomes, put } from './disk-pictures.ts'

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
