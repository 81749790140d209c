import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isRepeatedV1Header } from '../../src/v1/format/segment.ts'
import { FileWindow, LEAPING_BYTES } from '../../src/v1/read/file-window.ts'
import { MeteredDisk } from '../fuzz/metered-disk.ts'
import { header } from './helpers.ts'
import { errno, MemoryDisk } from './memory-disk.ts'

const KIB = 1024
const MIB = 1024 * KIB
const PATH = '/log/file'

/** Where reads are likely to begin and end: there a window's edges are. */
const EDGES = [0, 4 * KIB, 8 * KIB, 12 * KIB, 24 * KIB, 64 * KIB, 128 * KIB, MIB, MIB + 4 * KIB, 2 * MIB]

/** Zeros up to the end of each stretch, and headers that reach over many an edge. */
function content(size: number): Buffer {
  const bytes = Buffer.alloc(size, 7)
  for (let at = 0; at < size; at += 20 * KIB) bytes.subarray(at, at + 13 * KIB + (at % 77)).fill(0)
  bytes.subarray(300 * KIB, 500 * KIB).fill(0)
  for (const [n, edge] of EDGES.entries()) {
    const at = edge - [16, 15, 8, 1, 0][n % 5]!
    if (at >= 0 && at + 16 <= size) header().copy(bytes, at)
  }
  return bytes
}

async function windowOn(bytes: Buffer): Promise<{ window: FileWindow; disk: MeteredDisk }> {
  const disk = new MeteredDisk([[PATH, bytes]])
  const window = await FileWindow.open(disk, PATH, undefined, LEAPING_BYTES)
  assert.ok(window)
  return { window, disk }
}

const zerosAt = (bytes: Buffer, offset: number): number => {
  const end = bytes.subarray(offset).findIndex((byte) => byte !== 0)
  return end < 0 ? Math.max(0, bytes.length - offset) : end
}

const headersIn = (bytes: Buffer): number[] =>
  Array.from(bytes.keys()).filter((at) => bytes[at] === 0x57 && isRepeatedV1Header(bytes, at))

const FILES = [0, 1, 15, 16, 17, 4 * KIB, 4 * KIB + 1, 700 * KIB, 2 * MIB + 100].map((size) => {
  const bytes = content(size)
  return { bytes, headers: headersIn(bytes) }
})

const place = fc
  .tuple(fc.constantFrom(...EDGES, 300 * KIB, 500 * KIB), fc.integer({ min: -40, max: 40 }))
  .map(([edge, by]) => Math.max(0, edge + by))
const length = fc.oneof(fc.constantFrom(0, 1, 12, 16, 4 * KIB, 64 * KIB, MIB), fc.nat(100 * KIB))
const ask = fc.record({
  what: fc.constantFrom('view', 'cached', 'copy', 'zeros', 'header'),
  at: place,
  length,
})

test('a window shows what is in the file, wherever it is looked into', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...FILES),
      fc.array(ask, { maxLength: 12 }),
      async ({ bytes, headers }, asks) => {
        const { window, disk } = await windowOn(bytes)
        assert.equal(window.size, bytes.length)
        for (const { what, at, length } of asks) {
          const expected = bytes.subarray(at, at + length)
          if (what === 'view') assert.ok(expected.equals(await window.view(at, length)))
          if (what === 'copy') assert.ok(expected.equals(await window.copy(at, length)))
          if (what === 'cached') assert.ok(window.cached(at, length)?.equals(expected) ?? true)
          if (what === 'zeros') assert.equal(await window.countZeros(at), zerosAt(bytes, at))
          if (what === 'header') {
            const first = headers.find((header) => header >= at && header < at + length)
            assert.equal(await window.findHeader(at, at + length), first)
          }
        }
        assert.ok(disk.largestExcess <= 0, 'more was asked for than the file has')
        await window.close()
        assert.equal(disk.openFiles, 0)
      },
    ),
    { numRuns: 400 },
  )
})

test('a copy is longer than the window where it has to be, and its caller’s own', async () => {
  const bytes = content(2 * MIB + 100)
  const { window } = await windowOn(bytes)
  for (const [at, length] of [
    [0, MIB],
    [5, MIB + 1],
    [90, 2 * MIB + 10],
    [MIB, 2 * MIB],
  ] as const) {
    const copy = await window.copy(at, length)
    assert.ok(bytes.subarray(at, at + length).equals(copy))
    await window.view(MIB, 100)
    assert.ok(bytes.subarray(at, at + length).equals(copy))
    assert.ok(copy.buffer.byteLength <= length)
  }
})

test('reading on reads further and further ahead, reading elsewhere a little', async () => {
  const bytes = content(4 * MIB)
  const { window, disk } = await windowOn(bytes)
  for (let at = 0; at < bytes.length; at += 100) await window.view(at, 100)
  // 8 KiB, 16, and so on to 512, and then the whole window each time.
  assert.equal(disk.reads, 7 + 4)
  assert.ok(disk.bytesRead < bytes.length + 4 * KIB, `${disk.bytesRead} bytes`)
  const once = disk.reads
  await window.view(4 * MIB - 100, 50)
  assert.equal(disk.reads, once, 'what is in memory is not read again')
  const before = disk.bytesRead
  for (const at of [2 * MIB, 3 * MIB, MIB]) await window.view(at, 12)
  assert.equal(disk.bytesRead - before, 3 * 4 * KIB)
  assert.ok(window.cached(MIB + 4 * KIB - 12, 12))
  assert.equal(window.cached(MIB + 4 * KIB - 12, 13), undefined)
  assert.equal(window.cached(MIB - 1, 12), undefined)
  assert.ok(window.cached(MIB, 12))
  await window.view(MIB + 4 * KIB, 12)
  assert.equal(disk.bytesRead - before, 3 * 4 * KIB + 8 * KIB, 'behind what is in memory it goes on')
  await window.view(MIB + 4 * KIB - 1, 12)
  assert.equal(disk.bytesRead - before, 4 * 4 * KIB + 8 * KIB, 'before it, it does not')
})

test('a search for a header ends where it is to end', async () => {
  const bytes = Buffer.alloc(3 * MIB, 7)
  const { window, disk } = await windowOn(bytes)
  assert.equal(await window.findHeader(0, 1), undefined)
  assert.equal(disk.reads, 1)
  assert.equal(await window.findHeader(3 * MIB - 15, 3 * MIB), undefined)
  assert.equal(disk.reads, 1, 'there is no room for one')
})

test('zeros are counted whole blocks at a time', async () => {
  const bytes = Buffer.alloc(64 * MIB)
  const { window } = await windowOn(bytes)
  const started = process.cpuUsage()
  assert.equal(await window.countZeros(1), bytes.length - 1)
  assert.ok(process.cpuUsage(started).user < 10e6)
})

test('what fails is told by what was being done, and an aborted reading reads no more', async () => {
  for (const [operation, doing] of [
    ['open-read', 'Opening'],
    ['size', 'Opening'],
    ['read', 'Reading'],
  ]) {
    const disk = MemoryDisk.of({ file: content(100) })
    disk.before = (now) => {
      if (now === operation) throw errno('EIO')
    }
    const reading = FileWindow.open(disk, PATH).then((window) => window!.view(0, 10))
    await assert.rejects(reading, { code: 'WALV_IO', message: `${doing} ${PATH} failed: EIO: on purpose.` })
  }
  const disk = MemoryDisk.of({ file: content(100) })
  const controller = new AbortController()
  const window = await FileWindow.open(disk, PATH, controller.signal)
  controller.abort('enough')
  await assert.rejects(window!.view(0, 10), {
    code: 'WALV_ABORTED',
    message: 'Reading the log was aborted by its signal.',
    cause: 'enough',
  })
  assert.ok(!disk.calls.includes(`read ${PATH}`))
})
