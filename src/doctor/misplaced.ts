import { join } from 'node:path'
import { type Disk, readFully } from '../disk/disk.ts'
import type { Damage } from '../entry.ts'
import {
  decodeSegmentHeader,
  SECTOR_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentName,
} from '../format/segment.ts'

/** A segment file, and what its header says that it is. */
export interface Placed {
  readonly name: string
  readonly logId: string
  readonly number: number
}

/** What is told as foreign for its header, not for being no file. */
export const isForeignSegment = ({ kind, acknowledged }: Damage): boolean =>
  kind === 'foreign' && acknowledged === null

/** What the headers of some files say. Without those that cannot be read. */
export async function placesOf(disk: Disk, directory: string, names: readonly string[]): Promise<Placed[]> {
  const placed: Placed[] = []
  for (const name of names) {
    const header = await headerOf(disk, directory, name)
    if (header) placed.push({ name, logId: header.logId.toString('hex'), number: header.number })
  }
  return placed
}

/**
 * As for reading, a copy with the number of the name goes first: a write that went astray may have
 * left the other.
 */
async function headerOf(disk: Disk, directory: string, name: string): Promise<SegmentHeader | undefined> {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES)
  try {
    const file = await disk.open(join(directory, name), 'read')
    await readFully(file, bytes, 0).finally(() => file.close())
  } catch {
    return undefined
  }
  const readings = [0, SECTOR_BYTES].map((at) => decodeSegmentHeader(bytes.subarray(at, at + SECTOR_BYTES)))
  const headers = readings.flatMap((reading) => (reading.state === 'valid' ? [reading.header] : []))
  return headers.find(({ number }) => segmentName(number) === name) ?? headers[0]
}

/** One file gets another name. */
export interface Move {
  readonly from: string
  readonly to: string
}

/**
 * Gives the files of one log their names back, in such an order that none is overwritten: of files
 * that have each other's names, one steps aside first. What would take the name of a file that has
 * it by right is a second copy, and gets a name that nobody reads.
 */
export function movesHome(misnamed: readonly Placed[], taken: Iterable<string>): Move[] {
  const present = new Set(taken)
  const pending = new Map(misnamed.map(({ name, number }) => [name, segmentName(number)]))
  const moves: Move[] = []
  const move = (from: string, to: string): void => {
    moves.push({ from, to })
    present.delete(from)
    present.add(to)
  }
  while (pending.size > 0) {
    const free = [...pending].find(([, to]) => !present.has(to))
    const blocked = free ?? [...pending].find(([, to]) => !pending.has(to))
    const [from, to] = blocked ?? [...pending][0]!
    pending.delete(from)
    if (free) move(from, to)
    else if (blocked) move(from, `${from}.copy`)
    else {
      move(from, `${from}.aside`)
      pending.set(`${from}.aside`, to)
    }
  }
  return moves
}
