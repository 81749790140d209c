/** Defects of the original around limits. The numbers are those of the list of its defects. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeDisk } from '../../src/disk/node-disk.ts'
import { FRAME_TYPES } from '../../src/format/frame.ts'
import { recoverV1 } from '../../src/v1/mod.ts'
import {
  collect,
  craftSegment,
  type EntryInput,
  idsIn,
  idsOf,
  insert,
  MAX_BATCH_NESTING,
  openWal,
  refusal,
  temporaryDirectory,
} from '../support/kit.ts'
import { collect as collectV1, loadFixture, seqs } from '../v1/helpers.ts'

function nested(depth: number): EntryInput {
  let entry: EntryInput = insert('inside')
  for (let level = 0; level < depth; level++) entry = { type: 'batch', entries: [entry] }
  return entry
}

test('defect 12: a batch nested 40 000 deep is refused, one as deep as the limit is kept', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  for (const depth of [40_000, MAX_BATCH_NESTING + 1])
    await assert.rejects(wal.append(nested(depth)), refusal('WALV_LIMIT'))
  assert.equal(await wal.append(nested(MAX_BATCH_NESTING)), 0)
  await wal.close()
  const again = await openWal(t, { directory })
  assert.deepEqual(
    (await collect(again.read())).map(({ entry }) => entry),
    [nested(MAX_BATCH_NESTING)],
  )
})

/** What a batch of batches would be on disk: count, then type and length of its one member. */
function nestedPayload(depth: number): Buffer {
  const payload = Buffer.alloc(16 * depth + 8)
  for (let level = 0; level < depth; level++) {
    payload.writeUInt32LE(1, 16 * level)
    payload.writeUInt32LE(FRAME_TYPES.batch, 16 * level + 8)
    payload.writeUInt32LE(payload.length - 16 * (level + 1), 16 * level + 12)
  }
  return payload
}

test('defect 12: a batch nested 40 000 deep that is in the log all the same is damage, not a crash', async (t) => {
  const directory = await temporaryDirectory(t)
  await craftSegment(directory, [
    { type: FRAME_TYPES.batch, payload: nestedPayload(2) },
    { type: FRAME_TYPES.batch, payload: nestedPayload(40_000) },
    { type: FRAME_TYPES.batch, payload: nestedPayload(1) },
  ])
  const strict = await openWal(t, { directory, readOnly: true })
  await assert.rejects(collect(strict.read()), refusal('WALV_DAMAGED'))
  const salvage = await openWal(t, { directory, readOnly: true, recovery: 'salvage' })
  assert.deepEqual(
    (await collect(salvage.read())).map(({ seq }) => seq),
    [0, 2],
  )
})

test('defect 12, v1: a batch nested 100 000 deep is damage, not a crash', async () => {
  const { directory, records } = loadFixture('crafted_deep_batch_100000')
  const found = await collectV1(recoverV1(nodeDisk, directory, { policy: 'salvage' }))
  const readable = records.filter(({ entry }) => entry !== undefined)
  assert.deepEqual(
    seqs(found),
    readable.map(({ seq }) => Number(seq)),
  )
  assert.equal(found.damages.length, 1)
})

test('defect 15: an entry of 105 MB is refused when it is appended, and the log goes on', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await wal.append(insert('before'))
  const large = 105_000_000
  const entries: EntryInput[] = [
    { type: 'insert', id: 'vector', vector: new Float32Array(large / 4) },
    { type: 'insert', id: 'metadata', vector: [1], metadata: 'x'.repeat(large) },
    { type: 'insert', id: 'x'.repeat(large), vector: [1] },
    { type: 'custom', kind: 'large', data: new Uint8Array(large) },
    {
      type: 'batch',
      entries: Array.from({ length: 420 }, () => ({ ...insert('a'), vector: new Float32Array(62_500) })),
    },
  ]
  for (const entry of entries) await assert.rejects(wal.append(entry), refusal('WALV_LIMIT'))
  assert.equal(await wal.append(insert('after')), 1)
  assert.deepEqual(await idsIn(wal), ['before', 'after'])
  await wal.close()
  assert.deepEqual(await idsOf(directory), ['before', 'after'])
})
