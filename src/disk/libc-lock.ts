/**
 * The lock by libc's own calls, through the FFI of Bun or Deno. It is of the kind that the addon
 * takes in Node (an open-file-description lock on Linux, `flock` on macOS), so that all of them
 * exclude each other.
 */
import { constants } from 'node:os'

/**
 * A lock that belongs to the open file: of its kind there is one at a time, and closing the file or
 * ending the process ends it.
 */
export interface NativeLock {
  /** Takes the lock without waiting. False if somebody else has it. */
  tryLock(descriptor: number): boolean
  unlock(descriptor: number): void
}

/** As much of libc as a lock takes. */
export interface Libc {
  fcntl(descriptor: number, command: number, lock: Uint8Array): number
  flock(descriptor: number, operation: number): number
  /** The number of the error of the call before. */
  errno(): number
}

const IS_MAC = process.platform === 'darwin'
const LIBRARY = IS_MAC ? 'libSystem.B.dylib' : 'libc.so.6'
const ERRNO = IS_MAC ? '__error' : '__errno_location'

interface LockCalls {
  fcntl: Libc['fcntl']
  flock: Libc['flock']
}

/** As much as is used of `bun:ffi`. */
export interface BunFfi {
  dlopen(
    library: string,
    symbols: Record<string, { args: string[]; returns: string }>,
  ): { readonly symbols: LockCalls & Record<string, () => number> }
  readonly read: { i32(pointer: number): number }
}

export function libcOfBun({ dlopen, read }: BunFfi): Libc {
  const { symbols } = dlopen(LIBRARY, {
    fcntl: { args: ['i32', 'i32', 'ptr'], returns: 'i32' },
    flock: { args: ['i32', 'i32'], returns: 'i32' },
    [ERRNO]: { args: [], returns: 'ptr' },
  })
  return { fcntl: symbols.fcntl, flock: symbols.flock, errno: () => read.i32(symbols[ERRNO]!()) }
}

/** As much as is used of Deno's FFI. */
export interface DenoFfi {
  dlopen(
    library: string,
    symbols: Record<string, { parameters: string[]; result: string }>,
  ): { readonly symbols: LockCalls & Record<string, () => object> }
  readonly UnsafePointerView: new (pointer: object) => { getInt32(): number }
}

export function libcOfDeno({ dlopen, UnsafePointerView }: DenoFfi): Libc {
  const { symbols } = dlopen(LIBRARY, {
    fcntl: { parameters: ['i32', 'i32', 'buffer'], result: 'i32' },
    flock: { parameters: ['i32', 'i32'], result: 'i32' },
    [ERRNO]: { parameters: [], result: 'pointer' },
  })
  return {
    fcntl: symbols.fcntl,
    flock: symbols.flock,
    errno: () => new UnsafePointerView(symbols[ERRNO]!()).getInt32(),
  }
}

/**
 * `fcntl` of macOS takes its third argument in another way than others, and its `flock` does.
 * Linux' `flock` would not exclude the addon's lock.
 */
export function libcLock(libc: Libc, byFlock: boolean = IS_MAC): NativeLock {
  const lock = byFlock
    ? (descriptor: number) => libc.flock(descriptor, LOCK_EX | LOCK_NB)
    : (descriptor: number) => libc.fcntl(descriptor, F_OFD_SETLK, wholeFile(F_WRLCK))
  const unlock = byFlock
    ? (descriptor: number) => libc.flock(descriptor, LOCK_UN)
    : (descriptor: number) => libc.fcntl(descriptor, F_OFD_SETLK, wholeFile(F_UNLCK))
  const succeeds = (result: number): boolean => {
    if (result !== -1) return true
    const errno = libc.errno()
    if (errno === EAGAIN) return false
    const code =
      Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`
    throw Object.assign(new Error(`${code}: the file cannot be locked`), { code })
  }
  return {
    tryLock: (descriptor) => succeeds(lock(descriptor)),
    unlock: (descriptor) => void succeeds(unlock(descriptor)),
  }
}

const { EAGAIN } = constants.errno

const LOCK_EX = 2
const LOCK_NB = 4
const LOCK_UN = 8

const F_OFD_SETLK = 37
const F_WRLCK = 1
const F_UNLCK = 2
const FLOCK_BYTES = 32

/**
 * A `struct flock` of 64-bit Linux: the type, and zeros, which mean from the beginning of the file
 * to its end.
 */
function wholeFile(type: number): Uint8Array {
  const bytes = new Uint8Array(FLOCK_BYTES)
  bytes[0] = type
  return bytes
}
