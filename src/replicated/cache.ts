import { join } from 'node:path'
import { epochMs } from '../clock.ts'
import { ensureDirectory, ignoreMissing } from '../disk/directories.ts'
import { type Disk, type DiskLock, readFully } from '../disk/disk.ts'
import { writeWhole } from '../disk/whole-file.ts'
import { WalError } from '../errors.ts'
import { decodeSummed, encodeSummed } from '../format/summed-line.ts'
import { SnapshotStore } from '../log/checkpoint/snapshot-store.ts'
import { lockPath, SNAPSHOT_FOLDER } from '../log/layout.ts'
import { holderOf, ownerText } from '../log/lock-holder.ts'

const KNOWN_FILE = 'known.json'
const MAX_KNOWN_BYTES = 4_096

/** What a node has seen of its log, so that it knows the log again, and what it must still have. */
export interface Known {
  readonly logId: string | null
  readonly incarnation: string
  /** The last message that was taken, and the last record. */
  readonly place: number
  readonly seq: number
}

/**
 * The folder of a node: snapshots that it has made or fetched, and what it has seen. It may be
 * removed while the node does not run: all of it is found again.
 */
export class Cache {
  readonly disk: Disk
  readonly directory: string
  readonly snapshots: SnapshotStore
  readonly #lock: DiskLock

  private constructor(disk: Disk, directory: string, lock: DiskLock) {
    this.disk = disk
    this.directory = directory
    this.snapshots = new SnapshotStore(disk, directory)
    this.#lock = lock
  }

  /** @throws WALV_LOCKED */
  static async open(disk: Disk, directory: string): Promise<Cache> {
    await ensureDirectory(disk, directory)
    const lock = await disk.lock(lockPath(directory), ownerText(epochMs()))
    if (!lock.held) return new Cache(disk, directory, lock)
    const { text } = holderOf(lock.owner)
    throw new WalError(
      'WALV_LOCKED',
      `The cacheDirectory ${directory} is in use by ${text}. Give each node one of its own, also on one machine.`,
      { file: directory, detail: lock.owner },
    )
  }

  /** Undefined where nothing was noted, or what was is not whole. */
  async known(): Promise<Known | undefined> {
    const content = await this.#read(join(this.directory, KNOWN_FILE)).catch(ignoreMissing)
    return content ? (decodeSummed(content) as Known | undefined) : undefined
  }

  async #read(path: string): Promise<Buffer> {
    const file = await this.disk.open(path, 'read')
    try {
      const buffer = Buffer.alloc(MAX_KNOWN_BYTES)
      return buffer.subarray(0, await readFully(file, buffer, 0))
    } finally {
      await file.close()
    }
  }

  note(known: Known): Promise<void> {
    return writeWhole(this.disk, join(this.directory, KNOWN_FILE), encodeSummed(known))
  }

  /** What another node made of the same name is in the way. */
  async removeSnapshot(name: string): Promise<void> {
    await this.disk.remove(join(this.directory, SNAPSHOT_FOLDER, name)).catch(ignoreMissing)
  }

  close(): Promise<void> {
    return this.#lock.release()
  }
}
