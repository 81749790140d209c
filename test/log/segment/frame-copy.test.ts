import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteBuffer } from '../../../src/format/byte-buffer.ts'
import { SegmentCodec } from '../../../src/format/segment-codec.ts'
import { analyze } from '../../../src/log/recover/analysis.ts'
import { readDirectory } from '../../../src/log/recover/directory.ts'
import { copyRecords, FrameSink } from '../../../src/log/segment/frame-copy.ts'
import type { Anomaly } from '../../../src/log/segment/segment-scan.ts'
import {
  DIRECTORY,
  type DiskFile,
  frameOfEntry,
  placed,
  putFile,
  SimulatedDisk,
  segmentAt,
  segmentOf,
  watermarkOf,
} from '../../support/kit.ts'

const KIB = 1024

/** A file that only keeps what is written to it. */
function memoryFile(): { file: DiskFile; content: () => Buffer; writes: number[] } {
  const pieces: Buffer[] = []
  const writes: number[] = []
  const file = {
    write: async (buffer: Uint8Array, position: number) => {
      writes.push(position)
      pieces.push(Buffer.from(buffer))
      return buffer.length
    },
  } as unknown as DiskFile
  return { file, writes, content: () => Buffer.concat(pieces) }
}

test('frames on their way into another segment are sealed for it, and written in pieces where the last ended', async () => {
  const { file, content, writes } = memoryFile()
  const sink = new FrameSink(file, new SegmentCodec(99), 5000)
  const source = byteBuffer(400)
  frameOfEntry({ type: 'delete', id: 'a' }, { seq: 1, timestamp: 5 }, 7).copy(source.bytes, 8)
  const header = new SegmentCodec(7).readHeader(source, 8, 0)!
  sink.add(source, 8, header)
  sink.addGap(2, 2 ** 40, 6)
  await sink.flush()
  assert.equal(sink.offset, 5000 + 56 + 48)
  sink.add(source, 8, { ...header, seq: 9 })
  await sink.flush()
  assert.deepEqual([writes, sink.offset], [[5000, 5104], 5160])
  assert.deepEqual(
    content(),
    placed(
      [
        frameOfEntry({ type: 'delete', id: 'a' }, { seq: 1, timestamp: 5 }, 99),
        frameOfEntry({ type: 'gap', throughSeq: 2 ** 40 }, { seq: 2, timestamp: 6 }, 99),
        frameOfEntry({ type: 'delete', id: 'a' }, { seq: 9, timestamp: 5 }, 99),
      ],
      5000,
    ),
  )
})

test('a sink is full at 512 KiB, and takes a frame of any size', async () => {
  const { file, content } = memoryFile()
  const sink = new FrameSink(file, new SegmentCodec(99), 0)
  const add = (seq: number, bytes: number): void => {
    const frame = frameOfEntry({ type: 'custom', kind: 'k', data: Buffer.alloc(bytes - 49, seq) }, { seq }, 7)
    const source = byteBuffer(frame.length)
    frame.copy(source.bytes)
    sink.add(source, 0, new SegmentCodec(7).readHeader(source, 0, 0)!)
  }
  assert.equal(sink.full, false)
  for (let seq = 0; seq < 63; seq++) add(seq, 8 * KIB)
  add(63, 8 * KIB - 48)
  assert.equal(sink.full, false)
  sink.addGap(64, 64, 0)
  assert.equal(sink.full, true)
  add(65, 3 * KIB * KIB)
  await sink.flush()
  assert.equal(sink.full, false)
  const written = byteBuffer(content().length)
  content().copy(written.bytes)
  let at = 0
  for (let seq = 0; seq <= 65; seq++) {
    const header = new SegmentCodec(99).readHeader(written, at, at)
    assert.equal(header?.seq, seq)
    at +=
      seq === 65
        ? 0
        : header!.payloadBytes + 40 + (8 - (header!.payloadBytes % 8)) * Number(header!.payloadBytes % 8 > 0)
  }
})

const deletion = (seq: number, seed: number): Buffer =>
  frameOfEntry({ type: 'delete', id: `id-${seq}` }, { seq, timestamp: 100 + seq, durableBefore: seq }, seed)
const gap = (seq: number, throughSeq: number, timestamp: number): Buffer =>
  frameOfEntry({ type: 'gap', throughSeq }, { seq, timestamp }, 99)
const copied = (seq: number): Buffer =>
  frameOfEntry({ type: 'delete', id: `id-${seq}` }, { seq, timestamp: 100 + seq, durableBefore: seq }, 99)

interface CopyOptions {
  readonly fromSeq?: number
  readonly scanEnd?: number
  /** What was known of its only bad place, if not what is there; undefined is nothing. */
  readonly known?: (anomaly: Anomaly) => Anomaly | undefined
}

/**
 * Copies a segment of these frames; returns what is written, and how often its file was opened and
 * closed.
 */
/** When the segment was made: before any of its records. */
const CREATED_AT = 42

async function copyOf(
  content: (seed: number) => readonly Buffer[],
  { fromSeq = 0, scanEnd = Number.POSITIVE_INFINITY, known = (anomaly) => anomaly }: CopyOptions = {},
): Promise<{ copy: Promise<Buffer>; disk: SimulatedDisk }> {
  const disk = new SimulatedDisk()
  await putFile(disk, segmentAt(1), segmentOf({}, content))
  const { segments, anomalies } = await analyze(disk, await readDirectory(disk, DIRECTORY))
  const { file, content: written } = memoryFile()
  const sink = new FrameSink(file, new SegmentCodec(99), 0)
  const knownSpots = anomalies.flatMap((anomaly) => known(anomaly) ?? [])
  const from = disk.ops.length
  const copy = copyRecords(disk, { ...segments[0]!, scanEnd }, fromSeq, CREATED_AT, sink, knownSpots).then(
    written,
  )
  await copy.catch(() => {})
  assert.deepEqual(
    disk.ops.slice(from).flatMap(({ kind }) => (kind === 'open' || kind === 'close' ? [kind] : [])),
    ['open', 'close'],
  )
  return { copy, disk }
}

test('records are copied from a number on and up to another, and promises are not', async () => {
  const { copy } = await copyOf(
    (seed) =>
      [0, 1]
        .map((seq) => deletion(seq, seed))
        .concat(watermarkOf(2, seed), deletion(2, seed), deletion(3, seed)),
    { fromSeq: 1, scanEnd: 3 },
  )
  assert.deepEqual(await copy, placed([copied(1), copied(2)], 0))
})

const bad = Buffer.alloc(56, 1)

test('a gap stands in the place of what is lost, at the time of the record before it, and ends with the log', async () => {
  const content = (seed: number): Buffer[] => [deletion(0, seed), bad, deletion(4, seed)]
  assert.deepEqual(await (await copyOf(content)).copy, placed([copied(0), gap(1, 3, 100), copied(4)], 0))
  assert.deepEqual(await (await copyOf(content, { fromSeq: 1 })).copy, placed([gap(1, 3, 100), copied(4)], 0))
  for (const [scanEnd, expected] of [
    [2, [copied(0), gap(1, 1, 100)]],
    [3, [copied(0), gap(1, 2, 100)]],
    [4, [copied(0), gap(1, 3, 100)]],
    [1, [copied(0)]],
  ] as const)
    assert.deepEqual(await (await copyOf(content, { scanEnd })).copy, placed(expected, 0))
})

test('a gap in front of all records has the time of the segment', async () => {
  const content = (seed: number): Buffer[] => [bad, deletion(2, seed)]
  assert.deepEqual(await (await copyOf(content)).copy, placed([gap(0, 1, CREATED_AT), copied(2)], 0))
})

test('what is lost before the number to copy from leaves no gap', async () => {
  const content = (seed: number): Buffer[] => [deletion(0, seed), bad, deletion(4, seed)]
  for (const [fromSeq, expected] of [
    [2, [gap(2, 3, 100), copied(4)]],
    [3, [gap(3, 3, 100), copied(4)]],
    [4, [copied(4)]],
    [5, []],
  ] as const)
    assert.deepEqual(await (await copyOf(content, { fromSeq })).copy, placed(expected, 0))
})

test('a bad place that lost nothing leaves no gap, one that lost one record does', async () => {
  const nothing = await copyOf((seed) => [deletion(0, seed), bad, deletion(1, seed)])
  assert.deepEqual(await nothing.copy, placed([copied(0), copied(1)], 0))
  const one = await copyOf((seed) => [deletion(0, seed), bad, deletion(2, seed)])
  assert.deepEqual(await one.copy, placed([copied(0), gap(1, 1, 100), copied(2)], 0))
})

test('a bad place is one that was known only if segment, place and number are the same', async () => {
  const content = (seed: number): Buffer[] => [deletion(0, seed), bad, deletion(4, seed)]
  for (const known of [
    () => undefined,
    (anomaly: Anomaly) => ({ ...anomaly, segment: 2 }),
    (anomaly: Anomaly) => ({ ...anomaly, offset: anomaly.offset + 8 }),
    (anomaly: Anomaly) => ({ ...anomaly, lostFrom: anomaly.lostFrom + 1 }),
  ]) {
    const { copy } = await copyOf(content, { known })
    await assert.rejects(copy, {
      code: 'WALV_IO',
      file: segmentAt(1),
      offset: 1080,
      message:
        'segment-0000000001.walv at offset 1080: what was read before cannot be read again. This file was not changed; try again.',
    })
  }
})
