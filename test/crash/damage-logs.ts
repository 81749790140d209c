/** Small logs of every kind of record, written by the engine, for a disk to damage. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { byteBuffer } from '../../src/format/byte-buffer.ts'
import { frameBytes } from '../../src/format/frame.ts'
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  type SegmentHeader,
  segmentSeed,
} from '../../src/format/segment.ts'
import { SegmentCodec } from '../../src/format/segment-codec.ts'
import { type CheckpointEntry, type EntryInput, Wal, type WalOptions, type WalRecord } from '../../src/mod.ts'
import { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { type Frame, type Segment, segmentsOf } from './damage-anatomy.ts'
import { DIRECTORY, type Files, FilesDisk, SECTOR } from './damage-disk.ts'

/** A log as it is before anything happens to it. */
export interface Original {
  readonly name: string
  readonly files: Files
  readonly segments: readonly Segment[]
  /** Of every record its frame, in order. */
  readonly recordFrames: readonly Frame[]
  /** What reading returns, as text, by sequence number. */
  readonly records: ReadonlyMap<number, string>
  /** One more than the last sequence number. */
  readonly endSeq: number
  readonly checkpoints: readonly { readonly seq: number; readonly entry: CheckpointEntry }[]
  /** What files of the same name held earlier. */
  readonly earlier: ReadonlyMap<string, readonly Buffer[]>
  /**
   * Every frame that was ever written, superseded, refused and repaired ones included, and those of
   * a log with the same numbers and another identity.
   */
  readonly strays: readonly Buffer[]
  /** The segments of that other log. */
  readonly strange: ReadonlyMap<string, Buffer>
}

const LOG_ID = Buffer.from('a damaged log ..')
const OTHER_LOG_ID = Buffer.from('another log  ...')
const SEGMENT_AGE_MS = 1_000
const POLL_MS = 10

/**
 * Writes a log, and keeps what its files held in between. Contents differ by `mark`, lengths do
 * not.
 */
class Author {
  readonly mark: string
  disk = new SimulatedDisk({ seed: 1 })
  readonly versions = new Map<string, Buffer[]>()
  wal!: Wal
  #now = 1_700_000_000_000

  constructor(mark: string) {
    this.mark = mark
  }

  async open(options: Partial<WalOptions> = {}): Promise<void> {
    this.wal = await Wal.open({
      directory: DIRECTORY,
      disk: this.disk,
      clock: () => this.#now++,
      segmentMaxBytes: 64 * 1024,
      segmentMaxAgeMs: SEGMENT_AGE_MS,
      ...options,
    })
    await this.keep()
  }

  /** The next record opens a segment. */
  rotate(): void {
    this.#now += SEGMENT_AGE_MS
  }

  /** Waits until the log has promised all that is in it. */
  async idle(): Promise<void> {
    for (;;) {
      const last = segmentsOf(await this.keep())
        .at(-1)!
        .frames.slice(-2)
      if (last.every(({ seq, through }) => through < seq)) return
      await delay(POLL_MS)
    }
  }

  async append(...entries: EntryInput[]): Promise<void> {
    for (const entry of entries) {
      await this.wal.append(entry)
      await this.keep()
    }
  }

  async checkpoint(): Promise<void> {
    const pieces = [Buffer.from(`${this.mark} through ${this.wal.lastSeq} `), Buffer.alloc(SECTOR, this.mark)]
    await this.wal.checkpoint({
      seq: this.wal.lastSeq,
      snapshot: async (target) => {
        await target.write('small', pieces.slice(0, 1))
        await target.write('large', pieces)
        return { mark: this.mark }
      },
    })
    await this.keep()
  }

  insert(id: string, vector: readonly number[] = [1, 2]): EntryInput {
    return { type: 'insert', id: this.mark + id, vector, metadata: { of: this.mark } }
  }

  /** Notes what every file holds. */
  async keep(): Promise<Files> {
    const files = await filesOn(this.disk, DIRECTORY)
    for (const [path, bytes] of files) {
      const before = this.versions.get(path) ?? []
      if (!before.at(-1)?.equals(bytes)) this.versions.set(path, [...before, bytes])
    }
    return files
  }
}

/**
 * Every kind of record, a gap where an earlier repair found nothing, four segments, one snapshot;
 * closed in order.
 */
async function closed(author: Author): Promise<void> {
  const { mark } = author
  await author.open()
  await author.append(author.insert('a'), author.insert('lost'), author.insert('b'))
  await author.wal.close()
  const files = await author.keep()
  const [segment] = segmentsOf(files)
  author.disk.flipBit(segment!.path, segment!.frames[1]!.to - 9)
  await author.open({ recovery: 'repair' })
  await author.append(
    { type: 'insert', id: `${mark}b`, vector: [3, 4, 5], replace: true },
    { type: 'update', id: `${mark}a`, vector: [6], metadata: null },
    { type: 'delete', id: `${mark}a` },
  )
  author.rotate()
  await author.append({ type: 'custom', kind: `${mark}.kind`, data: Buffer.from(`data of ${mark}`) })
  await author.checkpoint()
  await author.append({
    type: 'batch',
    entries: [
      { type: 'delete', id: `${mark}b` },
      { type: 'batch', entries: [author.insert('nested')] },
    ],
  })
  await author.idle()
  author.rotate()
  await transaction(author, 'c', 'commit')
  await transaction(author, 'd', 'abort')
  await author.keep()
  author.rotate()
  await transaction(author, 'doubt', 'prepare')
  await author.append(author.insert('last'))
  await author.wal.close()
}

async function transaction(author: Author, id: string, end: 'commit' | 'abort' | 'prepare'): Promise<void> {
  const begun = author.wal.begin()
  begun.upsert(author.mark + id, [7, 8])
  if (end !== 'abort') await begun.prepare()
  if (end !== 'prepare') await begun[end]()
}

/**
 * The beginning is let go, two snapshots hold it; a full disk left a refused group behind the end
 * of a segment; idle, with a transaction open.
 */
async function trimmed(author: Author): Promise<void> {
  await author.open()
  await author.append(author.insert('a'), author.insert('b'))
  author.rotate()
  await author.append({ type: 'delete', id: `${author.mark}a` })
  await author.checkpoint()
  author.rotate()
  const begun = author.wal.begin()
  begun.upsert(`${author.mark}open`, [1])
  await author.append(author.insert('c'))
  await author.checkpoint()
  const { path } = segmentsOf(await author.keep()).at(-1)!
  let writes = 0
  author.disk.onOperation = ({ kind, path: written }) => {
    if (kind !== 'write' || !written.startsWith(path) || writes > 1) return undefined
    return writes++ === 0 ? { bytes: 250 } : { code: 'ENOSPC' }
  }
  const refused = ['r0', 'r1', 'r2', 'r3'].map((id) => author.wal.append(author.insert(id)))
  const outcomes = await Promise.allSettled(refused)
  assert.ok(outcomes.every(({ status }) => status === 'rejected'))
  author.disk.onOperation = undefined
  await author.append(author.insert('d'), author.insert('e'))
  await author.idle()
}

/**
 * Killed within the tenth of a second in which nothing promises the last group yet. The last
 * segment took the place of another, which is gone, and the one before ends with a group of
 * several.
 */
async function killed(author: Author): Promise<void> {
  await author.open()
  await Promise.all(['a', 'b'].map((id) => author.wal.append(author.insert(id))))
  author.rotate()
  await author.append(author.insert('c'))
  await author.wal.close()
  await author.open()
  await transaction(author, 'doubt', 'prepare')
  await Promise.all(['d', 'e', 'f'].map((id) => author.wal.append(author.insert(id))))
}

/** Many small records, several of them within each sector, over many sectors. */
async function long(author: Author): Promise<void> {
  await author.open()
  for (let number = 10; number < 60; number++) await author.append(author.insert(`${number}`))
  author.rotate()
  await author.append(author.insert('next'))
  await author.wal.close()
}

/** Files of full size, and records of several pieces, pages and sectors. */
async function large(author: Author): Promise<void> {
  await author.open()
  await author.append(author.insert('a', Array(5_000).fill(1)), author.insert('b'))
  author.rotate()
  await author.append(
    author.insert('c', Array(2_000).fill(2)),
    author.insert('d'),
    author.insert('e', Array(700).fill(3)),
  )
  await author.wal.close()
}

export const closedLog = (): Promise<Original> => original('closed', closed, true)
export const trimmedLog = (): Promise<Original> => original('trimmed', trimmed, true)
export const killedLog = (): Promise<Original> => original('killed', killed, true)
export const longLog = (): Promise<Original> => original('long', long, true)
export const largeLog = (): Promise<Original> => original('large', large, false)

async function original(
  name: string,
  write: (author: Author) => Promise<void>,
  small: boolean,
): Promise<Original> {
  const [author, other] = [new Author('x'), new Author('y')]
  // At once: an idle log goes on to promise its records.
  await write(author)
  const raw = liveFiles(await author.keep())
  await write(other)
  const rawOther = await other.keep()
  const lengths = new Map(
    segmentsOf(raw).map(({ path, frames }) => [path, small ? lengthFor(frames) : raw.get(path)!.length]),
  )
  const settled = (path: string, bytes: Buffer): Buffer =>
    sealed(bytes, lengths.get(path) ?? bytes.length, LOG_ID)
  const files = new Map([...raw].map(([path, bytes]) => [path, settled(path, bytes)]))
  const earlier = new Map(
    [...files].map(([path, last]) => {
      const versions = author.versions.get(path)!.map((bytes) => settled(path, bytes))
      return [path, versions.filter((bytes) => !bytes.equals(last))]
    }),
  )
  const records = await readAll(files)
  const segments = segmentsOf(files)
  const checkpoints = [...records.values()].flatMap(({ seq, entry }) =>
    entry.type === 'checkpoint' ? [{ seq, entry }] : [],
  )
  return {
    name,
    files,
    segments,
    recordFrames: segments.flatMap(({ frames }) => frames.filter(isRecord)),
    records: new Map([...records].map(([seq, record]) => [seq, textOf(record)])),
    endSeq: Math.max(...records.keys()) + 1,
    checkpoints,
    earlier,
    strange: new Map(
      [...lengths.keys()].map((path) => [
        path,
        sealed(rawOther.get(path)!, lengths.get(path)!, OTHER_LOG_ID),
      ]),
    ),
    strays: [...framesOf(author, LOG_ID), ...framesOf(other, OTHER_LOG_ID)],
  }
}

/** Nobody reads what an earlier repair put aside. */
const liveFiles = (files: Files): Files =>
  new Map([...files].filter(([path]) => !path.includes('/quarantine/')))

const isRecord = ({ live, seq, through }: Frame): boolean => live && through >= seq

/** To the end of what is in use, and an unused sector. */
const lengthFor = (frames: readonly Frame[]): number => (Math.ceil(frames.at(-1)!.to / SECTOR) + 1) * SECTOR

async function readAll(files: Files): Promise<Map<number, WalRecord>> {
  const wal = await Wal.open({
    directory: DIRECTORY,
    disk: new FilesDisk(files, { readOnly: true }),
    readOnly: true,
  })
  assert.deepEqual(
    wal.recovery.damage.filter(({ kind }) => kind !== 'torn-tail'),
    [],
  )
  const records = new Map<number, WalRecord>()
  for await (const record of wal.read()) records.set(record.seq, record)
  return records
}

export const textOf = (record: WalRecord): string =>
  JSON.stringify(record, (_key, value) =>
    value instanceof Uint8Array || value instanceof Float32Array ? [...value] : value,
  )

async function filesOn(disk: SimulatedDisk, folder: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  for (const { name, kind } of (await disk.list(folder)).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${folder}/${name}`
    if (kind === 'directory') for (const found of await filesOn(disk, path)) files.set(...found)
    else files.set(path, await contentOf(disk, path))
  }
  return files
}

async function contentOf(disk: SimulatedDisk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read')
  const bytes = Buffer.alloc(await file.size())
  await file.read(bytes, 0)
  await file.close()
  return bytes
}

/**
 * A segment file with another identity and capacity, and all its sums to match. Logs get an
 * identity that is the same in every run, and files hardly larger than what is in them, so that all
 * of them can be damaged bit by bit. Other files stay as they are.
 */
function sealed(bytes: Buffer, capacity: number, logId: Buffer): Buffer {
  const reading = decodeSegmentHeader(bytes.subarray(0, SECTOR))
  if (reading.state !== 'valid') return bytes.subarray(0, capacity)
  const target = byteBuffer(Math.max(bytes.length, capacity))
  bytes.copy(target.bytes)
  sealFrames(target, reading.header, segmentSeed(logId, reading.header.number))
  encodeSegmentHeader({ ...reading.header, logId, capacity }).copy(target.bytes)
  return target.bytes.subarray(0, capacity)
}

function sealFrames(
  target: ReturnType<typeof byteBuffer>,
  { logId, number }: SegmentHeader,
  seed: number,
): void {
  const seedBefore = segmentSeed(logId, number)
  for (let at = 2 * SECTOR; at + SECTOR < target.bytes.length; at += 8) {
    const header = new SegmentCodec(seedBefore).readHeader(target, at, at)
    if (!header) continue
    new SegmentCodec(seed).sealFrame(target, at, header, at)
    at += frameBytes(header.payloadBytes) - 8
  }
}

/** Every frame in every version of every segment, each once. */
function framesOf({ versions }: Author, logId: Buffer): Buffer[] {
  const frames = new Map<string, Buffer>()
  for (const [path, contents] of versions) {
    for (const content of contents) {
      const bytes = sealed(content, content.length, logId)
      for (const { from, to } of segmentsOf(new Map([[path, bytes]])).flatMap((segment) => segment.frames)) {
        const frame = bytes.subarray(from, to)
        frames.set(frame.toString('latin1'), frame)
      }
    }
  }
  return [...frames.values()]
}
