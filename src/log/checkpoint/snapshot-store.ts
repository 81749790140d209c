import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { ensureDirectory, ignoreMissing, listFolder } from '../../disk/directories.ts'
import { type Disk, type DiskFile, readFully, writeFully } from '../../disk/disk.ts'
import type { FileHash } from '../../disk/hash-thread.ts'
import { ioError } from '../../disk/io-error.ts'
import { TEMPORARY_SUFFIX } from '../../disk/names.ts'
import { removeAndReclaim } from '../../disk/reclaim.ts'
import { shareFile } from '../../disk/share-file.ts'
import { echo } from '../../echo.ts'
import type { JsonValue, SnapshotFile, SnapshotReference } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import { SNAPSHOT_FILE_NAME } from '../../format/decode.ts'
import { ownSnapshotInfo } from '../../format/metadata.ts'
import { isSnapshotName, QUARANTINE_FOLDER, SNAPSHOT_FOLDER, snapshotName } from '../layout.ts'
import type { Snapshot, SnapshotWriter } from '../log.ts'
import { moveToQuarantine } from '../quarantine.ts'
import type { FoundCheckpoint } from './found-checkpoint.ts'
import { decodeManifest, MANIFEST_FILE, type SnapshotManifest } from './snapshot-manifest.ts'

const PIECE_BYTES = 1024 * 1024
/** Below that, starting a thread takes longer than hashing. */
const LARGE_FILE_BYTES = 64 * 1024 * 1024

/** `missing`: a file of it is not there. `unreadable`: the disk cannot read it, now. */
export interface SnapshotProblem {
  readonly kind: 'snapshot' | 'missing' | 'unreadable'
  readonly what: string
}

/** The folder of snapshots of one log. */
export class SnapshotStore {
  readonly #disk: Disk
  readonly #directory: string
  readonly #folder: string
  /**
   * Of each snapshot that was made here, the files that walv itself wrote. An engine reads its own
   * in its own way, and would not be told that one was cut.
   */
  readonly #ownFiles = new Map<string, readonly string[]>()
  /** Of large files, by their paths: what another thread finds; undefined where it cannot. */
  readonly #hashes = new Map<string, Promise<FileHash | undefined>>()

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
    this.#folder = join(directory, SNAPSHOT_FOLDER)
  }

  /**
   * Writes a snapshot so that a crash leaves either all of it, durable, under its name, or nothing
   * that anyone looks at: into a temporary folder, every file synced and hashed, folder synced,
   * renamed, parent synced.
   * @param describe what is to stand beside the files, of what their checkpoint is going to say
   */
  async publish(
    seq: number,
    write: (target: SnapshotWriter) => Promise<JsonValue>,
    describe?: (reference: SnapshotReference) => Buffer,
  ): Promise<SnapshotReference> {
    const name = snapshotName(seq)
    const temporary = join(this.#folder, name + TEMPORARY_SUFFIX)
    await ensureDirectory(this.#disk, this.#folder)
    await this.#disk.remove(temporary).catch(ignoreMissing)
    await this.#disk.makeDirectory(temporary)
    try {
      const { info, files, own } = await this.#fill(temporary, write)
      if (describe) await this.#writeFile(temporary, MANIFEST_FILE, [describe({ name, files, info })])
      await this.#disk.syncDirectory(temporary)
      // One that this process did not make was found beside a loss, and may be all that is left of
      // what is lost.
      if (this.#ownFiles.has(name)) await this.#disk.remove(join(this.#folder, name)).catch(ignoreMissing)
      else await this.quarantine(name)
      await this.#disk.renameNew(temporary, join(this.#folder, name))
      this.#ownFiles.set(name, own)
      await this.#disk.syncDirectory(this.#folder)
      return { name, files, info }
    } catch (error) {
      if ((error as WalError).code !== 'WALV_LOCK_LOST') await this.#disk.remove(temporary).catch(() => {})
      throw error
    }
  }

  async #fill(
    folder: string,
    write: (target: SnapshotWriter) => Promise<JsonValue>,
  ): Promise<{ info: JsonValue; files: SnapshotFile[]; own: string[] }> {
    const files: SnapshotFile[] = []
    const foreign: string[] = []
    const shared: SnapshotFile[] = []
    const info = await write({
      write: async (name, pieces) => {
        files.push(await this.#writeFile(folder, plain(name), pieces))
      },
      path: (name) => {
        foreign.push(plain(name))
        return join(folder, name)
      },
      share: async (from, file) => {
        await shareFile(this.#disk, from, join(folder, plain(file.name)))
        shared.push(file)
      },
    })
    const own = files.map(({ name }) => name)
    for (const name of foreign) {
      files.push({ name, ...(await this.#hash(join(folder, name))) })
      await this.#sync(join(folder, name))
    }
    return { info: ownSnapshotInfo(info), files: [...files, ...shared], own }
  }

  async #writeFile(
    folder: string,
    name: string,
    pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<SnapshotFile> {
    const file = await this.#disk.open(join(folder, name), 'create')
    const hash = createHash('sha256')
    // An append that is synced meanwhile then waits for a piece to reach the disk, and not for the
    // whole file.
    const how = file.writeSynced ? 'writeSynced' : 'write'
    let bytes = 0
    try {
      for await (const piece of pieces) {
        if (!ArrayBuffer.isView(piece)) throw noBytes(name, piece)
        hash.update(piece)
        await writeFully(file, piece, bytes, how)
        bytes += piece.length
      }
      await file.sync()
    } finally {
      await file.close()
    }
    return { name, bytes, sha256: hash.digest('hex') }
  }

  async #sync(path: string): Promise<void> {
    const file = await this.#disk.open(path, 'write')
    await file.sync().finally(() => file.close())
  }

  /**
   * What is wrong with a snapshot, or undefined if every file of it is as its checkpoint says, by
   * what is in it or by its size alone.
   * @throws what the operating system says that is no fault of the snapshot, such as too many open
   * files
   */
  async problem(
    reference: SnapshotReference,
    by: 'content' | 'size' = 'content',
  ): Promise<SnapshotProblem | undefined> {
    for (const { name, bytes, sha256 } of reference.files) {
      const path = join(this.#folder, reference.name, name)
      const examined = by === 'size' ? this.#size(path) : this.#hash(path, bytes)
      const found = await examined.catch((error: NodeJS.ErrnoException) => unusable(name, path, error))
      if ('kind' in found) return found
      if (found.bytes !== bytes)
        return { kind: 'snapshot', what: `${name} has ${found.bytes} bytes instead of ${bytes}` }
      if ('sha256' in found && found.sha256 !== sha256)
        return { kind: 'snapshot', what: `the content of ${name} does not match its hash` }
    }
    return undefined
  }

  /**
   * Has large files of a snapshot hashed in another thread, while other work is done, for who asks
   * for its problem then. `forgetHashes` ends that.
   */
  hashAhead({ name, files }: SnapshotReference): void {
    for (const file of files) {
      if (file.bytes < LARGE_FILE_BYTES) continue
      const path = join(this.#folder, name, plain(file.name))
      // Why it cannot be hashed, whoever reads it finds out.
      const hash = this.#disk.hash?.(path).catch(() => undefined)
      if (hash) this.#hashes.set(path, hash)
    }
  }

  forgetHashes(): void {
    this.#hashes.clear()
  }

  async #size(path: string): Promise<{ bytes: number }> {
    const file = await this.#disk.open(path, 'read')
    try {
      return { bytes: await file.size() }
    } finally {
      await file.close()
    }
  }

  /** With `expectedBytes`, a file of another size is not read through: its hash is left out. */
  async #hash(path: string, expectedBytes?: number): Promise<FileHash> {
    const known = await this.#hashes.get(path)
    if (known) return known
    const file = await this.#disk.open(path, 'read')
    try {
      if (expectedBytes !== undefined) {
        const found = await file.size()
        if (found !== expectedBytes) return { bytes: found, sha256: '' }
      }
      const hash = createHash('sha256')
      let bytes = 0
      for await (const piece of piecesOf(file)) {
        hash.update(piece)
        bytes += piece.length
      }
      return { bytes, sha256: hash.digest('hex') }
    } finally {
      await file.close()
    }
  }

  async *#pieces(path: string): AsyncGenerator<Uint8Array, void, void> {
    const file = await this.#disk.open(path, 'read')
    try {
      yield* piecesOf(file)
    } finally {
      await file.close()
    }
  }

  async *#readable(path: string): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* this.#pieces(path)
    } catch (error) {
      throw ioError(error, `The snapshot file ${path} cannot be read`, path)
    }
  }

  open(reference: SnapshotReference): Snapshot {
    const path = (name: string): string => join(this.#folder, reference.name, plain(name))
    return { reference, path, read: (name) => this.#readable(path(name)) }
  }

  /** What a snapshot says of itself; undefined where it says nothing, or nothing that verifies. */
  async manifest(name: string): Promise<SnapshotManifest | undefined> {
    const pieces: Buffer[] = []
    try {
      for await (const piece of this.#pieces(join(this.#folder, name, MANIFEST_FILE)))
        pieces.push(Buffer.from(piece))
    } catch (error) {
      if (unusable(MANIFEST_FILE, name, error as NodeJS.ErrnoException)) return undefined
    }
    return decodeManifest(Buffer.concat(pieces))
  }

  /** The names of all that is there, what is not finished too. */
  async names(): Promise<string[]> {
    const entries = await listFolder(this.#disk, this.#folder)
    return entries.map(({ name }) => name).filter(isSnapshotName)
  }

  /** The names of those that none of these checkpoints names. */
  async unnamed(checkpoints: readonly FoundCheckpoint[]): Promise<string[]> {
    const named = new Set(checkpoints.map(({ entry }) => entry.snapshot?.name))
    return (await this.names()).filter((name) => !named.has(name))
  }

  /** Removes every snapshot but the named ones. */
  async keepOnly(names: ReadonlySet<string>): Promise<void> {
    const surplus = (await this.names()).filter((name) => !names.has(name))
    for (const name of surplus) {
      await this.#letGoOfOwn(name)
      await this.#disk.remove(join(this.#folder, name))
    }
    if (surplus.length > 0) await this.#disk.syncDirectory(this.#folder)
  }

  /** Before the folder goes: not all file systems remove one that holds files that are open. */
  async #letGoOfOwn(name: string): Promise<void> {
    const folder = join(this.#folder, name)
    const files = (this.#ownFiles.get(name) ?? []).map((file) => join(folder, file))
    this.#ownFiles.delete(name)
    if (files.length === 0) return
    await removeAndReclaim(this.#disk, files, async () => {
      for (const path of files) await this.#disk.remove(path).catch(ignoreMissing)
      await this.#disk.syncDirectory(folder)
    })
  }

  /** Whether a snapshot was moved out of the way before. */
  async isQuarantined(name: string): Promise<boolean> {
    const entries = await listFolder(this.#disk, join(this.#directory, QUARANTINE_FOLDER))
    return entries.some((entry) => entry.name === name || entry.name.startsWith(`${name}.`))
  }

  /**
   * Notes in `quarantine/`, as an empty folder, that a snapshot is gone, so that this is not told
   * again.
   */
  async noteMissing(name: string): Promise<void> {
    const folder = join(this.#directory, QUARANTINE_FOLDER)
    await ensureDirectory(this.#disk, folder)
    await this.#disk.makeDirectory(join(folder, name))
    await this.#disk.syncDirectory(folder)
  }

  /**
   * Moves a snapshot out of the way, where it can still be looked at. Returns its new path;
   * undefined if nothing of it is there.
   */
  quarantine(name: string): Promise<string | undefined> {
    return moveToQuarantine(this.#disk, this.#directory, join(SNAPSHOT_FOLDER, name))
  }
}

/**
 * Pieces of at most 1 MiB; each is valid until the next is asked for. While one is worked on, the
 * next is read.
 */
async function* piecesOf(file: DiskFile): AsyncGenerator<Uint8Array, void, void> {
  const length = Math.min(PIECE_BYTES, (await file.size()) + 1)
  let [buffer, other] = [Buffer.allocUnsafeSlow(length), Buffer.alloc(0)]
  let at = 0
  let reading = readFully(file, buffer, at)
  for (;;) {
    const count = await reading
    at += count
    const isLast = count < length
    if (!isLast) {
      if (other.length === 0) other = Buffer.allocUnsafeSlow(length)
      reading = readFully(file, other, at)
      // Whoever asks for the next piece is told.
      reading.catch(() => {})
    }
    if (count > 0) yield buffer.subarray(0, count)
    if (isLast) return
    ;[buffer, other] = [other, buffer]
  }
}

function plain(name: string): string {
  if (!SNAPSHOT_FILE_NAME.test(name))
    throw new WalError(
      'WALV_CHECKPOINT',
      `${echo(name)} cannot be the name of a snapshot's file: use letters, digits, '_', '-' and '.'.`,
    )
  return name
}

const noBytes = (name: string, piece: unknown): WalError =>
  new WalError(
    'WALV_INVALID_OPTION',
    `The file ${name} of a snapshot is written of pieces of bytes: give write an iterable of Uint8Array, as [bytes]. It was given ${echo(piece)}. The checkpoints before are as they were.`,
  )

function unusable(name: string, path: string, error: NodeJS.ErrnoException): SnapshotProblem {
  if (error.code === 'EIO') return { kind: 'unreadable', what: `the disk cannot read ${name}` }
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR')
    return { kind: 'missing', what: `${name} is not there` }
  if (error.code === 'EISDIR') return { kind: 'snapshot', what: `${name} is a directory` }
  if (error.code === 'EFTYPE') return { kind: 'snapshot', what: `${name} is not a regular file` }
  throw ioError(error, `The snapshot file ${path} cannot be read`, path)
}
