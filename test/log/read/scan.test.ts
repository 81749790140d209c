import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alterOn,
  collect,
  DIRECTORY,
  frameOfEntry,
  putFile,
  refusal,
  SimulatedDisk,
  scanLog,
  segmentAt,
  segmentOf,
} from '../../support/kit.ts'
import { fiveSegments, senselessLog, spoil } from './logs-to-read.ts'

const KIB = 1024

/** What a scan yields, in short: numbers of records, kinds of damage. */
const scanned = async (
  disk: SimulatedDisk,
  options: Partial<Parameters<typeof scanLog>[0]> = {},
): Promise<(number | string)[]> =>
  (await collect(scanLog({ directory: DIRECTORY, disk, ...options }))).map((item) =>
    'record' in item ? item.record.seq : `${item.damage.kind} ${item.damage.file}`,
  )

test('a scan yields every record in order, and nothing else where nothing is wrong', async () => {
  const disk = await fiveSegments()
  assert.deepEqual(await scanned(disk), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})

test('a scan yields each damage once: at its place, or behind the records of its file, or at the end', async () => {
  const disk = await fiveSegments()
  await spoil(disk, 2, 2)
  await alterOn(disk, segmentAt(3), (content) => content.fill(0, 0, 512))
  await putFile(disk, segmentAt(9), segmentOf({ number: 9, firstSeq: 0 }))
  await disk.makeDirectory(segmentAt(7))
  assert.deepEqual(await scanned(disk), [
    0,
    1,
    'corrupt segment-0000000002.walv',
    3,
    4,
    5,
    'segment-header segment-0000000003.walv',
    6,
    7,
    8,
    9,
    'foreign segment-0000000007.walv',
    'foreign segment-0000000009.walv',
  ])
})

test('a scan yields senseless records as damage, and what follows them', async () => {
  assert.deepEqual(await scanned(await senselessLog()), [0, 'corrupt segment-0000000001.walv', 2])
})

test('a scan stops at the end that the log has, and tells of the torn tail behind it', async () => {
  const disk = new SimulatedDisk()
  await putFile(
    disk,
    segmentAt(1),
    segmentOf({}, (seed) => [
      frameOfEntry({ type: 'delete', id: 'a' }, { seq: 0 }, seed),
      Buffer.alloc(56, 1),
      frameOfEntry({ type: 'delete', id: 'b' }, { seq: 2 }, seed),
    ]),
  )
  assert.deepEqual(await scanned(disk), [0, 'torn-tail segment-0000000001.walv'])
})

test('two places of one kind in one file are two damages', async () => {
  const disk = await fiveSegments()
  await spoil(disk, 2, 2)
  await alterOn(disk, segmentAt(3), (content) => content.fill(0, 0, 1024))
  assert.deepEqual(await scanned(disk), [
    0,
    1,
    'corrupt segment-0000000002.walv',
    3,
    4,
    5,
    'segment-header segment-0000000003.walv',
    'segment-header segment-0000000003.walv',
    6,
    7,
    8,
    9,
  ])
})

test('a scan writes nothing, can be aborted and tells how far it is', async () => {
  const disk = await fiveSegments()
  const before = disk.ops.length
  const progress: [number, number][] = []
  await scanned(disk, { onProgress: (done, total) => progress.push([done, total]) })
  assert.deepEqual(
    progress.map(([done]) => done / (256 * KIB)),
    [1, 2, 3, 4, 5],
  )
  assert.ok(progress.every(([, total]) => total === 5 * 256 * KIB))
  const kinds = new Set(disk.ops.slice(before).map(({ kind }) => kind))
  assert.deepEqual([...kinds].toSorted(), ['close', 'list', 'open', 'read', 'size'])
  await assert.rejects(scanned(disk, { signal: AbortSignal.abort() }))
})

test('a scan of no directory, or of one without a log, is refused or empty', async () => {
  const disk = new SimulatedDisk()
  await assert.rejects(scanned(disk), refusal('WALV_NO_DIRECTORY'))
  await disk.makeDirectory('/data')
  await disk.makeDirectory(DIRECTORY)
  assert.deepEqual(await scanned(disk), [])
})
