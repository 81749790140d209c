/**
 * The lock where the file system does what it seldom does. What other processes do is in
 * `lock.test.ts`.
 */
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { tryLock, unlock } from 'fs-native-extensions'
import { lockFile } from '../../src/disk/lock.ts'
import type { DiskLock } from '../support/kit.ts'
import { failure, replaceFs, restoreFs } from './replaced-fs.ts'

let directory: string
let path: string

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'walv-lock-faults-'))
  path = join(directory, 'LOCK')
})

afterEach(() => {
  restoreFs()
  fs.rmSync(directory, { recursive: true })
})

async function take(owner = 'the test'): Promise<DiskLock> {
  const outcome = await lockFile(path, owner)
  assert.ok(!outcome.held, 'the lock was refused')
  return outcome
}

test('a disk that takes no text gives the lock all the same, and the refused hear of nobody', async () => {
  replaceFs('ftruncateSync', () => {
    throw failure('ENOSPC')
  })
  const lock = await take()
  assert.deepEqual(await lockFile(path, 'x'), { held: true, owner: '' })
  await lock.release()
  await (await take()).release()
})

test('a lock file that is removed between its opening and its locking is made again, and left alone', async () => {
  const { openSync, ftruncateSync } = fs
  const opened: number[] = []
  const written: number[] = []
  replaceFs('openSync', (...options: Parameters<typeof openSync>) => {
    opened.push(openSync(...options))
    if (opened.length === 1) fs.unlinkSync(path)
    return opened.at(-1)!
  })
  replaceFs('ftruncateSync', (...options: Parameters<typeof ftruncateSync>) => {
    written.push(opened.length)
    ftruncateSync(...options)
  })
  const lock = await take('of the file in place')
  assert.equal(opened.length, 2)
  assert.deepEqual(written, [2], 'a text is written into the second file only')
  assert.deepEqual(await lockFile(path, 'x'), { held: true, owner: 'of the file in place' })
  await lock.release()
})

test('elsewhere than on Windows the whole file is locked, as far as it could ever grow', async () => {
  const lock = await take()
  const descriptor = fs.openSync(path, 'r+')
  for (const offset of [0, 2 ** 20, 2 ** 41])
    assert.equal(tryLock(descriptor, offset, 1), false, `byte ${offset}`)
  await lock.release()
  assert.ok(tryLock(descriptor, 2 ** 41, 1))
  fs.closeSync(descriptor)
})

test('a file with the same number on another device is another file', async () => {
  const { lstatSync } = fs
  let stats = 0
  replaceFs('lstatSync', (name: string, options: fs.StatSyncOptions & { bigint: true }) => {
    const found = lstatSync(name, options)!
    if (stats++ === 0) found.dev++
    return found
  })
  const lock = await take()
  assert.equal(stats, 2)
  await lock.release()
})

test('a lock file that is replaced all the time is reported as held by nobody known, not tried for ever', async () => {
  const { openSync } = fs
  let opens = 0
  replaceFs('openSync', (...options: Parameters<typeof openSync>) => {
    const descriptor = openSync(...options)
    opens++
    fs.unlinkSync(path)
    return descriptor
  })
  assert.deepEqual(await lockFile(path, 'x'), { held: true, owner: '' })
  assert.equal(opens, 40)
})

test('a lock that cannot be tried is an error, and its descriptor is given back', async () => {
  fs.writeFileSync(path, '')
  const { openSync, closeSync } = fs
  const opened: number[] = []
  const closed: number[] = []
  // An exclusive lock needs a file that is open for writing.
  replaceFs('openSync', (name: string) => {
    opened.push(openSync(name, 'r'))
    return opened.at(-1)!
  })
  replaceFs('closeSync', (descriptor: number) => {
    closed.push(descriptor)
    closeSync(descriptor)
  })
  await assert.rejects(lockFile(path, 'x'), { code: 'EBADF' })
  assert.equal(opened.length, 1)
  assert.deepEqual(closed, opened)
})

test('a text of 4 096 bytes is told whole, and a longer one not in part', async () => {
  const owner = 'o'.repeat(4095)
  const lock = await take(owner)
  assert.deepEqual(await lockFile(path, 'x'), { held: true, owner })
  await lock.release()
  const longer = await take(`${owner}o`)
  assert.deepEqual(await lockFile(path, 'x'), { held: true, owner: '' })
  await longer.release()
})

test('a lock file that is made can be read by everybody, and written, as far as the umask lets', async () => {
  await (await take()).release()
  assert.equal(fs.statSync(path).mode & 0o777, 0o666 & ~process.umask())
})

test('a lock is released before its file is closed', async () => {
  const lock = await take()
  const { closeSync } = fs
  const descriptor = fs.openSync(path, 'r+')
  const taken: boolean[] = []
  replaceFs('closeSync', (closing: number) => {
    taken.push(tryLock(descriptor, 0, 0))
    closeSync(closing)
  })
  await lock.release()
  restoreFs()
  assert.deepEqual(taken, [true], 'free when the file is closed')
  unlock(descriptor, 0, 0)
  fs.closeSync(descriptor)
})

test('on Windows one byte far behind the text is locked, so that the text can be read', async () => {
  const platform = Object.getOwnPropertyDescriptor(process, 'platform')!
  Object.defineProperty(process, 'platform', { ...platform, value: 'win32' })
  const lock = await take().finally(() => Object.defineProperty(process, 'platform', platform))
  const descriptor = fs.openSync(path, 'r+')
  assert.ok(tryLock(descriptor, 0, 2 ** 40), 'all before it is free')
  assert.ok(tryLock(descriptor, 2 ** 40 + 1, 0), 'all behind it is free')
  assert.equal(tryLock(descriptor, 2 ** 40, 1), false)
  await lock.release()
  assert.ok(tryLock(descriptor, 2 ** 40, 1))
  fs.closeSync(descriptor)
})
