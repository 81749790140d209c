import type { Exchange } from './exchange.ts'
import type { FileHash } from './hash-thread.ts'

/**
 * The whole seam to the file system: what a crash-safe log needs and nothing more. The engine runs
 * on this alone, so that the real disk and a simulated one run the same code. Paths are absolute,
 * joined by `/` (or the platform's separator). Errors are the operating system's, with their `code`
 * (`ENOENT`, `ENOSPC`, `EIO` …), untranslated.
 */
export interface Disk {
  /**
   * Opens a file. `read`: must exist, can only be read. `write`: must exist, read and write.
   * `create`: must not exist (`EEXIST`), read and write. A name that `create` made is durable only
   * after `syncDirectory` of its folder. Only regular files are opened: `EISDIR` for a directory,
   * `EFTYPE` for a pipe, a socket, a device, and, to be written, for a symbolic link.
   */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile>
  /** Everything in a directory, in no particular order. */
  list(directory: string): Promise<DiskEntry[]>
  /** Makes one directory; its parent must exist; `EEXIST` if it is there. */
  makeDirectory(path: string): Promise<void>
  /**
   * Atomically gives a file or directory another name. An existing file of that name is replaced.
   */
  rename(from: string, to: string): Promise<void>
  /**
   * Gives a file or directory a name that nothing has: `EEXIST` where something has it, and then
   * nothing is changed. Of a file these are two steps, the new name first: in between, and until
   * the directory is synced, a crash may leave both names, or neither.
   */
  renameNew(from: string, to: string): Promise<void>
  /**
   * Gives the content of a file a second name, without writing it once more: as a copy that shares
   * its blocks until one of the two is written to, or as the same file; whoever uses it never
   * writes to either. `EEXIST` where something has the name. Rejects where the file system can do
   * neither. Left out by a disk that never can.
   */
  share?(from: string, to: string): Promise<void>
  /** Removes a file, or a directory with all that is in it. */
  remove(path: string): Promise<void>
  /** Makes the names in a directory durable: creations, renames, removals. */
  syncDirectory(path: string): Promise<void>
  /**
   * Takes the exclusive lock that the file `path` stands for (made if missing), with `owner`
   * written into it for others to read. The lock dies with its process. `EISDIR` or `EFTYPE` where
   * something else than a regular file stands there; a link is not followed. Resolves to
   * `{ held: true, owner }` with what is known of the holder where somebody else has it: the text
   * of that holder, or nothing. With `atOnce` the holder is not waited for until it has written its
   * text, and this may be what the one before has left.
   */
  lock(path: string, owner: string, atOnce?: boolean): Promise<DiskLock | HeldByAnother>
  /**
   * Bytes that this process may still fill on the file system of a directory. Left out by a disk
   * that cannot tell.
   */
  freeBytes?(directory: string): Promise<number>
  /**
   * Files and directories that can still be made there; Infinity without a limit. Left out by a
   * disk that cannot tell.
   */
  freeFiles?(directory: string): Promise<number>
  /**
   * Reads all of a file, as `open` would open it, and computes its SHA-256, in another thread. For
   * large files: who is refused reads it itself. Left out by a disk that has no threads.
   */
  hash?(path: string): Promise<FileHash>
  /** How the processes that share a directory talk to each other. Left out where they cannot. */
  readonly exchange?: Exchange
  /**
   * Has `changed` called when something in a directory may have changed: a name in it, or the
   * content of a file of it. It may be called for nothing, late, or, where the file system does not
   * tell, never. Throws what the system says where it cannot be watched. Does not keep the process
   * alive. Left out by a disk that cannot tell of changes.
   */
  watch?(directory: string, changed: () => void): DiskWatch
}

export interface DiskWatch {
  close(): void
}

export interface DiskFile {
  /**
   * Reads up to `buffer.length` bytes at `position`; resolves to how many were read, 0 at the end
   * of the file. May read fewer than asked. Rejects with `ENOENT` where a file that was removed
   * meanwhile may have been discarded.
   */
  read(buffer: Uint8Array, position: number): Promise<number>
  /** Writes at `position`; resolves to how many bytes were written. May write fewer than asked. */
  write(buffer: Uint8Array, position: number): Promise<number>
  /**
   * Writes as `write` does and puts what it wrote, and the size needed to read it, on stable
   * storage; nothing else. A file that cannot do so in one call of the system does not have it:
   * then a write and a `sync` do. When it rejects, it is open whether the writing or the syncing
   * failed.
   */
  writeSynced?(buffer: Uint8Array, position: number): Promise<number>
  /** Puts the file's data, and the size needed to read it, on stable storage (fdatasync). */
  sync(): Promise<void>
  size(): Promise<number>
  truncate(bytes: number): Promise<void>
  /**
   * Gives back the space of a file that has no name any more, a piece at a time: what is synced
   * meanwhile then waits for a piece, and not for all of it, as it would at `close`. Does nothing
   * to one that has a name. Left out where it would gain nothing.
   */
  discard?(): Promise<void>
  close(): Promise<void>
}

export interface DiskEntry {
  readonly name: string
  /** `link`: a symbolic link, wherever it leads. `other`: a pipe, a socket or a device. */
  readonly kind: 'file' | 'directory' | 'link' | 'other'
}

export interface HeldByAnother {
  readonly held: true
  readonly owner: string
}

export interface DiskLock {
  readonly held?: never
  /**
   * Whether the path that was locked still leads to the file that is locked. It does not once
   * somebody has removed or replaced that file, or renamed, removed or restored a directory above
   * it: then the next to lock the path succeeds, too.
   */
  isStillHeld(): Promise<boolean>
  release(): Promise<void>
}

/** Reads until `buffer` is full or the file ends; resolves to how many bytes were read. */
export async function readFully(file: DiskFile, buffer: Uint8Array, position: number): Promise<number> {
  let done = 0
  while (done < buffer.length) {
    const count = await file.read(done === 0 ? buffer : buffer.subarray(done), position + done)
    if (count === 0) break
    done += count
  }
  return done
}

/** Writes all of `buffer`, however many calls that takes. */
export async function writeFully(
  file: DiskFile,
  buffer: Uint8Array,
  position: number,
  how: 'write' | 'writeSynced' = 'write',
): Promise<void> {
  let done = 0
  while (done < buffer.length) {
    const count = await file[how]!(done === 0 ? buffer : buffer.subarray(done), position + done)
    if (count === 0)
      throw Object.assign(new Error(`write made no progress at ${position + done}`), { code: 'EIO' })
    done += count
  }
}
