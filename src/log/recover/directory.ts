import { join } from 'node:path'
import { listFolder } from '../../disk/directories.ts'
import type { Disk, DiskEntry, DiskFile } from '../../disk/disk.ts'
import { ioError } from '../../disk/io-error.ts'
import { readAround } from '../../disk/read-around.ts'
import type { Damage } from '../../entry.ts'
import { WalError } from '../../errors.ts'
import {
  decodeSegmentHeader,
  FORMAT_VERSION,
  type HeaderReading,
  MAX_SEGMENT_NUMBER,
  SECTOR_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentNumber,
} from '../../format/segment.ts'
import { damageIn } from '../damage.ts'
import { QUARANTINE_FOLDER, refuseDirectory, SNAPSHOT_FOLDER, snapshotThrough } from '../layout.ts'

/** A segment file as found, its header read but not one frame. */
export interface SegmentFile {
  readonly number: number
  readonly name: string
  readonly path: string
  readonly bytes: number
  /** Undefined if neither copy verifies. */
  readonly header: SegmentHeader | undefined
  /** Which of the two copies do not verify. */
  readonly badCopies: readonly number[]
  /** Sectors of the header cannot be read, now. */
  readonly unreadable: boolean
}

/** What tells by its name how far the log reached. */
export interface Reach {
  /** Within the log's directory. */
  readonly name: string
  readonly through: number
}

export interface LogDirectory {
  readonly path: string
  /**
   * The largest number in any name, also of what is no file, unless that leaves too few for the
   * log; 0 without one.
   */
  readonly lastNumber: number
  /** In the order of their numbers. */
  readonly segments: readonly SegmentFile[]
  /**
   * The snapshot that reaches furthest, one that was not finished or was put aside too. The log is
   * synced before any of it is made: so these records were durable, and where they are not in the
   * log, they are lost.
   */
  readonly reach: Reach | undefined
  readonly damage: readonly Damage[]
}

/**
 * Lists a log's directory and reads the segments' headers.
 * @throws WALV_NO_DIRECTORY, WALV_NOT_A_DIRECTORY, WALV_PERMISSION, WALV_V1_DIRECTORY,
 * WALV_UNSUPPORTED_VERSION, WALV_UNSUPPORTED_FEATURE, WALV_IO
 */
export async function readDirectory(disk: Disk, path: string): Promise<LogDirectory> {
  // First: a live writer, beside which this reads, has written the records before it makes their
  // snapshot.
  const reach = await furthestSnapshot(disk, path)
  const entries = await disk.list(path).catch((error) => refuseDirectory(path, error))
  const segments: SegmentFile[] = []
  const damage: Damage[] = []
  for (const { name, kind } of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const number = segmentNumber(name)
    if (number === undefined) continue
    if (kind !== 'file') {
      damage.push(await stray(disk, path, { name, kind }))
      continue
    }
    const segment = await readSegmentFile(disk, path, name, number)
    if (segment === undefined) throw goneSince(path, name)
    if (segment.header && segment.header.number !== number)
      damage.push(renamed(segment, segment.header.number))
    else segments.push(segment)
  }
  if (
    segments.length === 0 &&
    entries.some(({ name, kind }) => kind === 'file' && /^wal-.*\.log$/.test(name))
  ) {
    throw new WalError(
      'WALV_V1_DIRECTORY',
      `${path} holds a log of format v1. Convert it first: npx walv convert ${path} NEW_DIRECTORY.`,
      { file: path },
    )
  }
  if (segments.some(({ unreadable }) => unreadable) && !segments.some(({ header }) => header)) {
    throw new WalError(
      'WALV_IO',
      `The disk cannot read the headers of the segments in ${path} (EIO). Try again.`,
      {
        file: path,
      },
    )
  }
  return {
    path,
    lastNumber: entries.reduce((last, entry) => Math.max(last, takenNumber(entry)), 0),
    segments,
    reach,
    damage,
  }
}

/**
 * A segment that is gone was let go of, or another that is not listed has its records: the list is
 * of no moment, and what it lacks would be missed without a word.
 */
function goneSince(path: string, name: string): Error {
  const cause = Object.assign(new Error(`ENOENT: ${name}`), { code: 'ENOENT' })
  return ioError(cause, `${name} was removed while ${path} was read`, join(path, name))
}

/**
 * What is no file may have any number in its name, and must not use up those that the log needs.
 */
function takenNumber({ name, kind }: DiskEntry): number {
  const number = segmentNumber(name) ?? 0
  return kind === 'file' || number < MAX_SEGMENT_NUMBER / 2 ? number : 0
}

async function furthestSnapshot(disk: Disk, path: string): Promise<Reach | undefined> {
  let furthest: Reach | undefined
  for (const folder of [SNAPSHOT_FOLDER, QUARANTINE_FOLDER]) {
    for (const { name } of await listFolder(disk, join(path, folder))) {
      const through = snapshotThrough(name)
      if (through !== undefined && through > (furthest?.through ?? -1))
        furthest = { name: `${folder}/${name}`, through }
    }
  }
  return furthest
}

export async function readSegmentFile(
  disk: Disk,
  directory: string,
  name: string,
  number: number,
): Promise<SegmentFile | undefined> {
  const path = join(directory, name)
  const file = await disk.open(path, 'read').catch((error) => {
    if (error.code === 'ENOENT') return undefined
    throw ioError(error, `${name} cannot be opened`, path)
  })
  if (file === undefined) return undefined
  try {
    const bytes = await file.size()
    return { number, name, path, bytes, ...(await readHeader(file, name, number)) }
  } finally {
    await file.close()
  }
}

/**
 * Takes the first copy that verifies and has the number of the file's name: a write that went
 * astray may have put another segment's into its place.
 */
async function readHeader(
  file: DiskFile,
  name: string,
  number: number,
): Promise<Pick<SegmentFile, 'header' | 'badCopies' | 'unreadable'>> {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES)
  const { count, unreadable } = await readAround(file, bytes, 0)
  const copies = [0, 1].map((copy) => {
    const at = copy * SECTOR_BYTES
    const reading = decodeSegmentHeader(bytes.subarray(at, Math.min(count, at + SECTOR_BYTES)))
    refuseUnknown(reading, name)
    return reading.state === 'valid' ? reading.header : undefined
  })
  const header = copies.find((copy) => copy?.number === number) ?? copies.find((copy) => copy)
  const badCopies = [0, 1].filter((copy) => header === undefined || copies[copy]?.number !== header.number)
  return { header, badCopies, unreadable: unreadable.length > 0 }
}

function refuseUnknown(reading: HeaderReading, name: string): void {
  if (reading.state === 'unknown-version') {
    throw new WalError(
      'WALV_UNSUPPORTED_VERSION',
      `${name} has format version ${reading.version}; this walv reads up to ${FORMAT_VERSION}. Use a newer walv.`,
      { file: name },
    )
  }
  if (reading.state === 'unknown-features') {
    throw new WalError(
      'WALV_UNSUPPORTED_FEATURE',
      `${name} needs features that this walv does not know (bits 0x${reading.features.toString(16)}). Use a newer walv.`,
      { file: name },
    )
  }
}

const KIND_NAMES = { directory: 'a directory', link: 'a link', other: 'a pipe, a socket or a device' }

/** Not opened. What a link leads to may hold records, unless it leads to a directory or nowhere. */
async function stray(disk: Disk, directory: string, { name, kind }: DiskEntry): Promise<Damage> {
  const what = `${name} is named like a segment but is ${KIND_NAMES[kind as keyof typeof KIND_NAMES]}`
  if (kind !== 'link' || (await cannotBeFile(disk, join(directory, name))))
    return foreign(name, 0, `${what}; it is left alone.`, false)
  return foreign(name, 0, `${what}; it is not read. Put the file that it leads to in its place.`, null)
}

/** Of a link: whether it leads to a directory, or nowhere. */
export async function cannotBeFile(disk: Disk, path: string): Promise<boolean> {
  return disk.list(path).then(
    () => true,
    (error) => error.code === 'ENOENT',
  )
}

/**
 * Its header verifies and says that it is another segment: somebody gave it this name, and only
 * they know of which log it is.
 */
const renamed = ({ name, bytes }: SegmentFile, number: number): Damage =>
  foreign(
    name,
    bytes,
    `${name} is segment ${number} of a log, under another name. Move it out of this directory, or give it its name back.`,
    null,
  )

const foreign = (file: string, bytes: number, detail: string, acknowledged: false | null): Damage =>
  damageIn({ kind: 'foreign', file, bytes, acknowledged, detail })
