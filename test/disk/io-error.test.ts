import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ioError, isDiskFull, refusal } from '../../src/disk/io-error.ts'
import { errno, WalError } from '../support/kit.ts'

const CODES = [
  ['ENOSPC', 'WALV_DISK_FULL', 'The thing failed: the disk is full (ENOSPC). Make space and try again.'],
  ['EDQUOT', 'WALV_DISK_FULL', 'The thing failed: the disk is full (EDQUOT). Make space and try again.'],
  ['EACCES', 'WALV_PERMISSION', 'The thing failed: not allowed (EACCES). Change owner or mode.'],
  ['EPERM', 'WALV_PERMISSION', 'The thing failed: not allowed (EPERM). Change owner or mode.'],
  ['EROFS', 'WALV_PERMISSION', 'The thing failed: not allowed (EROFS). Change owner or mode.'],
  ['EIO', 'WALV_IO', 'The thing failed (EIO: on purpose).'],
  ['EMFILE', 'WALV_IO', 'The thing failed (EMFILE: on purpose).'],
] as const

for (const [code, expected, message] of CODES) {
  test(`${code} becomes ${expected}, with what could not be done, the file and the cause`, () => {
    const cause = errno(code)
    const error = ioError(cause, 'The thing failed', '/file')
    assert.ok(error instanceof WalError)
    assert.deepEqual(
      [error.code, error.message, error.file, error.cause],
      [expected, message, '/file', cause],
    )
  })
}

test('an error of ours, and one of the caller, are passed on as they are', () => {
  const ours = new WalError('WALV_LIMIT', 'too much')
  assert.equal(ioError(ours, 'The thing failed', '/file'), ours)
  const theirs = new TypeError('not a function')
  assert.equal(ioError(theirs, 'The thing failed', '/file'), theirs)
})

test('no space and no quota are a full disk, and nothing else is', () => {
  assert.deepEqual(
    ['ENOSPC', 'EDQUOT', 'EIO', 'EFBIG'].map((code) => isDiskFull(errno(code))),
    [true, true, false, false],
  )
})

test('an append that the disk refused was not logged, and the error says when to try again', () => {
  const full = refusal(errno('ENOSPC'), 'Writing failed')(5)
  assert.deepEqual(
    [full.code, full.fate, (full.cause as NodeJS.ErrnoException).code],
    ['WALV_DISK_FULL', 'not-logged', 'ENOSPC'],
  )
  assert.equal(
    full.message,
    'Writing failed (ENOSPC). The disk is full. The log is whole and readable; append again when there is space. Nothing was logged.',
  )
  const other = refusal(errno('EMFILE'), 'Writing failed')(5)
  assert.deepEqual([other.code, other.fate], ['WALV_IO', 'not-logged'])
  assert.equal(
    other.message,
    'Writing failed (EMFILE). Append again when the cause is gone. Nothing was logged.',
  )
  assert.match(
    refusal(new Error('no code') as NodeJS.ErrnoException, 'Writing failed')(5).message,
    /^Writing failed \(no code\)\./,
  )
})

/** An error as Node gives it, with the call and the file. */
const called = (code: string, syscall: string): NodeJS.ErrnoException =>
  Object.assign(errno(code), { syscall, path: '/data/segment' })

test('what has no room for another file may lack inodes, and is not called a full disk', () => {
  const making = ioError(called('ENOSPC', 'open'), 'The thing failed', '/file')
  assert.equal(
    making.message,
    'The thing failed: no space or no inode is left for another file (see df and df -i) (ENOSPC: /data/segment). Make space and try again.',
  )
  assert.match(
    refusal(called('ENOSPC', 'open'), 'A segment cannot be made')(5).message,
    /^A segment cannot be made \(ENOSPC: \/data\/segment\)\. No space or no inode is left for another file/,
  )
  assert.match(ioError(called('ENOSPC', 'write'), 'Failed', '/file').message, /^Failed: the disk is full/)
})

test('what is not allowed is told with its file, and an append that is not is told so by its code', () => {
  for (const code of ['EACCES', 'EPERM', 'EROFS']) {
    const error = refusal(called(code, 'open'), 'A segment cannot be made')(5)
    assert.deepEqual([error.code, error.fate, error.file], ['WALV_PERMISSION', 'not-logged', '/data/segment'])
    assert.equal(
      error.message,
      `A segment cannot be made (${code}: /data/segment). This is not allowed. Change owner or mode, and append again. Nothing was logged.`,
    )
    assert.match(
      ioError(called(code, 'open'), 'Failed', '/file').message,
      new RegExp(`\\(${code}: /data/segment\\)`),
    )
  }
})
