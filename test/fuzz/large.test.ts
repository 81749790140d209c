/** Inputs that are too large for the fuzzer: what they cost, and what a count in them can do. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { truncateSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { byteBuffer } from '../../src/format/byte-buffer.ts'
import { FRAME_MAGIC, FRAME_TYPES } from '../../src/format/frame.ts'
import {
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  segmentName,
  segmentSeed,
} from '../../src/format/segment.ts'
import { SegmentCodec } from '../../src/format/segment-codec.ts'
import { analyze } from '../../src/log/recover/analysis.ts'
import { readDirectory } from '../../src/log/recover/directory.ts'
import { CRAFTED_LOG_ID, collect, craftSegment, scanLog, temporaryDirectory } from '../support/kit.ts'
import { MeteredDisk } from './metered-disk.ts'
import { sealAt } from './segments.ts'

const MEMORY_CHILD = fileURLToPath(new URL('./large-child.js', import.meta.url))
const MIB = 1024 * 1024
const DIRECTORY = '/log'
const PATH = join(DIRECTORY, segmentName(1))
const SEED = segmentSeed(CRAFTED_LOG_ID, 1)

const run = promisify(execFile)

interface Cost {
  readonly records: number
  readonly damages: number
  readonly peakBytes: number
}

/** What scanning and salvaging a directory costs a process that has 64 MiB for its objects. */
async function costOf(directory: string): Promise<Cost> {
  const { stdout } = await run(process.execPath, ['--max-old-space-size=64', MEMORY_CHILD, directory])
  return JSON.parse(stdout)
}

const header = (capacity: number): Buffer =>
  encodeSegmentHeader({
    logId: CRAFTED_LOG_ID,
    number: 1,
    firstSeq: 0,
    durableBefore: 0,
    createdAt: 0,
    capacity,
    previous: 0,
  })

test('a log of 256 MiB with hardly a record in it is read in 128 MiB of memory', async (t) => {
  const directory = await temporaryDirectory(t)
  const path = await craftSegment(directory, [{ type: FRAME_TYPES.beginTransaction }])
  truncateSync(path, 256 * MIB)
  const { records, peakBytes } = await costOf(directory)
  assert.equal(records, 2)
  assert.ok(peakBytes < 128 * MIB, `${peakBytes} bytes`)
})

test('64 MiB in which frames seem to begin everywhere are one damage, found in 128 MiB of memory', async (t) => {
  const directory = await temporaryDirectory(t)
  const path = await craftSegment(directory, [{ type: FRAME_TYPES.beginTransaction }])
  const file = await open(path, 'r+')
  const junk = Buffer.alloc(MIB, Buffer.concat([FRAME_MAGIC, Buffer.alloc(4, 7)]))
  for (let at = SEGMENT_HEADER_BYTES + 40; at < 64 * MIB; at += junk.length)
    await file.write(junk, 0, junk.length, at)
  await file.close()
  const { records, damages, peakBytes } = await costOf(directory)
  assert.deepEqual([records, damages], [2, 2])
  assert.ok(peakBytes < 128 * MIB, `${peakBytes} bytes`)
})

test('a segment with 130 000 damaged places is read to its end', async () => {
  const count = 130_000
  const frameBytes = 40
  const junkBytes = 8
  const memory = byteBuffer(SEGMENT_HEADER_BYTES + count * (frameBytes + junkBytes))
  header(memory.bytes.length).copy(memory.bytes)
  const fields = { type: FRAME_TYPES.beginTransaction, payloadBytes: 0, timestamp: 0, flags: 0 }
  for (let seq = 0; seq < count; seq++) {
    const at = SEGMENT_HEADER_BYTES + seq * (frameBytes + junkBytes)
    new SegmentCodec(SEED).sealFrame(memory, at, { ...fields, seq, durableBefore: seq }, at)
    memory.bytes.fill(0xcc, at + frameBytes, at + frameBytes + junkBytes)
  }
  const disk = new MeteredDisk([[PATH, memory.bytes]])
  const { tally, anomalies } = await analyze(disk, await readDirectory(disk, DIRECTORY))
  // What stands behind the last frame has no room for another.
  assert.deepEqual([tally.entries, anomalies.length], [count, count - 1])
})

test('a log among 150 000 files that are none of it is read', async () => {
  const bytes = Buffer.concat([header(4096), Buffer.alloc(4096 - SEGMENT_HEADER_BYTES)])
  const disk = new MeteredDisk([[PATH, bytes]])
  const others = Array.from({ length: 150_000 }, (_, number) => ({
    name: `image-${number}.png`,
    kind: 'file' as const,
  }))
  disk.list = async () => [{ name: segmentName(1), kind: 'file' }, ...others]
  assert.deepEqual(await collect(scanLog({ directory: DIRECTORY, disk })), [])
})

test('a frame that claims 4 GiB, in a file that claims to have them, is no frame', async () => {
  const bytes = Buffer.alloc(2 * MIB)
  header(bytes.length).copy(bytes)
  FRAME_MAGIC.copy(bytes, SEGMENT_HEADER_BYTES)
  bytes.writeUInt32LE(0xffff_ffff, SEGMENT_HEADER_BYTES + 4)
  bytes.writeUInt8(FRAME_TYPES.insert, SEGMENT_HEADER_BYTES + 30)
  sealAt(bytes, SEGMENT_HEADER_BYTES, SEED)
  const disk = new MeteredDisk([[PATH, bytes]])
  const openReal = disk.open.bind(disk)
  disk.open = async (path, mode) => ({ ...(await openReal(path, mode)), size: async () => 6 * 1024 * MIB })
  const items = await collect(scanLog({ directory: DIRECTORY, disk }))
  assert.deepEqual(
    items.map((item) => 'damage' in item && item.damage.kind),
    ['torn-tail'],
  )
})
