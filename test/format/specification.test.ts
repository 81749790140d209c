/**
 * `docs/format.md` is the format: its examples are what is written, byte for byte, and are read.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { crc32 as zlibCrc32 } from 'node:zlib'
import type { Origin } from '../../src/entry.ts'
import { crc32 } from '../../src/format/crc.ts'
import { FLAG_CLOSED, FRAME_TYPES, type FrameHeader } from '../../src/format/frame.ts'
import { indexRecord } from '../../src/format/index-record.ts'
import { decodeSegmentHeader, encodeSegmentHeader, segmentSeed } from '../../src/format/segment.ts'
import { SegmentCodec } from '../../src/format/segment-codec.ts'
import { AT, assertUntouched, frameOf, frameOfEntry, hex, type Loggable, OFFSET, read } from './frames.ts'

const PAGE: string = readFileSync(new URL('../../../docs/format.md', import.meta.url), 'utf8')
const LOG_ID: Buffer = hex('000102030405060708090a0b0c0d0e0f')
const SEED: number = segmentSeed(LOG_ID, 1)
const CODEC = new SegmentCodec(SEED)
const TIME = 1_700_000_000_000

/** The bytes of an example. Some leave out lines in the middle, so they come in runs. */
interface Example {
  readonly title: string
  readonly runs: { readonly at: number; bytes: Buffer }[]
}

const examples: Example[] = [...PAGE.matchAll(/\n\n((?:[^\n]+\n)+)\n```text\n(0000 {2}[^`]+)```/g)].map(
  ([, title = '', dump = '']) => {
    const runs: Example['runs'] = []
    for (const [, offset = '', digits = ''] of dump.matchAll(/^([0-9a-f]{4}) {2}([0-9a-f ]+)$/gm)) {
      const at = Number.parseInt(offset, 16)
      const last = runs.at(-1)
      if (last && last.at + last.bytes.length === at) last.bytes = Buffer.concat([last.bytes, hex(digits)])
      else runs.push({ at, bytes: hex(digits) })
    }
    return { title: title.replaceAll('\n', ' '), runs }
  },
)

/**
 * Makes sure that `written` is the example: where the page leaves lines out, only the lines that
 * are there.
 */
function assertIsExample(written: Buffer, title: string): void {
  const found = examples.filter((example) => example.title.startsWith(title))
  assert.equal(found.length, 1, `${found.length} examples begin with ${title}`)
  for (const { at, bytes } of found[0]!.runs) {
    assert.equal(written.toString('hex', at, at + bytes.length), bytes.toString('hex'), `from ${at} on`)
  }
  const last = found[0]!.runs.at(-1)!
  assert.equal(written.length, last.at + last.bytes.length)
}

interface Case {
  readonly title: string
  readonly entry: Loggable
  readonly header: Partial<FrameHeader> & { readonly seq: number }
  readonly transactionId?: number
  readonly origin?: Origin
}

const cases: Case[] = [
  { title: 'Delete `"a"`, sequence number 0', entry: { type: 'delete', id: 'a' }, header: { seq: 0 } },
  {
    title: 'Insert that replaces, `"é"`',
    entry: { type: 'insert', id: 'é', vector: Float32Array.of(1, -2), metadata: { n: 1 }, replace: true },
    header: { seq: 1, durableBefore: 1 },
  },
  {
    title: 'The vectors are of two dimensions',
    entry: indexRecord({ dimensions: 2, metric: 'l2', elementType: 'f32', model: 'm' }),
    header: { seq: 0 },
  },
  {
    title: 'Begin of transaction 2',
    entry: { type: 'beginTransaction' },
    header: { seq: 2 },
    transactionId: 2,
  },
  { title: 'Delete `"a"` in', entry: { type: 'delete', id: 'a' }, header: { seq: 3 }, transactionId: 2 },
  {
    title: 'Custom, kind `"k"`',
    entry: { type: 'custom', kind: 'k', data: Uint8Array.of(0xff) },
    header: { seq: 4 },
  },
  {
    title: 'Batch of delete',
    entry: {
      type: 'batch',
      entries: [
        { type: 'delete', id: 'a' },
        { type: 'batch', entries: [] },
      ],
    },
    header: { seq: 5 },
  },
  { title: 'Gap', entry: { type: 'gap', throughSeq: 9 }, header: { seq: 6 } },
  {
    title: 'Checkpoint',
    entry: { type: 'checkpoint', sequenceNumber: 9, replayFrom: 10, snapshot: null },
    header: { seq: 10 },
  },
  { title: 'Update', entry: { type: 'update', id: 'a', metadata: null }, header: { seq: 11 } },
  {
    title: 'Delete `"b"`, the change number 7',
    entry: { type: 'delete', id: 'b' },
    header: { seq: 13 },
    origin: { process: '000102030405060708090a0b0c0d0e0f', number: 7 },
  },
  {
    title: 'Custom, kind `"big"`',
    entry: {
      type: 'custom',
      kind: 'big',
      data: Uint8Array.from({ length: 20_000 }, (_, index) => index % 251),
    },
    header: { seq: 0 },
  },
]

for (const { title, entry, header, transactionId, origin } of cases) {
  test(`the page's example is what is written and read: ${title}`, () => {
    const memory = frameOfEntry(entry, { timestamp: TIME, ...header }, transactionId, SEED, origin)
    assertIsExample(memory.bytes.subarray(AT, -AT), title)
    const envelope = { ...(transactionId !== undefined && { transactionId }), ...(origin && { origin }) }
    assert.deepEqual(read(memory, SEED), { seq: header.seq, timestamp: TIME, entry, ...envelope })
  })
}

test("the page's example of a promise is what is written and read", () => {
  const header = {
    type: FRAME_TYPES.watermark,
    payloadBytes: 0,
    seq: 12,
    durableBefore: 12,
    timestamp: TIME + 1,
    flags: FLAG_CLOSED,
  }
  const memory = frameOf(Buffer.alloc(0), header, SEED)
  assertIsExample(memory.bytes.subarray(AT, -AT), 'Watermark')
  assertUntouched(memory, 40)
  assert.deepEqual(CODEC.readHeader(memory, AT, OFFSET), header)
  assert.ok(CODEC.verifyPayload(memory, AT, 0))
})

test("the page's example of a segment header is what is written, twice, and read", () => {
  const header = {
    logId: LOG_ID,
    number: 1,
    firstSeq: 0,
    durableBefore: 0,
    createdAt: TIME,
    capacity: 262_144,
    previous: 0,
  }
  const written = encodeSegmentHeader(header)
  assert.equal(written.length, 1024)
  for (const copy of [written.subarray(0, 512), written.subarray(512)]) {
    assertIsExample(copy, 'Number 1, first sequence number 0')
    assert.deepEqual(decodeSegmentHeader(copy), { state: 'valid', header })
  }
})

test('every example of the page is one of these', () => {
  assert.equal(examples.length, cases.length + 2)
})

test("the page's checksums and seeds are right, also by zlib", () => {
  const table = Object.fromEntries(
    [...PAGE.matchAll(/^\| ([^|]+) \| `([0-9a-f]{8})` \|$/gm)].map(([, input, sum]) => [input, sum]),
  )
  const [digits, bytes] = [Buffer.from('123456789'), LOG_ID]
  const ours = (input: Buffer, seed: number): number =>
    crc32(new DataView(input.buffer, input.byteOffset, input.length), 0, input.length, seed)
  const text = (value: number): string => value.toString(16).padStart(8, '0')
  for (const sum of [zlibCrc32, ours]) {
    assert.equal(text(sum(digits, 0)), table['`crc("123456789", 0)`'])
    const split = sum(digits.subarray(4), sum(digits.subarray(0, 4), 0))
    assert.equal(text(split), table['`crc("56789", crc("1234", 0))`'])
    assert.equal(text(sum(bytes, 0)), table['`crc(000102030405060708090a0b0c0d0e0f, 0)`'])
  }
  assert.equal(text(segmentSeed(LOG_ID, 1)), table['seed of segment 1 of the log with that id'])
  assert.equal(text(segmentSeed(LOG_ID, 2)), table['seed of segment 2'])
  assert.equal(text(segmentSeed(LOG_ID, 4_294_967_297)), table['seed of segment 4 294 967 297'])
})
