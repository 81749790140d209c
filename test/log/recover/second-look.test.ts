import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alterOn,
  DIRECTORY,
  openOn,
  putFile,
  refusal,
  SimulatedDisk,
  segmentAt,
  segmentOf,
  TakenOverDisk,
  WalError,
} from '../../support/kit.ts'
import { damageOf, deletion, reader, threeSegments } from './checkpointed-log.ts'

/** How often a log is looked at while it is opened. */
async function looks(disk: SimulatedDisk, readOnly = true): Promise<number> {
  const from = disk.ops.length
  const wal = await openOn(disk, { readOnly, recovery: 'salvage' }).catch((error) => {
    assert.ok(error instanceof WalError)
    return undefined
  })
  const looked = disk.ops
    .slice(from)
    .filter(({ kind, path }) => kind === 'size' && path === segmentAt(1)).length
  await wal?.close()
  return looked
}

test('a reader believes damage when it is still there at a second look, and a torn tail at once', async () => {
  const clean = await threeSegments()
  assert.equal(await looks(clean), 1)
  await alterOn(clean, segmentAt(3), (content) => content.fill(1, 1060, 1064))
  assert.equal(await looks(clean), 2)
  const torn = new SimulatedDisk()
  await putFile(
    torn,
    segmentAt(1),
    segmentOf({}, (seed) => [deletion(0, seed), Buffer.alloc(64, 1)]),
  )
  assert.equal(await looks(torn), 1)
})

test('a reader looks again as long as what it finds changes, twenty times at most', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(2))
  let changes = 0
  const changing = async (): Promise<void> => {
    changes++
    await disk.rename(segmentAt(9 + changes - 1), segmentAt(9 + changes)).catch(() => {})
  }
  await disk.makeDirectory(segmentAt(9))
  disk.onOperation = ({ kind, path }) => {
    if (kind === 'list' && path === DIRECTORY) void changing()
    return undefined
  }
  assert.equal(await looks(disk), 20)
})

test('damage that is gone at a second look was a group under way', async () => {
  const disk = await threeSegments()
  await disk.makeDirectory(segmentAt(9))
  let looked = 0
  disk.onOperation = ({ kind, path }) => {
    if (kind === 'list' && path === DIRECTORY && ++looked === 1) void disk.remove(segmentAt(9))
    return undefined
  }
  assert.deepEqual(await damageOf(disk), [])
})

test('a reader that misses a file looks again, twenty times at most; a writer does not', async () => {
  const disk = await threeSegments()
  let left = 5
  disk.onOperation = ({ kind, path }) =>
    kind === 'read' && path === segmentAt(2) && left-- > 0 ? { code: 'ENOENT' } : undefined
  assert.deepEqual((await reader(disk)).recovery.damage, [])
  const gone = await threeSegments()
  gone.onOperation = ({ kind, path }) =>
    kind === 'read' && path === segmentAt(2) ? { code: 'ENOENT' } : undefined
  assert.equal(await looks(gone), 20)
  await assert.rejects(reader(gone), refusal('WALV_IO'))
  assert.equal(await looks(gone, false), 1)
})

test('any other error ends the first look', async () => {
  const disk = await threeSegments()
  disk.onOperation = ({ kind, path }) =>
    kind === 'read' && path === segmentAt(2) ? { code: 'EMFILE' } : undefined
  assert.equal(await looks(disk), 1)
})

test('a reader misses nothing while another writer takes over, whenever that is', async () => {
  const disk = new SimulatedDisk()
  const killed = await openOn(disk)
  for (const id of ['a', 'b']) await killed.append({ type: 'insert', id, vector: [1] })
  let isTakenOver = true
  for (let nth = 1; isTakenOver; nth++) {
    const left = disk.kill()
    // It carries the records over into a segment of its own, and removes the one that is read.
    const read = new TakenOverDisk(left, segmentAt(1), nth, () => openOn(left))
    const reader = await openOn(left, { disk: read, readOnly: true })
    isTakenOver = read.isTakenOver
    assert.ok(isTakenOver || nth > 2)
    assert.equal(reader.lastSeq, 1, `taken over before opening ${nth} of the segment`)
    await reader.close()
  }
})
