import { join } from 'node:path'
import { retentionChannel } from '../../diagnostics.ts'
import { ignoreMissing } from '../../disk/directories.ts'
import { type Disk, type DiskFile, writeFully } from '../../disk/disk.ts'
import { changeNames, TEMPORARY_SUFFIX } from '../../disk/names.ts'
import { removeAndReclaim } from '../../disk/reclaim.ts'
import { WalError } from '../../errors.ts'
import { MAX_SEGMENT_NUMBER, type SegmentHeader, segmentName } from '../../format/segment.ts'
import { SegmentCodec } from '../../format/segment-codec.ts'
import { lockLost } from '../directory-lock.ts'
import { segmentPath } from '../layout.ts'
import { moveToQuarantine } from '../quarantine.ts'
import type { SegmentExtent } from './segment-scan.ts'

/**
 * The first segment of a log; each following one is at least twice as large as the one before, up
 * to `segmentMaxBytes`.
 */
export const FIRST_SEGMENT_BYTES: number = 256 * 1024
const ZEROS = Buffer.alloc(1024 * 1024)

/** A segment file of full size, open for writing, its name durable. */
export interface OpenSegment {
  readonly number: number
  readonly path: string
  readonly capacity: number
  readonly file: DiskFile
}

export interface Making {
  /**
   * Zeros are written to all of it, so that a sync of what is written over them need not find
   * blocks for it. Else the file system finds them as it is written. Default true.
   */
  readonly zeroed?: boolean
  /** Fills it; the rest is zeros. */
  readonly write?: (file: DiskFile) => Promise<void>
  /** There is one of this number already, which stays until the new one takes its name. */
  readonly replaces?: boolean
  /** Told where it fails and what has its name by then cannot be removed again. */
  readonly remains?: () => void
}

/**
 * Makes a segment file in such a way that a crash leaves either all of it or nothing under its
 * name: written under a temporary name, synced, renamed, directory synced.
 * @throws WALV_LOCK_LOST if there is one of this number already, unless it is to be replaced:
 * nothing is changed then
 */
export async function createSegment(
  disk: Disk,
  directory: string,
  number: number,
  capacity: number,
  { zeroed = true, write, replaces = false, remains = () => {} }: Making = {},
): Promise<OpenSegment> {
  if (number > MAX_SEGMENT_NUMBER) {
    const message = `The log in ${directory} has used all segment numbers up to ${MAX_SEGMENT_NUMBER}. Start a new log.`
    throw new WalError('WALV_SEQUENCE_EXHAUSTED', message, { file: directory })
  }
  const path = segmentPath(directory, number)
  const temporary = path + TEMPORARY_SUFFIX
  const name = (from: string, to: string): Promise<void> =>
    replaces ? disk.rename(from, to) : disk.renameNew(from, to)
  let isNamed = false
  await disk.remove(temporary).catch(ignoreMissing)
  const file = await disk.open(temporary, 'create')
  try {
    if (zeroed) await writeZeros(file, capacity)
    else await file.truncate(capacity)
    await write?.(file)
    await file.sync()
    isNamed = !replaces
    await changeNames(disk, directory, () => name(temporary, path))
    return { number, path, capacity, file }
  } catch (error) {
    const isTaken = isNamed && (error as NodeJS.ErrnoException).code === 'EEXIST'
    await file.close().catch(() => {})
    // A failed directory sync leaves it open under which name the file is: both go. Never one that
    // was there before: it is another writer's.
    await disk.remove(temporary).catch(() => {})
    if (isNamed && !isTaken) await disk.remove(path).catch(ignoreMissing).catch(remains)
    if (!isTaken) throw error
    throw lockLost(
      directory,
      `${segmentName(number)} is there already, though only the holder of the lock makes segments.`,
    )
  }
}

/**
 * Piece by piece: an append that is synced meanwhile waits for a piece to reach the disk, and not
 * for all of it. A single piece is synced with the file.
 */
async function writeZeros(file: DiskFile, bytes: number): Promise<void> {
  const how = file.writeSynced && bytes > ZEROS.length ? 'writeSynced' : 'write'
  for (let at = 0; at < bytes; at += ZEROS.length)
    await writeFully(file, ZEROS.subarray(0, Math.min(ZEROS.length, bytes - at)), at, how)
}

/** The segments of an open log, oldest first. The last is the one being written. */
export class SegmentList {
  readonly #disk: Disk
  readonly #directory: string
  readonly logId: Buffer
  readonly #damaged: ReadonlySet<string>
  #extents: SegmentExtent[]

  /**
   * `damaged`: names of those that are put aside when they are not needed any more, as evidence,
   * and not removed.
   */
  constructor(
    disk: Disk,
    directory: string,
    logId: Buffer,
    extents: readonly SegmentExtent[],
    damaged: ReadonlySet<string> = new Set(),
  ) {
    this.#disk = disk
    this.#directory = directory
    this.logId = logId
    this.#damaged = damaged
    this.#extents = [...extents]
  }

  get count(): number {
    return this.#extents.length
  }

  get firstSeq(): number {
    return this.#extents[0]!.firstSeq
  }

  get bytes(): number {
    return this.#extents.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** A copy: a reader goes on with the list as it was when it began. */
  extents(): SegmentExtent[] {
    return [...this.#extents]
  }

  /** The log goes on in a new segment. */
  add({ number, path, capacity }: OpenSegment, header: SegmentHeader): void {
    const last = this.#extents.at(-1)
    if (last) this.#extents[this.#extents.length - 1] = { ...last, supersededFrom: header.firstSeq }
    this.#extents.push({
      number,
      path,
      name: segmentName(number),
      bytes: capacity,
      codec: SegmentCodec.of(this.logId, number),
      firstSeq: header.firstSeq,
      supersededFrom: Number.POSITIVE_INFINITY,
      scanEnd: Number.POSITIVE_INFINITY,
      openEnded: false,
      tolerateUnreadable: false,
    })
  }

  /**
   * Removes the files that hold nothing from `floorSeq` on, oldest first, each removal durable
   * before the next, so that no crash leaves a hole.
   */
  async dropBefore(floorSeq: number): Promise<void> {
    while (this.#extents.length > 1 && this.#extents[0]!.supersededFrom <= floorSeq) {
      const { name, path, bytes } = this.#extents[0]!
      if (this.#damaged.has(name))
        await moveToQuarantine(this.#disk, this.#directory, name, () => this.#forgetFirst())
      else await this.#removeFirst(path)
      if (retentionChannel.hasSubscribers)
        retentionChannel.publish({ directory: this.#directory, file: path, bytes, firstSeq: this.firstSeq })
    }
  }

  #removeFirst(path: string): Promise<void> {
    return removeAndReclaim(this.#disk, [path], () =>
      changeNames(this.#disk, this.#directory, async () => {
        await this.#disk.remove(path).catch(ignoreMissing)
        this.#forgetFirst()
      }),
    )
  }

  #forgetFirst(): void {
    this.#extents = this.#extents.slice(1)
  }
}

/** Removes files by name; their names' end is durable. */
export async function removeFiles(disk: Disk, directory: string, names: readonly string[]): Promise<void> {
  if (names.length === 0) return
  await changeNames(disk, directory, async () => {
    for (const name of names) await disk.remove(join(directory, name)).catch(ignoreMissing)
  })
}
