/**
 * Where the lock comes from, and what is said where there is none. That it locks in Bun and in Deno
 * is in test/package/runtimes.test.ts.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type BunFfi, type DenoFfi, libcLock, libcOfBun, libcOfDeno } from '../../src/disk/libc-lock.ts'
import { nativeLock } from '../../src/disk/native-lock.ts'
import { WalError } from '../support/kit.ts'

const refusal = async (versions: Record<string, string>, platform: string, addon?: () => Promise<never>) => {
  const error = await nativeLock({ versions, platform, arch: 'x64' }, addon).catch((reason) => reason)
  assert.ok(error instanceof WalError, String(error))
  assert.equal(error.code, 'WALV_LOCK_UNAVAILABLE')
  assert.match(error.message, /readOnly/)
  return error
}

const failsToLoad = (message: string) => () => Promise.reject(new Error(message))

test('an addon that a bundler took in is refused with what to do', async () => {
  const cause = 'Dynamic require of "url" is not supported'
  const error = await refusal({ node: '24.0.0' }, 'linux', failsToLoad(cause))
  assert.match(
    error.message,
    /fs-native-extensions does not load in Node 24\.0\.0, linux-x64: Dynamic require/,
  )
  assert.match(error.message, /mark fs-native-extensions as external/)
  assert.equal((error.cause as Error).message, cause)
})

test('of a long reason only the beginning is told', async () => {
  const error = await refusal({ node: '24.0.0' }, 'linux', failsToLoad(`${'x'.repeat(300)}\nCandidates:`))
  assert.ok(error.message.includes('x'.repeat(200)))
  assert.doesNotMatch(error.message, /x{201}|Candidates/)
})

test('in Bun and in Deno the addon is never loaded: it ends the process', async () => {
  const never = () => assert.fail('the addon was loaded')
  assert.match(
    (await refusal({ node: '26.3.0', bun: '1.4.5' }, 'win32', never)).message,
    /Bun 1\.4\.5 .*Windows/,
  )
  assert.match(
    (await refusal({ node: '26.3.0', deno: '2.9.6' }, 'win32', never)).message,
    /Deno 2\.9\.6 .*Windows/,
  )
  // There is no FFI of either here.
  assert.match((await refusal({ bun: '1.4.5' }, 'linux', never)).message, /libc does not load in Bun/)
  assert.match((await refusal({ deno: '3.0.0' }, 'linux', never)).message, /--allow-ffi/)
})

test('versions of Bun and Deno before those that were tested are refused', async () => {
  assert.match((await refusal({ bun: '1.3.99' }, 'linux')).message, /Bun 1\.3\.99 is older than 1\.4/)
  assert.match((await refusal({ deno: '2.8.1' }, 'linux')).message, /Deno 2\.8\.1 is older than 2\.9/)
  assert.match((await refusal({ deno: '1.46.0' }, 'linux')).message, /older/)
})

/** A libc that knows one lock, and hands out the numbers of `errors` first. */
function fakeLibc(t: TestContext, errors: number[] = []) {
  let number = 0
  let isHeld = false
  const locks = (type: number): number => {
    number = errors.shift() ?? 0
    if (number) return -1
    if (type !== UNLOCK && isHeld) number = EAGAIN
    else isHeld = type !== UNLOCK
    return number ? -1 : 0
  }
  return {
    fcntl: t.mock.fn((_descriptor: number, _command: number, lock: Uint8Array) => locks(lock[0]!)),
    flock: t.mock.fn((_descriptor: number, operation: number) => locks(operation === 8 ? UNLOCK : operation)),
    errno: () => number,
  }
}

const UNLOCK = 2
const EAGAIN = 11
const ENOLCK = 37

test('on Linux the lock is that of the open file, of all of it', (t) => {
  const libc = fakeLibc(t)
  const lock = libcLock(libc, false)
  assert.deepEqual([lock.tryLock(5), lock.tryLock(6)], [true, false])
  lock.unlock(5)
  assert.equal(lock.tryLock(6), true)
  const [descriptor, command, description] = libc.fcntl.mock.calls[0]!.arguments
  assert.deepEqual([descriptor, command], [5, 37])
  assert.deepEqual([...description], [1, ...new Array(31).fill(0)])
  assert.equal(libc.flock.mock.callCount(), 0)
})

test('on macOS the lock is that of flock, without waiting', (t) => {
  const libc = fakeLibc(t)
  const lock = libcLock(libc, true)
  assert.deepEqual([lock.tryLock(5), lock.tryLock(6)], [true, false])
  lock.unlock(5)
  assert.equal(lock.tryLock(6), true)
  assert.deepEqual(
    libc.flock.mock.calls.map(({ arguments: [, operation] }) => operation),
    [6, 6, 8, 6],
  )
  assert.equal(libc.fcntl.mock.callCount(), 0)
})

test('a file system that cannot lock is an error, and not a lock that somebody has', (t) => {
  const lock = libcLock(fakeLibc(t, [ENOLCK]), false)
  assert.throws(() => lock.tryLock(5), { code: 'ENOLCK' })
})

test('the number of the error is read where libc keeps it, in Bun and in Deno', () => {
  const symbols: Record<string, () => number> = {
    fcntl: () => -1,
    flock: () => -1,
    __errno_location: () => 4711,
  }
  const bun = {
    dlopen: () => ({ symbols }),
    read: { i32: (pointer: number) => (pointer === 4711 ? EAGAIN : 0) },
  }
  assert.equal(libcOfBun(bun as unknown as BunFfi).errno(), EAGAIN)
  class UnsafePointerView {
    readonly #pointer: number
    constructor(pointer: number) {
      this.#pointer = pointer
    }
    getInt32() {
      return this.#pointer === 4711 ? EAGAIN : 0
    }
  }
  const deno = { dlopen: () => ({ symbols }), UnsafePointerView }
  assert.equal(libcOfDeno(deno as unknown as DenoFfi).errno(), EAGAIN)
})
