import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRAME_TYPES } from '../../../src/format/frame.ts'
import {
  brief,
  collect,
  crafted,
  customOf,
  DIRECTORY,
  frameOfEntry,
  frameOfPayload,
  idsIn,
  insert,
  MAX_SEQUENCE,
  namesOn,
  openOn,
  pictureOf,
  putFile,
  refusal,
  SimulatedDisk,
  START,
  segmentAt,
  segmentOf,
  type WalError,
  watermarkOf,
} from '../../support/kit.ts'
import { deletion, segmentsOn } from './opened-segments.ts'

const KIB = 1024

test('what earlier processes left unfinished is removed: temporary files, superseded and unused segments', async () => {
  const disk = await crafted((seed) => [deletion(0, seed), watermarkOf(1, seed)], { number: 3, previous: 0 })
  await putFile(disk, segmentAt(1), segmentOf({ number: 1 }))
  await putFile(disk, segmentAt(4), Buffer.alloc(4096))
  for (const name of ['segment-0000000009.walv.tmp', 'mine.tmp', 'mine.walv.tmp'])
    await putFile(disk, `${DIRECTORY}/${name}`, Buffer.from('left'))
  const wal = await openOn(disk)
  assert.deepEqual(await namesOn(disk), ['LOCK', 'mine.tmp', 'mine.walv.tmp', 'segment-0000000005.walv'])
  assert.deepEqual(await namesOn(disk.crash('nothing')), [
    'LOCK',
    'mine.tmp',
    'mine.walv.tmp',
    'segment-0000000005.walv',
  ])
  assert.deepEqual([wal.recovery.damage, await idsIn(wal)], [[], ['id-0']])
  await wal.close()
})

test('transactions that were open are aborted in the log, a prepared one is not', async () => {
  const disk = await crafted((seed) => [
    ...[0, 1, 2, 3].map((id) =>
      frameOfEntry({ type: 'beginTransaction' }, { seq: id, transactionId: id }, seed),
    ),
    frameOfEntry({ type: 'abortTransaction' }, { seq: 4, transactionId: 2 }, seed),
    frameOfEntry({ type: 'prepareTransaction' }, { seq: 5, transactionId: 0 }, seed),
  ])
  const wal = await openOn(disk)
  assert.deepEqual(wal.recovery.transactions, { committed: 0, aborted: 3, inDoubt: [0] })
  const aborts = await collect(wal.read({ from: 6 }))
  assert.deepEqual(
    aborts.map(({ entry, transactionId }) => [entry.type, transactionId]),
    [
      ['abortTransaction', 1],
      ['abortTransaction', 3],
    ],
  )
  assert.deepEqual(
    [wal.durableSeq, wal.inDoubt.map(({ id }) => id), wal.stats().openTransactions],
    [7, [0], 1],
  )
  await wal.close()
})

test('the report tells what was read', async () => {
  const disk = await crafted(
    (seed) => [
      deletion(0, seed, { timestamp: START }),
      frameOfEntry({ type: 'gap', throughSeq: 4 }, { seq: 1 }, seed),
      deletion(5, seed),
      watermarkOf(6, seed, 2),
      watermarkOf(6, seed, 2),
    ],
    { capacity: 8192 },
  )
  const started = performance.now()
  const { durationMs, ...report } = (await openOn(disk, { readOnly: true })).recovery
  const elapsed = performance.now() - started
  assert.deepEqual(report, {
    entries: 3,
    bytes: 56 + 48 + 56,
    segments: 1,
    lastSeq: 5,
    transactions: { committed: 0, aborted: 0, inDoubt: [] },
    checkpoints: 0,
    snapshotSeq: undefined,
    damage: [],
    gaps: [{ from: 1, through: 4 }],
    incompleteTransactions: [],
    closedInOrder: true,
    reproved: 0,
    quarantined: [],
  })
  assert.ok(durationMs > 0 && durationMs <= elapsed)
})

test('a gap that says what none can say is damage', async () => {
  for (const [bytes, through, isGap] of [
    [8, 1n, true],
    [8, BigInt(MAX_SEQUENCE), true],
    [8, 0n, false],
    [8, BigInt(MAX_SEQUENCE) + 1n, false],
    [16, 1n, false],
  ] as const) {
    const payload = Buffer.alloc(bytes)
    payload.writeBigUInt64LE(through)
    const disk = await crafted((seed) => [
      deletion(0, seed),
      frameOfPayload(payload, { type: FRAME_TYPES.gap, seq: 1 }, seed),
      deletion(2, seed),
      watermarkOf(3, seed),
    ])
    const { damage, gaps } = (await openOn(disk, { readOnly: true, recovery: 'salvage' })).recovery
    assert.deepEqual(gaps, isGap ? [{ from: 1, through: Number(through) }] : [], `${bytes} bytes, ${through}`)
    if (isGap) continue
    assert.deepEqual(damage[0]?.seqs, [{ from: 1, through: 1 }])
    assert.match(damage[0].detail, /the content does not match its checksum/)
  }
})

test('a reader sees what is promised, and tells how far; it closes every file and takes no lock', async () => {
  const disk = await crafted((seed) => [deletion(0, seed), deletion(1, seed, { durableBefore: 1 })])
  const before = await pictureOf(disk)
  const wal = await openOn(disk, { readOnly: true })
  assert.deepEqual([wal.lastSeq, wal.durableSeq], [1, 0])
  assert.deepEqual(wal.stats(), {
    firstSeq: 0,
    lastSeq: 1,
    durableSeq: 0,
    segments: 1,
    bytes: 16 * KIB,
    pendingBytes: 0,
    groups: 0,
    syncs: 0,
    bytesWritten: 0,
    rotations: 0,
    lastSyncMs: 0,
    medianSyncMs: undefined,
    openTransactions: 0,
    checkpoints: 0,
    lastCheckpointAt: undefined,
    checkpointAgeMs: undefined,
    poisoned: false,
    upkeepFailures: 0,
    lastUpkeepError: undefined,
  })
  assert.deepEqual(wal.inDoubt, [])
  assert.equal(wal.lastCheckpoint, undefined)
  for (const work of [
    () => wal.append(insert('a')),
    () => wal.appendBatch([]),
    async () => wal.submit(insert('a')),
    async () => wal.begin(),
    () => wal.flush(),
    () => wal.checkpoint({ seq: 0, snapshot: async () => null }),
  ])
    await assert.rejects(work, (error: WalError) => {
      assert.equal(
        error.message,
        'The log in /data/log is open read-only. Open it without readOnly to change it. Nothing was logged.',
      )
      return refusal('WALV_READ_ONLY', 'not-logged')(error)
    })
  await wal.close()
  assert.throws(() => wal.read(), refusal('WALV_CLOSED', 'not-logged'))
  assert.deepEqual(await pictureOf(disk), before)
  const of = (kind: string): number => disk.ops.filter((each) => each.kind === kind).length
  assert.equal(of('lock'), 0)
})

test('a closed log refuses everything and says so', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk)
  await wal.append(insert('a'))
  const closing = wal.close()
  assert.equal(wal.close(), closing)
  for (const work of [() => wal.submit(insert('b')), () => wal.begin(), () => wal.read(), () => wal.replay()])
    assert.throws(work, (error: WalError) => {
      assert.equal(error.message, 'The log in /data/log is closed. Open it again. Nothing was logged.')
      return refusal('WALV_CLOSED', 'not-logged')(error)
    })
  await closing
  await assert.rejects(wal.append(insert('b')), refusal('WALV_CLOSED'))
  await assert.rejects(wal.flush(), refusal('WALV_CLOSED'))
})

test('progress is told in bytes, up to all of them', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { segmentMaxBytes: 64 * KIB })
  for (let count = 0; count < 5; count++) await wal.append(customOf(200 * KIB))
  await wal.close()
  const told: [number, number][] = []
  const reader = await openOn(disk, { readOnly: true, onProgress: (done, total) => told.push([done, total]) })
  const { bytes } = reader.stats()
  assert.equal(told.length, reader.stats().segments)
  assert.ok(told.every(([, total]) => total === bytes))
  assert.deepEqual(told.at(-1), [bytes, bytes])
  assert.deepEqual(
    told,
    told.toSorted(([a], [b]) => a - b),
  )
})

test('a directory without a segment, but with what is named like one, is an empty log', async () => {
  for (const recovery of ['strict', 'salvage', 'repair'] as const) {
    const disk = new SimulatedDisk()
    await putFile(disk, `${segmentAt(9)}/file`, Buffer.from('mine'))
    const wal = await openOn(disk, { recovery })
    assert.deepEqual([wal.recovery.damage.map(brief), wal.lastSeq], [['foreign false'], -1])
    assert.deepEqual(await segmentsOn(disk), ['segment-0000000009.walv', 'segment-0000000010.walv'])
    await wal.close()
  }
})

test('a directory is found by a relative path too, and told as an absolute one', async () => {
  const disk = new SimulatedDisk()
  const wal = await openOn(disk, { directory: 'relative/log' })
  assert.equal(wal.directory, `${process.cwd()}/relative/log`)
  await wal.close()
})
