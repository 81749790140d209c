import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteBuffer } from '../../src/format/byte-buffer.ts'
import { FRAME_TYPES } from '../../src/format/frame.ts'
import { SegmentCodec } from '../../src/format/segment-codec.ts'
import { convertToV2, V1Writer } from '../../src/v1/mod.ts'
import { type Operation, SimulatedDisk, Wal, type WalError } from '../support/kit.ts'
import { DIRECTORY } from './workloads.ts'

const SEED = 12_345
const CODEC = new SegmentCodec(SEED)
const insert = (id: string) => ({ type: 'insert', id, vector: new Float32Array(40) }) as const
const open = (disk: SimulatedDisk): Promise<Wal> => Wal.open({ directory: DIRECTORY, disk })

async function idsIn(wal: Wal): Promise<string[]> {
  const ids: string[] = []
  for await (const { entry } of wal.read()) if ('id' in entry) ids.push(entry.id)
  return ids
}

test('what a full disk refused stays away, also when there is no space for the next segment at first', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await open(disk)
  await wal.append(insert('kept'))
  let writes = 0
  disk.onOperation = ({ kind, path }) => {
    // The group lands in part, then the disk is full, for the segment that is to follow as well.
    if (kind === 'write' && path.includes('segment-0000000001'))
      return writes++ === 0 ? { bytes: 300 } : writes === 2 ? { code: 'ENOSPC' } : undefined
    return kind === 'create' ? { code: 'ENOSPC' } : undefined
  }
  const refused = await Promise.allSettled(['r1', 'r2', 'r3', 'r4'].map((id) => wal.append(insert(id))))
  for (const outcome of refused)
    assert.equal(outcome.status === 'rejected' && (outcome.reason as WalError).fate, 'not-logged')
  await assert.rejects(wal.append(insert('also-refused')), { code: 'WALV_DISK_FULL' })
  disk.onOperation = undefined
  await wal.append(insert('x1'))
  for (const left of [disk.kill(), disk.crash('everything'), disk.crash('nothing')]) {
    assert.deepEqual(await idsIn(await open(left)), ['kept', 'x1'])
  }
})

test('a log whose only segment was zeroed is not taken for a new one', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await open(disk)
  await wal.append(insert('a'))
  await wal.close()
  for (let sector = 0; sector < 8; sector++) disk.zeroSector(`${DIRECTORY}/segment-0000000001.walv`, sector)
  for (const recovery of ['strict', 'salvage', 'repair'] as const) {
    await assert.rejects(Wal.open({ directory: DIRECTORY, disk: disk.kill(), recovery }), {
      code: 'WALV_DAMAGED',
    })
  }
})

test('a segment that is missing where a snapshot holds it is told, and nothing else is touched', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await Wal.open({ directory: DIRECTORY, disk, segmentMaxBytes: 64 * 1024 })
  for (let number = 0; number < 300; number++)
    await wal.append({ type: 'insert', id: `id-${number}`, vector: new Float32Array(500) })
  await wal.checkpoint({ seq: wal.lastSeq, snapshot: async () => null })
  await wal.close()
  await disk.remove(`${DIRECTORY}/segment-0000000003.walv`)
  const again = await open(disk)
  assert.deepEqual(
    again.recovery.damage.map(({ kind, acknowledged }) => [kind, acknowledged]),
    [['missing-segment', false]],
  )
  await again.close()
  const names = (await disk.list(DIRECTORY)).map(({ name }) => name)
  assert.ok(
    names.includes('segment-0000000001.walv') && names.includes('segment-0000000002.walv'),
    names.join(),
  )
})

test('an idle log promises its records also while a transaction is open', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await open(disk)
  await wal.append(insert('a'))
  wal.begin().insert('b', [1])
  await new Promise((resolve) => setTimeout(resolve, 500))
  const reader = await Wal.open({ directory: DIRECTORY, disk, readOnly: true })
  assert.equal(reader.durableSeq, 2)
  await wal.close()
})

test('a segment under another name is foreign, and not taken for an unfinished one', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await open(disk)
  await wal.append(insert('a'))
  await wal.close()
  const renamed = disk.kill()
  await renamed.rename(`${DIRECTORY}/segment-0000000001.walv`, `${DIRECTORY}/segment-0000000009.walv`)
  for (const recovery of ['salvage', 'repair'] as const) {
    await assert.rejects(Wal.open({ directory: DIRECTORY, disk: renamed, recovery }))
  }
  assert.ok((await renamed.list(DIRECTORY)).some(({ name }) => name === 'segment-0000000009.walv'))
})

test('a record that stood in another segment under the same number is not taken for the one that stands here', async () => {
  const before = new SimulatedDisk({ seed: 1 })
  await (await open(before)).append(insert('first'))
  // Two fates of one log: in the first the next record is written to the old segment, in the second
  // to a new one.
  const old = before.kill()
  const disk = before.kill()
  const one = await open(old)
  await one.append(insert('stale'))
  await one.close()
  const oneMore = await open(disk)
  await oneMore.close()
  const other = await open(disk)
  await other.append(insert('fresh'))
  await other.close()
  await graft(old, 'stale', disk, 'fresh')
  await assert.rejects(open(disk), { code: 'WALV_DAMAGED' })
  const salvaged = await Wal.open({ directory: DIRECTORY, disk, readOnly: true, recovery: 'salvage' })
  assert.deepEqual(await idsIn(salvaged), ['first'])
})

/** Puts the frame of one record in the place of another's of the same length, on another disk. */
async function graft(from: SimulatedDisk, id: string, to: SimulatedDisk, replaced: string): Promise<void> {
  const source = await frameWith(from, id)
  const target = await frameWith(to, replaced)
  const file = await to.open(target.path, 'write')
  await file.write(source.bytes, target.offset)
  await file.sync()
}

const FRAME_BYTES = 40 + 184

async function frameWith(
  disk: SimulatedDisk,
  id: string,
): Promise<{ path: string; offset: number; bytes: Buffer }> {
  for (const { name } of await disk.list(DIRECTORY)) {
    const path = `${DIRECTORY}/${name}`
    if (!name.endsWith('.walv')) continue
    const file = await disk.open(path, 'read')
    const content = Buffer.alloc(await file.size())
    await file.read(content, 0)
    const offset = content.indexOf(id) - 40 - 12 - 40 * 4
    if (offset > 0) return { path, offset, bytes: content.subarray(offset, offset + FRAME_BYTES) }
  }
  throw new Error(`there is no ${id}`)
}

test('a frame whose length was changed is no frame: the sum of its header covers the length', () => {
  const memory = byteBuffer(64)
  const header = {
    type: FRAME_TYPES.delete,
    payloadBytes: 16,
    seq: 3,
    durableBefore: 2,
    timestamp: 1,
    flags: 0,
  }
  CODEC.sealFrame(memory, 0, header, 0)
  assert.deepEqual(CODEC.readHeader(memory, 0, 0), header)
  for (let bit = 0; bit < 32; bit++) {
    memory.bytes[4 + (bit >> 3)]! ^= 1 << (bit & 7)
    assert.equal(CODEC.readHeader(memory, 0, 0), undefined, `bit ${bit}`)
    memory.bytes[4 + (bit >> 3)]! ^= 1 << (bit & 7)
  }
})

/**
 * Repairs a log of one segment whose first record is damaged; the one operation that `chosen` likes
 * fails.
 */
async function repairFailing(chosen: (operation: Operation) => boolean): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await open(disk)
  for (const id of ['a', 'b', 'c']) await wal.append(insert(id))
  await wal.close()
  disk.flipBit(`${DIRECTORY}/segment-0000000001.walv`, 1_100)
  let failed = false
  disk.onOperation = (operation) => {
    if (failed || !chosen(operation)) return undefined
    failed = true
    return { code: 'EIO' }
  }
  await assert.rejects(Wal.open({ directory: DIRECTORY, disk, recovery: 'repair' }))
  disk.onOperation = undefined
  assert.ok(failed)
  return disk
}

test('a repair that fails while it writes a segment anew leaves the damaged one where it was', async () => {
  const disk = await repairFailing(
    ({ kind, path }) => kind === 'write' && path.endsWith('log/segment-0000000001.walv.tmp'),
  )
  const repaired = await Wal.open({ directory: DIRECTORY, disk, recovery: 'repair' })
  assert.deepEqual(await idsIn(repaired), ['b', 'c'])
})

test('a copy in quarantine whose name was perhaps not made durable is not relied on', async () => {
  const disk = await repairFailing(
    ({ kind, path }) => kind === 'syncDirectory' && path.endsWith('quarantine'),
  )
  await (await Wal.open({ directory: DIRECTORY, disk, recovery: 'repair' })).close()
  const names = await disk.crash('nothing').list(`${DIRECTORY}/quarantine`)
  assert.equal(names.length, 1)
})

test('of a conversion whose last sync failed, nothing is left', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  await disk.makeDirectory('/data')
  const writer = await V1Writer.create(disk, '/data/v1')
  await writer.append(0n, { type: 'delete', id: 'a', timestamp: 1n })
  await writer.close()
  let named = false
  disk.onOperation = ({ kind, to }) => {
    if (kind === 'rename' && to === '/data/v2') named = true
    return named && kind === 'syncDirectory' ? { code: 'EIO' } : undefined
  }
  await assert.rejects(convertToV2({ from: '/data/v1', to: '/data/v2', disk }), { code: 'WALV_IO' })
  assert.deepEqual(
    (await disk.list('/data')).map(({ name }) => name),
    ['v1'],
  )
})

test('a conversion does not mind that a file it has read cannot be closed', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  await disk.makeDirectory('/data')
  const writer = await V1Writer.create(disk, '/data/v1')
  await writer.append(0n, { type: 'delete', id: 'a', timestamp: 1n })
  await writer.close()
  disk.onOperation = ({ kind, path }) =>
    kind === 'close' && path.startsWith('/data/v1') ? { code: 'EIO' } : undefined
  assert.equal((await convertToV2({ from: '/data/v1', to: '/data/v2', disk })).records, 1)
})
