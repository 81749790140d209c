/** What the `Disk` interface promises, of the real disk. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { failure, replaceFs, restoreFs } from './replaced-fs.ts'

let directory: string
let path: string

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'walv-contract-'))
  path = join(directory, 'file')
})

afterEach(() => {
  restoreFs()
  fs.rmSync(directory, { recursive: true })
})

test('a file that is created is empty, can be written and read, and must not be there before', async () => {
  const file = await nodeDisk.open(path, 'create')
  assert.equal(await file.size(), 0)
  assert.equal(await file.write(Buffer.from('abc'), 2), 3)
  assert.equal(await file.size(), 5)
  const buffer = Buffer.alloc(8, 'x')
  assert.equal(await file.read(buffer, 1), 4)
  assert.equal(buffer.toString('latin1'), '\0abcxxxx')
  assert.equal(await file.read(buffer, 5), 0)
  await file.sync()
  await file.close()
  await assert.rejects(nodeDisk.open(path, 'create'), { code: 'EEXIST' })
  assert.equal(fs.readFileSync(path, 'latin1'), '\0\0abc')
})

test('a file opened for writing must be there, and keeps what it has', async () => {
  await assert.rejects(nodeDisk.open(path, 'write'), { code: 'ENOENT' })
  fs.writeFileSync(path, 'abcdef')
  const file = await nodeDisk.open(path, 'write')
  await file.write(Buffer.from('XY'), 1)
  await file.truncate(4)
  assert.equal(await file.size(), 4)
  await file.close()
  assert.equal(fs.readFileSync(path, 'utf8'), 'aXYd')
})

test('a file opened for reading must be there, and cannot be written', async () => {
  await assert.rejects(nodeDisk.open(path, 'read'), { code: 'ENOENT' })
  fs.writeFileSync(path, 'abc')
  const file = await nodeDisk.open(path, 'read')
  await assert.rejects(file.write(Buffer.from('x'), 0), { code: 'EBADF' })
  const buffer = Buffer.alloc(3)
  assert.equal(await file.read(buffer, 0), 3)
  assert.equal(buffer.toString(), 'abc')
  await file.close()
})

test('an error of the operating system comes through with its code, and the file can still be used', async () => {
  const file = await nodeDisk.open(path, 'create')
  replaceFs('fdatasync', (_: number, done: (error: Error) => void) =>
    globalThis.setImmediate(done, failure('EIO')),
  )
  await assert.rejects(file.sync(), { code: 'EIO' })
  restoreFs()
  await file.sync()
  await file.close()
})

test('closing waits for all that is under way, not only for the first', async () => {
  const file = await nodeDisk.open(path, 'create')
  const { close } = fs
  const pending: (() => void)[] = []
  let closes = 0
  replaceFs('fdatasync', (_: number, done: () => void) => pending.push(done))
  replaceFs('close', (descriptor: number, done: () => void) => {
    closes++
    close(descriptor, done)
  })
  const syncs = [file.sync(), file.sync()]
  const closing = file.close()
  for (const done of pending) {
    assert.equal(closes, 0)
    done()
    await setImmediate()
  }
  await Promise.all([...syncs, closing])
  assert.equal(closes, 1)
})

test('a closed file says that it is', async () => {
  const file = await nodeDisk.open(path, 'create')
  await file.close()
  await assert.rejects(file.size(), { code: 'EBADF', message: 'EBADF: the file is closed' })
})

test('one call moves at most a gibibyte: what is beyond is left to the next', async () => {
  const lengths: number[] = []
  const take = (
    _: number,
    _buffer: unknown,
    _offset: number,
    length: number,
    _at: number,
    done: unknown,
  ): void => {
    lengths.push(length)
    globalThis.setImmediate(done as (error: null, count: number) => void, null, length)
  }
  replaceFs('write', take)
  replaceFs('read', take)
  const file = await nodeDisk.open(path, 'create')
  // Only its length is looked at.
  const large = { length: 3 * 2 ** 30 } as Uint8Array
  assert.equal(await file.write(large, 0), 2 ** 30)
  assert.equal(await file.read(large, 0), 2 ** 30)
  assert.deepEqual(lengths, [2 ** 30, 2 ** 30])
  await file.close()
})

test('renaming replaces a file of that name, and moves directories', async () => {
  fs.writeFileSync(path, 'new')
  fs.writeFileSync(join(directory, 'other'), 'old')
  await nodeDisk.rename(path, join(directory, 'other'))
  await nodeDisk.makeDirectory(join(directory, 'folder'))
  await nodeDisk.rename(join(directory, 'folder'), join(directory, 'moved'))
  assert.deepEqual(fs.readdirSync(directory).sort(), ['moved', 'other'])
  assert.equal(fs.readFileSync(join(directory, 'other'), 'utf8'), 'new')
})

test('a new name is given to a file only where nothing has it, and the old one ends', async () => {
  const other = join(directory, 'other')
  fs.writeFileSync(path, 'new')
  fs.writeFileSync(other, 'old')
  await assert.rejects(nodeDisk.renameNew(path, other), { code: 'EEXIST' })
  assert.deepEqual([fs.readFileSync(path, 'utf8'), fs.readFileSync(other, 'utf8')], ['new', 'old'])
  fs.rmSync(other)
  await nodeDisk.renameNew(path, other)
  assert.deepEqual(fs.readdirSync(directory), ['other'])
  assert.equal(fs.readFileSync(other, 'utf8'), 'new')
  await assert.rejects(nodeDisk.renameNew(path, join(directory, 'third')), { code: 'ENOENT' })
})

test('a file that is shared has its content under both names, whatever becomes of the first', async () => {
  fs.writeFileSync(path, 'content')
  const other = join(directory, 'other')
  await nodeDisk.share!(path, other)
  await assert.rejects(nodeDisk.share!(path, other), { code: 'EEXIST' })
  await assert.rejects(nodeDisk.share!(join(directory, 'none'), join(directory, 'new')), { code: 'ENOENT' })
  const file = await nodeDisk.open(path, 'write')
  await nodeDisk.remove(path)
  await file.discard!()
  await file.close()
  assert.equal(fs.readFileSync(other, 'utf8'), 'content')
})

test('where a file system gives no second names, a new name is looked for first, and any other error comes through', async () => {
  const other = join(directory, 'other')
  for (const code of ['EPERM', 'ENOSYS', 'EOPNOTSUPP', 'EACCES', 'ENOTSUP']) {
    mock.method(fs.promises, 'link', () => Promise.reject(failure(code)))
    fs.writeFileSync(path, code)
    fs.writeFileSync(other, 'old')
    await assert.rejects(nodeDisk.renameNew(path, other), { code: 'EEXIST' })
    assert.equal(fs.readFileSync(other, 'utf8'), 'old')
    fs.rmSync(other)
    await nodeDisk.renameNew(path, other)
    assert.equal(fs.readFileSync(other, 'utf8'), code)
    assert.equal(fs.existsSync(path), false)
    fs.rmSync(other)
  }
  mock.method(fs.promises, 'link', () => Promise.reject(failure('EIO')))
  fs.writeFileSync(path, '')
  await assert.rejects(nodeDisk.renameNew(path, other), { code: 'EIO' })
  assert.equal(fs.existsSync(other), false)
})

test('a directory is made once, in a parent that is there', async () => {
  await nodeDisk.makeDirectory(path)
  await assert.rejects(nodeDisk.makeDirectory(path), { code: 'EEXIST' })
  await assert.rejects(nodeDisk.makeDirectory(join(directory, 'a', 'b')), { code: 'ENOENT' })
})

test('removing takes a file, or a directory with all that is in it, and must find it', async () => {
  fs.writeFileSync(path, '')
  fs.mkdirSync(join(directory, 'a', 'b'), { recursive: true })
  fs.writeFileSync(join(directory, 'a', 'b', 'c'), '')
  await nodeDisk.remove(path)
  await nodeDisk.remove(join(directory, 'a'))
  assert.deepEqual(fs.readdirSync(directory), [])
  await assert.rejects(nodeDisk.remove(path), { code: 'ENOENT' })
})

test('what a directory is called by unlink of another system is a directory too; any other error comes through', async () => {
  for (const code of ['EISDIR', 'EPERM']) {
    fs.mkdirSync(join(directory, 'a', 'b'), { recursive: true })
    mock.method(fs.promises, 'unlink', () => Promise.reject(failure(code)))
    await nodeDisk.remove(join(directory, 'a'))
    assert.deepEqual(fs.readdirSync(directory), [], code)
  }
  fs.writeFileSync(path, '')
  mock.method(fs.promises, 'unlink', () => Promise.reject(failure('EBUSY')))
  await assert.rejects(nodeDisk.remove(path), { code: 'EBUSY' })
  assert.ok(fs.existsSync(path))
})

test('syncing a directory that is not there, or no directory, is an error', async () => {
  await assert.rejects(nodeDisk.syncDirectory(path), { code: 'ENOENT' })
  fs.writeFileSync(path, '')
  await assert.rejects(nodeDisk.syncDirectory(path), { code: 'ENOTDIR' })
})

test('syncing a directory that fails gives its descriptor back', async () => {
  const closed: number[] = []
  const { close } = fs
  const synced: number[] = []
  replaceFs('fsync', (descriptor: number, done: (error: Error) => void) => {
    synced.push(descriptor)
    globalThis.setImmediate(done, failure('EIO'))
  })
  replaceFs('close', (descriptor: number, done: () => void) => {
    closed.push(descriptor)
    close(descriptor, done)
  })
  await assert.rejects(nodeDisk.syncDirectory(directory), { code: 'EIO' })
  assert.equal(synced.length, 1)
  assert.deepEqual(closed, synced)
})

test('on Windows a directory is not synced', async () => {
  const platform = Object.getOwnPropertyDescriptor(process, 'platform')!
  Object.defineProperty(process, 'platform', { ...platform, value: 'win32' })
  try {
    await nodeDisk.syncDirectory(join(directory, 'not even looked for'))
  } finally {
    Object.defineProperty(process, 'platform', platform)
  }
  await assert.rejects(nodeDisk.syncDirectory(join(directory, 'looked for')), { code: 'ENOENT' })
})

test('the hash of a file is computed elsewhere, and refuses what cannot be opened to be read', async () => {
  const content = Buffer.alloc(2_500_000, 'walv')
  fs.writeFileSync(path, content)
  const sha256 = createHash('sha256').update(content).digest('hex')
  assert.deepEqual(await nodeDisk.hash!(path), { bytes: content.length, sha256 })
  fs.writeFileSync(path, '')
  const ofNothing = createHash('sha256').digest('hex')
  assert.deepEqual(await nodeDisk.hash!(path), { bytes: 0, sha256: ofNothing })
  await assert.rejects(nodeDisk.hash!(directory), { code: 'EISDIR' })
  await assert.rejects(nodeDisk.hash!(join(directory, 'nothing')), { code: 'ENOENT' })
})
