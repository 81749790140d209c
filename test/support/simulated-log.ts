import { dirname, join } from 'node:path'
import { type DiskFile, readFully, writeFully } from '../../src/disk/disk.ts'
import { byteBuffer } from '../../src/format/byte-buffer.ts'
import { FRAME_HEADER_BYTES, type FrameHeader, frameBytes } from '../../src/format/frame.ts'
import {
  decodeSegmentHeader,
  SECTOR_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentName,
} from '../../src/format/segment.ts'
import { SegmentCodec } from '../../src/format/segment-codec.ts'
import { Wal, type WalOptions } from '../../src/mod.ts'
import { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { FailingDisk } from './failing-disk.ts'
import { segmentOf } from './frames.ts'

/**
 * Where the logs of these tests are: in a folder of their own, so that the names above it can be
 * looked at too.
 */
export const DIRECTORY = '/data/log'
export const START = 1_700_000_000_000

/** A clock that is one further at every look. */
export function countingClock(): () => number {
  let now = START
  return () => now++
}

/** A disk on which the log's directory is made, durably, and holds nothing. */
export async function emptyDirectory(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  await disk.makeDirectory('/data')
  await disk.makeDirectory(DIRECTORY)
  await disk.syncDirectory('/data')
  await disk.syncDirectory('/')
  return disk
}

/** Opens a log on a simulated disk, by default under a clock that counts. */
export const openOn = (disk: SimulatedDisk, options: Partial<WalOptions> = {}): Promise<Wal> =>
  Wal.open({ directory: DIRECTORY, disk, clock: countingClock(), ...options })

export interface FailingLog {
  readonly wal: Wal
  /** The disk as the log sees it. */
  readonly disk: FailingDisk
  readonly below: SimulatedDisk
}

/** A new log on a disk that can be made to fail and to wait. */
export async function failingLog(options: Partial<WalOptions> = {}): Promise<FailingLog> {
  const below = new SimulatedDisk()
  const disk = new FailingDisk(below)
  return { wal: await openOn(below, { disk, ...options }), disk, below }
}

export const segmentAt = (number: number): string => join(DIRECTORY, segmentName(number))

async function makeFolder(disk: SimulatedDisk, path: string): Promise<void> {
  if (path === dirname(path)) return
  await makeFolder(disk, dirname(path))
  await disk.makeDirectory(path).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  await disk.syncDirectory(dirname(path))
}

async function withFile<T>(
  disk: SimulatedDisk,
  path: string,
  mode: 'read' | 'write' | 'create',
  work: (file: DiskFile) => Promise<T>,
): Promise<T> {
  const file = await disk.open(path, mode)
  return work(file).finally(() => file.close())
}

/** Puts a file on the disk, durable, in the place of one of that name. */
export async function putFile(disk: SimulatedDisk, path: string, content: Uint8Array): Promise<void> {
  await makeFolder(disk, dirname(path))
  await disk.remove(path).catch(() => {})
  await withFile(disk, path, 'create', async (file) => {
    await writeFully(file, content, 0)
    await file.sync()
  })
  await disk.syncDirectory(dirname(path))
}

/** A log of one crafted segment. */
export async function crafted(
  content: (seed: number) => readonly Buffer[],
  fields: Parameters<typeof segmentOf>[0] = {},
): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  await putFile(disk, segmentAt(fields.number ?? 1), segmentOf(fields, content))
  return disk
}

/** The whole content of a file. */
export const contentOf = (disk: SimulatedDisk, path: string): Promise<Buffer> =>
  withFile(disk, path, 'read', async (file) => {
    const content = Buffer.alloc(await file.size())
    await readFully(file, content, 0)
    return content
  })

/** Changes a file in place. */
export async function alterOn(
  disk: SimulatedDisk,
  path: string,
  change: (content: Buffer) => unknown,
): Promise<void> {
  const content = await contentOf(disk, path)
  const changed = change(content)
  await putFile(disk, path, changed instanceof Uint8Array ? changed : content)
}

/** Names in a folder, sorted. */
export const namesOn = async (disk: SimulatedDisk, path: string = DIRECTORY): Promise<string[]> =>
  (await disk.list(path)).map(({ name }) => name).toSorted()

/** Names, kinds and contents of everything below a folder. */
export async function pictureOf(disk: SimulatedDisk, path: string = DIRECTORY): Promise<[string, string][]> {
  const found: [string, string][] = []
  for (const { name, kind } of await disk.list(path)) {
    const below = join(path, name)
    if (kind === 'file') found.push([below, (await contentOf(disk, below)).toString('base64')])
    else found.push([below, kind], ...(await pictureOf(disk, below)))
  }
  return found.sort(([a], [b]) => (a < b ? -1 : 1))
}

export interface FoundFrame extends FrameHeader {
  readonly at: number
  readonly bytes: number
}

/** The header of a segment, from its first copy. */
export async function headerOn(disk: SimulatedDisk, number: number): Promise<SegmentHeader> {
  const reading = decodeSegmentHeader((await contentOf(disk, segmentAt(number))).subarray(0, SECTOR_BYTES))
  if (reading.state !== 'valid') throw new Error(`segment ${number} has no valid header: ${reading.state}`)
  return reading.header
}

/** Every frame of a segment whose header verifies, at whatever multiple of 8 it stands. */
export async function framesOn(disk: SimulatedDisk, number: number): Promise<FoundFrame[]> {
  const content = await contentOf(disk, segmentAt(number))
  const { logId } = await headerOn(disk, number)
  const memory = byteBuffer(content.length)
  content.copy(memory.bytes)
  const frames: FoundFrame[] = []
  for (let at = SEGMENT_HEADER_BYTES; at + FRAME_HEADER_BYTES <= content.length; at += 8) {
    const header = SegmentCodec.of(logId, number).readHeader(memory, at, at)
    if (header) frames.push({ ...header, at, bytes: frameBytes(header.payloadBytes) })
  }
  return frames
}

/** Lets what is under way, and what it begins, come to its end. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

/** Whether it is settled after some turns of the event loop. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let done = false
  const note = (): void => {
    done = true
  }
  promise.then(note, note)
  await settled()
  return done
}
