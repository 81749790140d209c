import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  brief,
  collect,
  type Damage,
  DIRECTORY,
  namesOn,
  openOn,
  putFile,
  refusal,
  SimulatedDisk,
  segmentAt,
  segmentOf,
  type WalError,
  watermarkOf,
} from '../../support/kit.ts'
import {
  checkpoint,
  checkpointOf,
  damageOf,
  deletion,
  fileOf,
  logOfTwoCheckpoints,
  nameOf,
  putSnapshot,
  reader,
  spoilSnapshot,
} from './checkpointed-log.ts'

test('the newest checkpoint whose snapshot verifies is the one to start from', async () => {
  const disk = await logOfTwoCheckpoints()
  const wal = await reader(disk)
  assert.deepEqual(
    [wal.lastCheckpoint, wal.recovery.snapshotSeq, wal.recovery.damage],
    [checkpointOf(1), 1, []],
  )
  assert.deepEqual([wal.recovery.checkpoints, wal.stats().checkpoints], [2, 2])
  assert.equal(Buffer.concat(await collect(wal.snapshot!.read('state'))).toString(), 'state 1')
})

test('an older snapshot is not looked at as long as a newer one verifies', async () => {
  const disk = await logOfTwoCheckpoints()
  await spoilSnapshot(disk, 0)
  const from = disk.ops.length
  const wal = await reader(disk)
  assert.deepEqual([wal.recovery.snapshotSeq, wal.recovery.damage], [1, []])
  assert.ok(disk.ops.slice(from).every(({ path }) => !path.includes(nameOf(0))))
})

test('a snapshot that does not verify is told, and the one before it is used', async () => {
  const disk = await logOfTwoCheckpoints()
  await spoilSnapshot(disk, 1)
  const wal = await reader(disk)
  assert.deepEqual([wal.lastCheckpoint, wal.stats().checkpoints], [checkpointOf(0), 1])
  assert.deepEqual(wal.recovery.damage, [
    {
      kind: 'snapshot',
      file: `snapshots/${nameOf(1)}`,
      offset: 0,
      bytes: 7,
      acknowledged: false,
      seqs: [],
      ids: [],
      detail:
        'The snapshot through record 1 does not verify: the content of state does not match its hash. An earlier snapshot, or the log alone, is used instead.',
    },
  ])
  const writer = await openOn(disk)
  assert.deepEqual(writer.recovery.quarantined, [`${DIRECTORY}/quarantine/${nameOf(1)}`])
  assert.deepEqual(await namesOn(disk, `${DIRECTORY}/snapshots`), [nameOf(0)])
  await writer.close()
  const again = await openOn(disk)
  assert.deepEqual(
    [again.recovery.damage, again.recovery.quarantined],
    [[], []],
    'what was put aside was told then',
  )
  await again.close()
})

test('a snapshot that is not there is told, unless it was put aside before', async () => {
  const disk = await logOfTwoCheckpoints()
  await disk.remove(`${DIRECTORY}/snapshots/${nameOf(1)}`)
  const [told, ...others] = await damageOf(disk)
  assert.deepEqual([told!.kind, told!.acknowledged, others], ['snapshot', false, []])
  assert.match(told!.detail, /^The snapshot through record 1 does not verify: state is not there\./)
  await putFile(disk, `${DIRECTORY}/quarantine/${nameOf(1)}/state`, Buffer.from('x'))
  assert.deepEqual(await damageOf(disk), [])
})

test('a snapshot that is not there is told again and again, until a repair notes it', async () => {
  const disk = await logOfTwoCheckpoints()
  await disk.remove(`${DIRECTORY}/snapshots/${nameOf(1)}`)
  for (const [recovery, told] of [
    ['strict', ['snapshot false']],
    ['salvage', ['snapshot false']],
    ['repair', ['snapshot false']],
    ['strict', []],
  ] as const) {
    const wal = await openOn(disk, { recovery })
    assert.deepEqual(
      [wal.recovery.damage.map(brief), wal.recovery.quarantined, wal.recovery.snapshotSeq],
      [told, [], 0],
    )
    await wal.close()
  }
  assert.deepEqual(await namesOn(disk.crash('nothing'), `${DIRECTORY}/quarantine`), [nameOf(1)])
})

test('a snapshot that does not verify is told, also if one of its name was put aside before', async () => {
  const disk = await logOfTwoCheckpoints()
  await putFile(disk, `${DIRECTORY}/quarantine/${nameOf(1)}/state`, Buffer.from('x'))
  await spoilSnapshot(disk, 1)
  assert.deepEqual((await damageOf(disk)).map(brief), ['snapshot false'])
})

test('with no snapshot that verifies everything is replayed from the log, if it begins with record 0', async () => {
  const disk = await logOfTwoCheckpoints()
  for (const through of [0, 1]) await spoilSnapshot(disk, through)
  const wal = await reader(disk)
  assert.deepEqual(
    [wal.lastCheckpoint, wal.recovery.snapshotSeq, wal.stats().checkpoints],
    [undefined, undefined, 0],
  )
  assert.deepEqual(
    wal.recovery.damage.map(({ file }) => file),
    [`snapshots/${nameOf(1)}`, `snapshots/${nameOf(0)}`],
  )
})

test('a snapshot that cannot be read now is told as that, not put aside, and not removed', async () => {
  const disk = await logOfTwoCheckpoints()
  const unreadable = (path: string): boolean => path === fileOf(1)
  disk.onOperation = ({ kind, path }) => (kind === 'read' && unreadable(path) ? { code: 'EIO' } : undefined)
  const wal = await openOn(disk)
  assert.deepEqual(wal.recovery.damage.map(brief), ['unreadable false'])
  assert.equal(
    wal.recovery.damage[0]!.detail,
    'The snapshot through record 1 does not verify: the disk cannot read state. An earlier snapshot, or the log alone, is used instead.',
  )
  assert.deepEqual([wal.recovery.quarantined, wal.recovery.snapshotSeq], [[], 0])
  assert.deepEqual(await namesOn(disk, `${DIRECTORY}/snapshots`), [nameOf(0), nameOf(1)])
  await wal.close()
})

test('a checkpoint that names no snapshot is a record and nothing else', async () => {
  const disk = new SimulatedDisk()
  await putFile(
    disk,
    segmentAt(1),
    segmentOf({}, (seed) => [
      deletion(0, seed),
      checkpoint(1, { ...checkpointOf(0), snapshot: null }, seed),
      watermarkOf(2, seed),
    ]),
  )
  const wal = await reader(disk)
  assert.deepEqual([wal.lastCheckpoint, wal.stats().checkpoints, wal.recovery.checkpoints], [undefined, 0, 1])
})

test('a log that begins later than with record 0 needs a snapshot that reaches to its beginning', async () => {
  const disk = await logOfTwoCheckpoints(7)
  assert.equal((await reader(disk)).recovery.snapshotSeq, 8)
  await spoilSnapshot(disk, 8)
  assert.equal((await reader(disk)).recovery.snapshotSeq, 7)
  await spoilSnapshot(disk, 7)
  await assert.rejects(reader(disk), (error: WalError) => {
    const lost = (error.detail as Damage[]).at(-1)!
    assert.deepEqual(lost, {
      kind: 'missing-segment',
      file: 'segment-0000000001.walv',
      offset: 0,
      bytes: 0,
      acknowledged: true,
      seqs: [{ from: 0, through: 6 }],
      ids: [],
      detail:
        'segment-0000000001.walv at offset 0: the log begins with record 7, and no snapshot that verifies holds what came before; acknowledged records 0 to 6 are lost.',
    })
    return refusal('WALV_DAMAGED')(error)
  })
})

test('a beginning that only an unreadable snapshot holds is told as that', async () => {
  const disk = await logOfTwoCheckpoints(7)
  disk.onOperation = ({ kind, path }) =>
    kind === 'read' && path.includes('snapshots') ? { code: 'EIO' } : undefined
  const lostIn = async (): Promise<string> =>
    (await damageOf(disk)).find(({ kind }) => kind === 'missing-segment')!.detail
  const reason = /begins with record 7, and the snapshot that holds what came before cannot be read now;/
  assert.match(await lostIn(), reason)
  disk.onOperation = ({ kind, path }) => (kind === 'read' && path === fileOf(7) ? { code: 'EIO' } : undefined)
  await spoilSnapshot(disk, 8)
  assert.match(await lostIn(), reason, 'one of two is enough')
})

test('a lost beginning was acknowledged, whatever the log promises', async () => {
  const disk = new SimulatedDisk()
  const content = segmentOf({ firstSeq: 5, durableBefore: 0 }, (seed) => [deletion(5, seed, 0)])
  await putFile(disk, segmentAt(1), content)
  assert.deepEqual((await damageOf(disk)).map(brief), ['missing-segment 0..4 true'])
})

test('a snapshot whose replay begins before the log does is of no use', async () => {
  for (const [replayFrom, used] of [
    [4, false],
    [5, true],
    [6, true],
  ] as const) {
    const disk = new SimulatedDisk()
    await putFile(
      disk,
      segmentAt(1),
      segmentOf({ firstSeq: 5, durableBefore: 5 }, (seed) => [
        deletion(5, seed),
        checkpoint(6, checkpointOf(5, replayFrom), seed),
        watermarkOf(7, seed),
      ]),
    )
    await putSnapshot(disk, 5)
    assert.equal((await reader(disk, 'salvage')).recovery.snapshotSeq, used ? 5 : undefined)
    if (used) await reader(disk)
    else await assert.rejects(reader(disk), refusal('WALV_DAMAGED'))
  }
})

test('checkpoints that a retention no longer reaches are not counted among those that can be used', async () => {
  const disk = new SimulatedDisk()
  await putFile(
    disk,
    segmentAt(1),
    segmentOf({ firstSeq: 5, durableBefore: 5 }, (seed) => [
      checkpoint(5, checkpointOf(2), seed),
      checkpoint(6, checkpointOf(4), seed),
      checkpoint(7, checkpointOf(6), seed),
      watermarkOf(8, seed),
    ]),
  )
  for (const through of [2, 4, 6]) await putSnapshot(disk, through)
  const wal = await reader(disk)
  assert.deepEqual(
    [wal.stats().checkpoints, wal.recovery.checkpoints],
    [2, 3],
    'replay from 5 is just in reach',
  )
})
