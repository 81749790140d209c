import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Disk } from '../../src/disk/disk.ts'
import type { Damage } from '../../src/entry.ts'
import { encodeV1Entry } from '../../src/v1/format/encode.ts'
import type { V1Entry, V1Record } from '../../src/v1/format/entry.ts'
import { encodeV1Header } from '../../src/v1/format/segment.ts'
import type { V1Item } from '../../src/v1/read/reader.ts'

export const FIXTURES: string = fileURLToPath(new URL('../../../test/fixtures/v1', import.meta.url))

export const fixtureNames: string[] = fs
  .readdirSync(FIXTURES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .toSorted()

export interface Fixture {
  readonly directory: string
  readonly about: string
  readonly damage: string | undefined
  /** What was given to the writer. */
  readonly entries: { readonly seq: bigint; readonly entry: V1Entry }[]
  readonly files: { readonly name: string; readonly bytes: number; readonly walk_end: string }[]
  /** What an independent walk found, up to a repeated header. */
  readonly records: FixtureRecord[]
}

export interface FixtureRecord {
  readonly file: string
  readonly offset: number
  readonly length: number
  readonly seq: bigint
  /** Undefined if the payload does not decode. */
  readonly entry: V1Entry | undefined
  /** Bytes of the encoded entry, where that is not all of the payload. */
  readonly consumed: number | undefined
}

// biome-ignore lint/suspicious/noExplicitAny: the tests compare it with what they expect
type Json = any

export function loadFixture(name: string): Fixture {
  const json: Json = JSON.parse(fs.readFileSync(join(FIXTURES, `${name}.expected.json`), 'utf8'))
  return {
    directory: join(FIXTURES, name),
    about: json.about,
    damage: json.damage,
    entries: json.entries.map((item: Json) => ({ seq: BigInt(item.seq), entry: fromJson(item.entry) })),
    files: json.disk.files,
    records: json.disk.records.map((record: Json) => ({
      file: record.file,
      offset: record.offset,
      length: record.len,
      seq: BigInt(record.seq),
      entry: record.decodes ? fromJson(record.entry ?? json.entries[record.same_as_entry].entry) : undefined,
      consumed: record.consumed,
    })),
  }
}

function fromJson(json: Json): V1Entry {
  const type = json.type[0].toLowerCase() + json.type.slice(1)
  const timestamp = BigInt(json.timestamp)
  switch (type) {
    case 'insert':
    case 'update': {
      const metadata = json.metadata === null ? null : new Map<string, string>(json.metadata)
      const bytes = Uint8Array.from(Buffer.from(json.vector_f32le_hex, 'hex'))
      return { type, id: json.id, vector: new Float32Array(bytes.buffer), metadata, timestamp }
    }
    case 'delete':
      return { type, id: json.id, timestamp }
    case 'batch':
      return { type, entries: json.entries.map(fromJson), timestamp }
    case 'checkpoint':
      return { type, sequenceNumber: BigInt(json.sequence_number), timestamp }
    default:
      return { type, transactionId: BigInt(json.transaction_id), timestamp }
  }
}

/**
 * An entry with its vector as the bytes it has, so that equality is equality of bits. Maps compare
 * without regard to order.
 */
export function bits(entry: V1Entry): unknown {
  if (entry.type === 'batch') return { ...entry, entries: entry.entries.map(bits) }
  if (!('vector' in entry)) return { ...entry }
  const { buffer, byteOffset, byteLength } = entry.vector
  return { ...entry, vector: Buffer.from(buffer, byteOffset, byteLength).toString('hex') }
}

export const insert = (id: string, ...elements: number[]): V1Entry => ({
  type: 'insert',
  id,
  vector: Float32Array.from(elements),
  metadata: null,
  timestamp: 1_700_000_000n,
})

export const header = (seconds = 1_700_000_000): Buffer => encodeV1Header(seconds)

export function rawFrame(seq: number | bigint, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(12 + payload.length)
  frame.writeBigUInt64LE(BigInt(seq))
  frame.writeUInt32LE(payload.length, 8)
  frame.set(payload, 12)
  return frame
}

export const frame = (seq: number | bigint, entry: V1Entry = insert(`id-${seq}`, Number(seq))): Buffer =>
  rawFrame(seq, encodeV1Entry(entry))

/**
 * A file of a header and frames: numbers stand for inserts of that number, buffers for themselves.
 */
export const segment = (...parts: (number | Buffer)[]): Buffer =>
  Buffer.concat([header(), ...parts.map((part) => (typeof part === 'number' ? frame(part) : part))])

/** Name of the n-th file of a log. */
export const nth = (n: number): string => `wal-${n.toString(16).padStart(16, '0')}.log`

/** A directory's files by name: n-th file, n-th segment. */
export const files = (...segments: Buffer[]): Record<string, Buffer> =>
  Object.fromEntries(segments.map((bytes, n) => [nth(n + 1), bytes]))

export interface Found {
  readonly records: V1Record[]
  readonly damages: Damage[]
  readonly items: V1Item[]
}

export async function collect(source: AsyncIterable<V1Item>): Promise<Found> {
  const found: Found = { records: [], damages: [], items: [] }
  for await (const item of source) {
    found.items.push(item)
    if (item.record) found.records.push(item.record)
    else found.damages.push(item.damage)
  }
  return found
}

export const seqs = ({ records }: { records: readonly V1Record[] }): number[] =>
  records.map(({ seq }) => Number(seq))

/** A damage in one line: kind, numbers lost, acknowledged. */
export const brief = ({ kind, seqs, acknowledged }: Damage): string =>
  [kind, ...seqs.map(({ from, through }) => `${from}..${through ?? ''}`), String(acknowledged)].join(' ')

export function temporaryDirectory(test: TestContext): string {
  const path = fs.mkdtempSync(join(tmpdir(), 'walv-v1-'))
  test.after(() => fs.rmSync(path, { recursive: true, force: true }))
  return path
}

/** A disk that passes everything on and notes how files are opened. */
export function watched(disk: Disk): { disk: Disk; modes: Set<string> } {
  const modes = new Set<string>()
  const open: Disk['open'] = (path, mode) => {
    modes.add(mode)
    return disk.open(path, mode)
  }
  return { disk: { ...disk, open }, modes }
}
