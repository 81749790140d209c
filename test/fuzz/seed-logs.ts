/**
 * Valid logs of format v2, as inputs: of every kind of record, and every golden directory that is
 * small enough.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { alignUp } from '../../src/format/byte-buffer.ts'
import { SECTOR_BYTES, SEGMENT_HEADER_BYTES } from '../../src/format/segment.ts'
import { Wal, type WalOptions } from '../../src/mod.ts'
import { SimulatedDisk } from '../../src/testing/disk/simulated-disk.ts'
import { contentOf, countingClock, DIRECTORY } from '../support/simulated-log.ts'
import { type InputFile, pack } from './files.ts'
import { MAX_INPUT_BYTES } from './mutate-bytes.ts'
import { sealSegment } from './segments.ts'

const GOLDEN = fileURLToPath(new URL('../../../test/golden/v2/', import.meta.url))
const LOG_ID = Buffer.from('a log of a seed!')
const CAPACITY_AT = 72
const MAX_AGE_MS = 1_000
const ODD_FLOATS = new Float32Array(Uint32Array.of(0x7f80_0001, 0xffc1_2345, 0x8000_0000, 0x0000_0001).buffer)

let made: Promise<readonly Buffer[]> | undefined

export function seedLogs(): Promise<readonly Buffer[]> {
  made ??= makeSeeds()
  return made
}

async function makeSeeds(): Promise<readonly Buffer[]> {
  const logs = [await everyKind(), await severalSegments(), await unfinished(), ...goldenLogs()]
  return logs.map((files) => pack(files.map(asInput))).filter(({ length }) => length <= MAX_INPUT_BYTES)
}

type Content = readonly (readonly [name: string, bytes: Buffer])[]

/** Without what is random or never used: the log's identity, and the zeros at the end. */
function asInput([name, content]: Content[number]): InputFile {
  if (!name.endsWith('.walv')) return { name, bytes: content, sealed: false }
  let used = content.length
  while (used > SEGMENT_HEADER_BYTES && content[used - 1] === 0) used--
  const bytes = Buffer.from(content.subarray(0, alignUp(used, SECTOR_BYTES)))
  for (const at of [0, SECTOR_BYTES]) {
    LOG_ID.copy(bytes, at + 24)
    bytes.writeBigUInt64LE(BigInt(bytes.length), at + CAPACITY_AT)
  }
  return { name, bytes: sealSegment(bytes), sealed: true }
}

async function everyKind(): Promise<Content> {
  const { wal, content } = await newLog()
  await wal.append({ type: 'insert', id: 'a', vector: ODD_FLOATS })
  await wal.append({
    type: 'insert',
    id: 'é🎉',
    vector: [],
    metadata: { list: [1, 'é', null, { deep: [[]] }] },
    replace: true,
  })
  await wal.append({ type: 'update', id: 'a', metadata: null })
  await wal.append({ type: 'update', id: 'a', vector: [1], metadata: 'text' })
  await wal.append({ type: 'custom', kind: 'mine', data: Uint8Array.of(0, 255) })
  await wal.appendBatch([
    { type: 'insert', id: 'b', vector: [1] },
    {
      type: 'batch',
      entries: [
        { type: 'delete', id: 'b' },
        { type: 'custom', kind: 'k', data: new Uint8Array() },
      ],
    },
  ])
  const committed = wal.begin()
  const aborted = wal.begin()
  committed.insert('c', [2])
  aborted.delete('a')
  committed.update('c', { metadata: {} })
  await committed.prepare()
  await aborted.abort()
  await committed.commit()
  await wal.begin().prepare()
  await wal.checkpoint({
    seq: 4,
    snapshot: (files) => files.write('state', [Buffer.from('hello')]).then(() => ({ n: 1 })),
  })
  await wal.append({ type: 'insert', id: 'more than a piece', vector: new Float32Array(2_100).fill(1) })
  await wal.append({ type: 'delete', id: 'a' })
  await wal.close()
  return content()
}

/**
 * Three segments with a checkpoint in each, the first two let go of; one prepared; damage that was
 * repaired.
 */
async function severalSegments(): Promise<Content> {
  const { wal, content, age } = await newLog()
  for (let round = 0; round < 4; round++) {
    await wal.append({ type: 'insert', id: `${round}`, vector: [round] })
    await wal.begin().prepare()
    if (round % 2 === 1) await wal.checkpoint({ seq: wal.lastSeq, snapshot: async () => round })
    age()
  }
  await wal.close()
  return content()
}

/** As a kill leaves it: a transaction is open, nothing is promised for the last records. */
async function unfinished(): Promise<Content> {
  const { wal, content } = await newLog()
  await wal.append({ type: 'insert', id: 'a', vector: [1, 2] })
  const open = wal.begin()
  open.insert('b', [3, 4])
  await wal.append({ type: 'delete', id: 'a' })
  const left = await content()
  await wal.close()
  return left
}

interface Authored {
  readonly wal: Wal
  content(): Promise<Content>
  /** Makes the segment old enough to be followed by another. */
  age(): void
}

async function newLog(options: Partial<WalOptions> = {}): Promise<Authored> {
  const disk = new SimulatedDisk()
  const tick = countingClock()
  let older = 0
  const clock = (): number => tick() + older
  const wal = await Wal.open({ directory: DIRECTORY, disk, clock, segmentMaxAgeMs: MAX_AGE_MS, ...options })
  return {
    wal,
    content: () => contentBelow(disk, DIRECTORY),
    age: () => {
      older += MAX_AGE_MS
    },
  }
}

async function contentBelow(disk: SimulatedDisk, folder: string): Promise<[string, Buffer][]> {
  const found: [string, Buffer][] = []
  for (const { name, kind } of await disk.list(folder)) {
    const path = join(folder, name)
    if (kind === 'directory') found.push(...(await contentBelow(disk, path)))
    else if (name !== 'LOCK') found.push([relative(DIRECTORY, path), await contentOf(disk, path)])
  }
  return found.sort(([a], [b]) => (a < b ? -1 : 1))
}

function goldenLogs(): Content[] {
  const names = readdirSync(GOLDEN, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return names.map(({ name }) => {
    const log = join(GOLDEN, name, 'log')
    const paths = readdirSync(log, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    return paths
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted()
      .map((path) => [relative(log, path), readFileSync(path)] as const)
  })
}
