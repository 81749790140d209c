/**
 * The real disk, on `node:fs`. Raw descriptors and callbacks rather than `FileHandle`s: they cost
 * less per call, and one that is abandoned is closed without a warning. `fdatasync` is right
 * everywhere: on macOS libuv makes it `F_FULLFSYNC` (falling back where a file system has none), on
 * Windows `FlushFileBuffers`, which demands a file opened for writing.
 */
import * as fs from 'node:fs'
import type { Disk, DiskEntry, DiskFile, DiskWatch } from './disk.ts'
import { type FileHash, hashInThread } from './hash-thread.ts'
import { lockFile } from './lock.ts'
import { asIrregular, NO_FOLLOW, NO_WAIT, refuseIrregular } from './regular-file.ts'
import { sockets } from './sockets.ts'

/**
 * One call moves at most this much: Node refuses 2 GiB and more, and the contract allows less than
 * was asked.
 */
const MAX_IO_BYTES = 1024 * 1024 * 1024

const { O_CREAT, O_DIRECTORY, O_DSYNC, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY } = fs.constants
/** A link is read through, and never written through. */
const OPEN_FLAGS = {
  read: O_RDONLY | NO_WAIT,
  write: O_RDWR | NO_WAIT | NO_FOLLOW,
  create: O_RDWR | O_CREAT | O_EXCL,
}

/** A file system gives back so much in a millisecond, roughly, and lets nobody sync meanwhile. */
const DISCARD_BYTES = 4 * 1024 * 1024

/**
 * Linux opens a file anew by its descriptor, whatever its name is by now. The O_DSYNC of macOS does
 * not empty the drive's cache, and Windows has none.
 */
const CAN_REOPEN = process.platform === 'linux'

type Done<T> = (error: Error | null, value?: T) => void

function call<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) =>
    start((error, value) => (error ? reject(error) : resolve(value as T))),
  )
}

/**
 * Of files that nobody can reach any more, such as those of a reader that was abandoned: what is
 * still open of them.
 */
const abandoned = new FinalizationRegistry<ReadonlySet<number>>((descriptors) => {
  for (const descriptor of descriptors) fs.close(descriptor, () => {})
})

class NodeFile implements DiskFile {
  readonly writeSynced?: NonNullable<DiskFile['writeSynced']>
  readonly #descriptor: number
  readonly #open: Set<number>
  readonly #path: string
  /** The same file, opened so that a write returns when it is on stable storage. */
  #synchronous: Promise<number> | undefined
  #inFlight = 0
  #whenIdle: (() => void) | undefined
  #closing: Promise<void> | undefined

  /** `path`: what it was opened by. */
  constructor(descriptor: number, path: string, isWritable: boolean) {
    this.#descriptor = descriptor
    this.#open = new Set([descriptor])
    this.#path = path
    // What is under way holds the file: it is not collected before that has ended.
    abandoned.register(this, this.#open, this)
    if (CAN_REOPEN && isWritable) this.writeSynced = this.#writeSynced
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    const length = Math.min(buffer.length, MAX_IO_BYTES)
    const count = await this.#run<number>((done) =>
      fs.read(this.#descriptor, buffer, 0, length, position, done),
    )
    if (count < length) await this.#refuseIfRemoved()
    return count
  }

  /** What seems to be its end may be where it was cut. */
  async #refuseIfRemoved(): Promise<void> {
    const { nlink } = await this.#stats()
    // Not all file systems count names: one that has its name is there.
    if (nlink > 0 || fs.existsSync(this.#path)) return
    throw Object.assign(new Error(`ENOENT: ${this.#path} was removed while it was read`), { code: 'ENOENT' })
  }

  write(buffer: Uint8Array, position: number): Promise<number> {
    const length = Math.min(buffer.length, MAX_IO_BYTES)
    return this.#run((done) => fs.write(this.#descriptor, buffer, 0, length, position, done))
  }

  async #writeSynced(buffer: Uint8Array, position: number): Promise<number> {
    this.#synchronous ??= this.#run<number>((done) =>
      fs.open(`/proc/self/fd/${this.#descriptor}`, O_WRONLY | O_DSYNC, done),
    )
    const descriptor = await this.#synchronous.catch(() => undefined)
    if (descriptor !== undefined) {
      this.#open.add(descriptor)
      const length = Math.min(buffer.length, MAX_IO_BYTES)
      return this.#run((done) => fs.write(descriptor, buffer, 0, length, position, done))
    }
    // No descriptor is left, or /proc is not what it should be: two calls do the same.
    this.#synchronous = undefined
    const count = await this.write(buffer, position)
    await this.sync()
    return count
  }

  sync(): Promise<void> {
    return this.#run<void>((done) => fs.fdatasync(this.#descriptor, done))
  }

  async size(): Promise<number> {
    return (await this.#stats()).size
  }

  /** Of all that is there now. */
  async hash(): Promise<FileHash> {
    const length = await this.size()
    const found = await this.#run<FileHash>((done) =>
      hashInThread({ descriptor: this.#descriptor, length }, done),
    )
    if (found.bytes < length) await this.#refuseIfRemoved()
    return found
  }

  #stats(): Promise<fs.Stats> {
    return this.#run<fs.Stats>((done) => fs.fstat(this.#descriptor, done))
  }

  truncate(bytes: number): Promise<void> {
    return this.#run<void>((done) => fs.ftruncate(this.#descriptor, bytes, done))
  }

  async discard(): Promise<void> {
    const { nlink, size } = await this.#stats()
    if (nlink > 0) return
    for (let left = size - DISCARD_BYTES; left > 0; left -= DISCARD_BYTES) await this.truncate(left)
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeWhenIdle()
    return this.#closing
  }

  /**
   * A descriptor's number is reused once it is closed: an operation still queued then would reach
   * into another file.
   */
  async #closeWhenIdle(): Promise<void> {
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    }
    abandoned.unregister(this)
    const synchronous = await this.#synchronous?.catch(() => undefined)
    if (synchronous !== undefined) await call<void>((done) => fs.close(synchronous, done))
    await call<void>((done) => fs.close(this.#descriptor, done))
  }

  #run<T>(start: (done: Done<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closing) throw Object.assign(new Error('EBADF: the file is closed'), { code: 'EBADF' })
      start((error, value) => {
        this.#inFlight--
        if (this.#inFlight === 0) this.#whenIdle?.()
        if (error) reject(error)
        else resolve(value as T)
      })
      // After the start, which throws for an invalid argument; the callback never comes before
      // this.
      this.#inFlight++
    })
  }
}

async function open(path: string, mode: 'read' | 'write' | 'create'): Promise<NodeFile> {
  const descriptor = await call<number>((done) => fs.open(path, OPEN_FLAGS[mode], 0o666, done)).catch(
    (error) => {
      throw asIrregular(error, path)
    },
  )
  if (mode !== 'create') await closeIrregular(descriptor, path)
  return new NodeFile(descriptor, path, mode !== 'read')
}

async function hash(path: string): Promise<FileHash> {
  const file = await open(path, 'read')
  try {
    return await file.hash()
  } finally {
    await file.close()
  }
}

async function closeIrregular(descriptor: number, path: string): Promise<void> {
  try {
    refuseIrregular(await call<fs.Stats>((done) => fs.fstat(descriptor, done)), path)
  } catch (error) {
    await call<void>((done) => fs.close(descriptor, done))
    throw error
  }
}

async function list(directory: string): Promise<DiskEntry[]> {
  const entries = await fs.promises.readdir(directory, { withFileTypes: true })
  return entries.map((entry) => ({
    name: entry.name,
    kind: kindOf(entry),
  }))
}

function kindOf(entry: fs.Dirent): DiskEntry['kind'] {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'directory'
  return entry.isSymbolicLink() ? 'link' : 'other'
}

async function remove(path: string): Promise<void> {
  try {
    await fs.promises.unlink(path)
  } catch (error) {
    // What unlink says of a directory: EISDIR on Linux, EPERM on macOS and Windows. Anything else
    // that is EPERM is so for `rm` too.
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EISDIR' && code !== 'EPERM') throw error
    await fs.promises.rm(path, { recursive: true })
  }
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory to sync it. NTFS journals names in order, but when they reach
  // the disk is its own affair.
  if (process.platform === 'win32') return
  const descriptor = await call<number>((done) => fs.open(path, O_RDONLY | O_DIRECTORY, done))
  try {
    await call<void>((done) => fs.fsync(descriptor, done))
  } finally {
    await call<void>((done) => fs.close(descriptor, done))
  }
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await fs.promises.statfs(directory)
  return bavail * bsize
}

async function freeFiles(directory: string): Promise<number> {
  const { files, ffree } = await fs.promises.statfs(directory)
  return files === 0 ? Number.POSITIVE_INFINITY : ffree
}

/**
 * What is answered of a directory, and by a file system that gives nothing a second name, such as
 * FAT and some of those over a network.
 */
const WITHOUT_LINKS = new Set(['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** Node has no rename that refuses to replace; a link does. */
async function renameNew(from: string, to: string): Promise<void> {
  try {
    await fs.promises.link(from, to)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined || !WITHOUT_LINKS.has(code)) throw error
    // Looking first is all that can be done there: what others make in between is replaced.
    if (fs.existsSync(to))
      throw Object.assign(new Error(`EEXIST: ${to} is there already`), { code: 'EEXIST' })
    return fs.promises.rename(from, to)
  }
  await fs.promises.unlink(from)
}

function watch(directory: string, changed: () => void): DiskWatch {
  const watcher = fs.watch(directory, { persistent: false }, changed)
  // Windows says so where the directory is removed; whoever watches looks by itself as well.
  watcher.on('error', () => watcher.close())
  return watcher
}

/** A copy of its own is the better one: what befalls one of the two does not befall the other. */
async function share(from: string, to: string): Promise<void> {
  const { COPYFILE_EXCL, COPYFILE_FICLONE_FORCE } = fs.constants
  try {
    await fs.promises.copyFile(from, to, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' || code === 'ENOENT') throw error
    await fs.promises.link(from, to)
  }
}

/** The file system of this machine. On Windows `syncDirectory` does nothing. */
export const nodeDisk: Disk = {
  open,
  list,
  makeDirectory: (path) => fs.promises.mkdir(path),
  rename: (from, to) => fs.promises.rename(from, to),
  renameNew,
  share,
  remove,
  syncDirectory,
  lock: lockFile,
  freeBytes,
  freeFiles,
  hash,
  exchange: sockets,
  watch,
}
