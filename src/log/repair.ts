import { join } from 'node:path'
import { type Disk, type DiskFile, writeFully } from '../disk/disk.ts'
import { readAround } from '../disk/read-around.ts'
import { alignUp } from '../format/byte-buffer.ts'
import { encodeSegmentHeader, type SegmentHeader, segmentSeed } from '../format/segment.ts'
import type { LiveSegment } from './chain.ts'
import { copyRecords, FrameSink } from './copy.ts'
import { ignoreMissing, QUARANTINE_FOLDER, TEMPORARY_SUFFIX } from './directory.ts'
import { ensureFolder } from './make-directory.ts'
import { createSegment, HEADER_ROOM } from './segments.ts'
import { freeName } from './snapshot-store.ts'
import type { Survey } from './survey.ts'

const PIECE_BYTES = 1024 * 1024
/** What gap records and alignment may add to a segment. */
const SLACK_BYTES = 64 * 1024

/**
 * Writes every damaged segment anew: all its records that verify, and a gap record in the place of each loss, so that the log keeps saying what is gone. A copy of
 * the damaged file goes to `quarantine/` first. Each segment is replaced at once; a crash in between leaves the rest for the next repair.
 * @returns the paths of the copies
 */
export async function repairSegments(disk: Disk, directory: string, found: Survey): Promise<string[]> {
  const damaged = new Set(found.damage.filter(({ kind }) => kind !== 'torn-tail').map(({ file }) => file))
  const copies: string[] = []
  for (const segment of found.segments.filter(({ name }) => damaged.has(name))) {
    copies.push(await quarantineCopy(disk, directory, segment.name))
    // Without an identity the log was refused, or has no segment.
    await rewrite(disk, directory, found.logId!, segment, found)
  }
  return copies
}

/**
 * Copies a segment, durably and whole or not at all. Where an earlier attempt left a copy of the same, that is the one.
 * @returns its path
 */
async function quarantineCopy(disk: Disk, directory: string, name: string): Promise<string> {
  const folder = join(directory, QUARANTINE_FOLDER)
  await ensureFolder(disk, folder)
  const temporary = join(folder, name + TEMPORARY_SUFFIX)
  await disk.remove(temporary).catch(ignoreMissing)
  const present = await disk.list(folder)
  const copies = present.filter((other) => other.name === name || other.name.startsWith(`${name}.`))
  for (const copy of copies.filter(({ kind }) => kind === 'file')) {
    const path = join(folder, copy.name)
    if (!(await haveSameContent(disk, join(directory, name), path))) continue
    // Whoever made it may not have got to that.
    await disk.syncDirectory(folder)
    return path
  }
  const target = join(folder, freeName(name, new Set(present.map((entry) => entry.name))))
  try {
    await copyFile(disk, join(directory, name), temporary)
    await disk.rename(temporary, target)
    await disk.syncDirectory(folder)
    return target
  } catch (error) {
    // A failed directory sync leaves it open under which name the copy is: both go.
    await disk.remove(temporary).catch(() => {})
    await disk.remove(target).catch(() => {})
    throw error
  }
}

async function copyFile(disk: Disk, from: string, to: string): Promise<void> {
  const copy = await disk.open(to, 'create')
  try {
    let at = 0
    for await (const piece of piecesOf(disk, from)) {
      await writeFully(copy, piece, at)
      at += piece.length
    }
    await copy.sync()
  } finally {
    await copy.close()
  }
}

async function haveSameContent(disk: Disk, one: string, other: string): Promise<boolean> {
  const others = piecesOf(disk, other)
  try {
    for await (const piece of piecesOf(disk, one)) {
      // Never undefined: the pieces before were equal, and only a last one is short.
      const { value } = await others.next()
      if (!piece.equals(value!)) return false
    }
    return true
  } finally {
    await others.return(undefined)
  }
}

/** A file in pieces of 1 MiB, each with memory of its own. The last one is shorter, and may be empty. */
async function* piecesOf(disk: Disk, path: string): AsyncGenerator<Buffer, undefined, void> {
  const file = await disk.open(path, 'read')
  try {
    let count = PIECE_BYTES
    for (let at = 0; count === PIECE_BYTES; at += PIECE_BYTES) {
      const buffer = Buffer.allocUnsafe(PIECE_BYTES)
      count = (await readAround(file, buffer, at)).count
      yield buffer.subarray(0, count)
    }
  } finally {
    await file.close()
  }
}

async function rewrite(
  disk: Disk,
  directory: string,
  logId: Buffer,
  segment: LiveSegment,
  found: Survey,
): Promise<void> {
  const missing = found.spots.find((spot) => spot.segment === segment.number && spot.kind === 'missing-segment')
  const firstSeq = missing?.lostFrom ?? segment.firstSeq
  const capacity = alignUp(segment.bytes + SLACK_BYTES, 4096)
  const { durableBefore } = found
  const previous = found.segments.findLast(({ number }) => number < segment.number)?.number ?? 0
  const { number } = segment
  const header: SegmentHeader = { logId, number, firstSeq, capacity, durableBefore, createdAt: 0, previous }
  const source = { ...segment, stopSeq: found.endSeq }
  const write = async (target: DiskFile): Promise<void> => {
    const sink = new FrameSink(target, segmentSeed(logId, number), HEADER_ROOM)
    if (missing?.lostThrough != null) sink.addGap(missing.lostFrom, missing.lostThrough, 0)
    await copyRecords(disk, source, segment.firstSeq, sink, found.spots)
    await writeFully(target, encodeSegmentHeader(header), 0)
  }
  const { file } = await createSegment(disk, directory, number, capacity, { write, replaces: true })
  await file.close()
}
