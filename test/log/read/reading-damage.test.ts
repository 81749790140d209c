import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  collect,
  type Damage,
  frameOfEntry,
  framesOn,
  openOn,
  putFile,
  refusal,
  SimulatedDisk,
  segmentAt,
  segmentOf,
  WalError,
  watermarkOf,
} from '../../support/kit.ts'
import { fiveSegments, senselessLog, seqsOf, spoil } from './logs-to-read.ts'

test('damage that came after opening is an error at its place, and names what is lost', async () => {
  const disk = await fiveSegments()
  const wal = await openOn(disk, { readOnly: true })
  await spoil(disk, 3, 5)
  const found: number[] = []
  const error = await (async () => {
    for await (const { seq } of wal.read()) found.push(seq)
  })().catch((reason: WalError) => reason)
  assert.ok(error instanceof WalError && refusal('WALV_DAMAGED')(error))
  assert.deepEqual(found, [0, 1, 2, 3, 4])
  const at = (await framesOn(disk, 3)).find(({ seq }) => seq === 5)!.at
  assert.deepEqual([error.file, error.offset], ['segment-0000000003.walv', at])
  assert.equal(
    error.message,
    `segment-0000000003.walv at offset ${at}: the content does not match its checksum; acknowledged record 5 is lost. Reading stopped there. See everything with: npx walv doctor.`,
  )
  assert.deepEqual(
    (error.detail as Damage[]).map(({ seqs }) => seqs),
    [[{ from: 5, through: 5 }]],
  )
  assert.deepEqual(
    seqsOf(await collect(wal.read({ from: 6 }))),
    [6, 7, 8, 9],
    'reading behind it is not concerned',
  )
  await assert.rejects(collect(wal.read({ from: 5 })), refusal('WALV_DAMAGED'))
})

test('a reading that begins behind what is lost, in the same segment, is not concerned', async () => {
  const disk = await fiveSegments()
  const wal = await openOn(disk, { readOnly: true })
  await spoil(disk, 3, 4)
  assert.deepEqual(seqsOf(await collect(wal.read({ from: 5 }))), [5, 6, 7, 8, 9])
})

test('a bad place that lost no record does not end a reading', async () => {
  const disk = new SimulatedDisk()
  await putFile(
    disk,
    segmentAt(1),
    segmentOf({}, (seed) => [
      frameOfEntry({ type: 'delete', id: 'a' }, { seq: 0 }, seed),
      Buffer.alloc(64, 1),
      frameOfEntry({ type: 'delete', id: 'b' }, { seq: 1 }, seed),
      watermarkOf(2, seed),
    ]),
  )
  const wal = await openOn(disk, { readOnly: true })
  assert.deepEqual(
    wal.recovery.damage.map(({ kind, acknowledged }) => [kind, acknowledged]),
    [['corrupt', false]],
  )
  assert.deepEqual(seqsOf(await collect(wal.read())), [0, 1])
})

test("with 'salvage' a reading passes over what is lost", async () => {
  const disk = await fiveSegments()
  await spoil(disk, 3, 4)
  const wal = await openOn(disk, { readOnly: true, recovery: 'salvage' })
  assert.deepEqual(seqsOf(await collect(wal.read())), [0, 1, 2, 3, 5, 6, 7, 8, 9])
  assert.deepEqual(seqsOf(await collect(wal.read({ from: 4 }))), [5, 6, 7, 8, 9])
})

test('a record that verifies and makes no sense is damage at its place, passed over with salvage', async () => {
  const disk = await senselessLog()
  const wal = await openOn(disk, { readOnly: true })
  assert.deepEqual(wal.recovery.damage, [], 'only its reader sees it')
  await assert.rejects(collect(wal.read()), (error: WalError) => {
    assert.deepEqual(error.detail, [
      {
        kind: 'corrupt',
        file: 'segment-0000000001.walv',
        offset: 1080,
        bytes: 48,
        acknowledged: true,
        seqs: [{ from: 1, through: 1 }],
        ids: [],
        detail: 'segment-0000000001.walv at offset 1080: record 1 verifies but has no room for its fields.',
      },
    ])
    return refusal('WALV_DAMAGED')(error)
  })
  const salvaged = await openOn(disk, { readOnly: true, recovery: 'salvage' })
  assert.deepEqual(seqsOf(await collect(salvaged.read())), [0, 2])
})
