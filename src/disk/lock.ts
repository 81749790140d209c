/**
 * The exclusive lock of a directory, by a lock of the operating system on a file in it: an
 * open-file-description lock on Linux, `flock` on macOS, `LockFileEx` on Windows. All three belong
 * to the open file, not to the process: a second open in the same process is refused too, a killed
 * process leaves nothing behind, and a child process inherits nothing, since Node opens every file
 * close-on-exec, as Bun and Deno do.
 *
 * The file is never removed: whoever had it open would lock a file without a name while another
 * makes and locks a new one. Should somebody else remove it, the check after locking catches the
 * file that was replaced meanwhile, and a holder finds by `isStillHeld` that its lock is lost. A
 * network file system that keeps locks to each machine (NFS mounted with `nolock`) excludes only
 * within the machine.
 */
import * as fs from 'node:fs'
import { delay } from '../clock.ts'
import type { DiskLock, HeldByAnother } from './disk.ts'
import type { NativeLock } from './libc-lock.ts'
import { nativeLock } from './native-lock.ts'
import { asIrregular, NO_FOLLOW, NO_WAIT, refuseIrregular } from './regular-file.ts'

const RETRY_MS = 5
/**
 * How often a refused opener looks again for the holder's text, and how often a lock file that is
 * replaced all the time is tried.
 */
const MAX_ATTEMPTS = 40
const MAX_OWNER_BYTES = 4096
/** What the system says of a path that leads nowhere any more. */
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ESTALE'])

/**
 * Takes the lock that the file `path` stands for, made if missing, and writes `owner` (one line)
 * into it. Where somebody else has the lock, resolves to the text that the holder wrote, or to an
 * empty one if it cannot be had within about 200 ms; with `atOnce`, to whatever is there now.
 * Rejects with the operating system's code where the file cannot be opened for writing (`EACCES`,
 * `EROFS`, `ENOENT` …), and with WALV_LOCK_UNAVAILABLE where this runtime cannot lock.
 */
export async function lockFile(
  path: string,
  owner: string,
  atOnce = false,
): Promise<DiskLock | HeldByAnother> {
  const native = await nativeLock()
  let seen: string | undefined
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const outcome = tryLock(native, path, owner)
    if (typeof outcome === 'object') return outcome
    if (atOnce) return { held: true, owner: outcome ?? '' }
    // Twice the same, for a holder that has just taken the lock has not yet written over the text
    // of one that was killed.
    if (outcome !== undefined && outcome === seen) return { held: true, owner: outcome }
    seen = outcome
    await delay(RETRY_MS)
  }
  return { held: true, owner: '' }
}

/**
 * The lock; or the text of its holder; or `undefined` if that is not, or not wholly, written, or
 * the file was replaced. Synchronous, so that the time in which the lock is ours and the text
 * another's is as short as can be.
 */
function tryLock(native: NativeLock, path: string, owner: string): DiskLock | string | undefined {
  const descriptor = openRegular(path)
  let lock: DiskLock | undefined
  try {
    if (!native.tryLock(descriptor)) return readOwner(descriptor)
    const locked = fs.fstatSync(descriptor, { bigint: true })
    const named = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
    if (isSameFile(locked, named)) lock = new HeldLock(native, descriptor, path, locked)
  } finally {
    if (!lock) fs.closeSync(descriptor)
  }
  if (lock) writeOwner(descriptor, `${owner}\n`)
  return lock
}

/** Never through a link: what it leads to would be emptied. */
function openRegular(path: string): number {
  const { O_RDWR, O_CREAT } = fs.constants
  let descriptor: number | undefined
  try {
    descriptor = fs.openSync(path, O_RDWR | O_CREAT | NO_WAIT | NO_FOLLOW, 0o666)
    refuseIrregular(fs.fstatSync(descriptor), path)
    return descriptor
  } catch (error) {
    if (descriptor !== undefined) fs.closeSync(descriptor)
    throw asIrregular(error as NodeJS.ErrnoException, path)
  }
}

class HeldLock implements DiskLock {
  readonly #native: NativeLock
  readonly #descriptor: number
  readonly #path: string
  /** An open file keeps its number: no other file can get it. */
  readonly #file: fs.BigIntStats
  #released = false

  constructor(native: NativeLock, descriptor: number, path: string, file: fs.BigIntStats) {
    this.#native = native
    this.#descriptor = descriptor
    this.#path = path
    this.#file = file
  }

  /**
   * Asked behind every write. Synchronous: 3 µs, where a thread of the pool takes 25 and has to be
   * free.
   */
  async isStillHeld(): Promise<boolean> {
    if (this.#released) return false
    try {
      return isSameFile(this.#file, fs.lstatSync(this.#path, { bigint: true }))
    } catch (error) {
      if (GONE.has((error as NodeJS.ErrnoException).code ?? '')) return false
      throw error
    }
  }

  async release(): Promise<void> {
    if (this.#released) return
    this.#released = true
    writeOwner(this.#descriptor, '')
    try {
      // A close alone releases nothing while a process that is just being spawned still has a copy
      // of the descriptor.
      this.#native.unlock(this.#descriptor)
    } finally {
      fs.closeSync(this.#descriptor)
    }
  }
}

function isSameFile(one: fs.BigIntStats, other: fs.BigIntStats | undefined): boolean {
  return other !== undefined && other.ino === one.ino && other.dev === one.dev
}

/** Best effort: the text only informs, and a full disk must not keep a log from being opened. */
function writeOwner(descriptor: number, text: string): void {
  try {
    fs.ftruncateSync(descriptor, 0)
    fs.writeSync(descriptor, text, 0)
  } catch {
    // A refused opener then hears of no owner.
  }
}

/**
 * The text in a lock file; `undefined` while it is not, or not wholly, written: the newline is its
 * last byte.
 */
function readOwner(descriptor: number): string | undefined {
  const buffer = Buffer.alloc(MAX_OWNER_BYTES)
  const text = buffer.toString('utf8', 0, fs.readSync(descriptor, buffer, 0, buffer.length, 0))
  return text.endsWith('\n') ? text.slice(0, -1) : undefined
}
