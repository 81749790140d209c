import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { type CheckpointEntry, type Damage, WalError } from '../../../src/mod.ts'
import { SimulatedDisk } from '../../../src/testing/disk/simulated-disk.ts'
import { frameOfEntry, promiseOf, segmentOf } from '../../support/frames.ts'
import { brief, collect, refusal } from '../../support/logs.ts'
import { alterOn, DIRECTORY, namesOn, openOn, putFile, segmentAt } from '../../support/simulated-log.ts'

const deletion = (seq: number, seed: number, durableBefore = seq): Buffer =>
  frameOfEntry({ type: 'delete', id: `id-${seq}` }, { seq, durableBefore }, seed)

const nameOf = (through: number): string => `snapshot-${String(through).padStart(16, '0')}`

/** The checkpoint through a record, with a snapshot of one file. */
const checkpointOf = (through: number, replayFrom = through + 1): CheckpointEntry => {
  const content = `state ${through}`
  const sha256 = createHash('sha256').update(content).digest('hex')
  const files = [{ name: 'state', bytes: content.length, sha256 }]
  return {
    type: 'checkpoint',
    sequenceNumber: through,
    replayFrom,
    snapshot: { name: nameOf(through), files, info: null },
  }
}

const checkpoint = (seq: number, entry: CheckpointEntry, seed: number): Buffer =>
  frameOfEntry(entry, { seq, durableBefore: seq }, seed)

const fileOf = (through: number): string => `${DIRECTORY}/snapshots/${nameOf(through)}/state`

const putSnapshot = (disk: SimulatedDisk, through: number): Promise<void> =>
  putFile(disk, fileOf(through), Buffer.from(`state ${through}`))

/**
 * Two records, a checkpoint through each of them, and one more record: 0, 1, 2 (of 0), 3 (of 1), 4.
 */
async function logOfTwoCheckpoints(firstSeq = 0): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  const at = (offset: number): number => firstSeq + offset
  await putFile(
    disk,
    segmentAt(1),
    segmentOf({ firstSeq, durableBefore: firstSeq }, (seed) => [
      deletion(at(0), seed),
      deletion(at(1), seed),
      checkpoint(at(2), checkpointOf(at(0)), seed),
      checkpoint(at(3), checkpointOf(at(1)), seed),
      deletion(at(4), seed),
      promiseOf(at(5), seed),
    ]),
  )
  await putSnapshot(disk, at(0))
  await putSnapshot(disk, at(1))
  return disk
}

const reader = (disk: SimulatedDisk, recovery: 'strict' | 'salvage' = 'strict') =>
  openOn(disk, { readOnly: true, recovery })

const damageOf = async (disk: SimulatedDisk): Promise<readonly Damage[]> =>
  (await reader(disk, 'salvage')).recovery.damage

const spoilSnapshot = (disk: SimulatedDisk, through: number): Promise<void> =>
  alterOn(disk, fileOf(through), (content) => content.fill(0, 0, 1))

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
      promiseOf(2, seed),
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
        promiseOf(7, seed),
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
      promiseOf(8, seed),
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

/** Three segments: records 0 and 1; 2 and 3; and 4, a checkpoint through record 3, record 6. */
async function threeSegments(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk()
  await putFile(
    disk,
    segmentAt(1),
    segmentOf({}, (seed) => [deletion(0, seed), deletion(1, seed)]),
  )
  await putFile(
    disk,
    segmentAt(2),
    segmentOf({ number: 2, firstSeq: 2, durableBefore: 2 }, (seed) => [deletion(2, seed), deletion(3, seed)]),
  )
  await putFile(
    disk,
    segmentAt(3),
    segmentOf({ number: 3, firstSeq: 4, durableBefore: 4 }, (seed) => [
      deletion(4, seed),
      checkpoint(5, checkpointOf(3), seed),
      deletion(6, seed),
      promiseOf(7, seed),
    ]),
  )
  await putSnapshot(disk, 3)
  return disk
}

test('a missing segment that a snapshot makes needless is no loss: the log begins behind it, and the older files are left alone', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(2))
  for (const readOnly of [true, false]) {
    const wal = await openOn(disk, { readOnly })
    assert.deepEqual(wal.recovery.damage, [
      {
        kind: 'missing-segment',
        file: 'segment-0000000003.walv',
        offset: 0,
        bytes: 0,
        acknowledged: false,
        seqs: [],
        ids: [],
        detail:
          'A segment before record 4 is missing. A snapshot that verifies holds what it held: no vector is lost, but segment-0000000001.walv can no longer be read.',
      },
    ])
    assert.deepEqual([wal.stats().firstSeq, wal.recovery.snapshotSeq, wal.recovery.segments], [4, 3, 1])
    const found = await collect(wal.read())
    assert.deepEqual(
      found.map(({ seq }) => seq),
      [4, 5, 6],
    )
    assert.throws(() => wal.read({ from: 3 }), refusal('WALV_SEQUENCE_TRIMMED'))
    await wal.close()
  }
  assert.ok((await namesOn(disk)).includes('segment-0000000001.walv'))
})

test('a repair leaves it at that: no gap is written for what a snapshot holds', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(2))
  const wal = await openOn(disk, { recovery: 'repair' })
  const found = await collect(wal.read())
  assert.deepEqual(
    found.map(({ seq, entry }) => `${seq} ${entry.type}`),
    ['4 delete', '5 checkpoint', '6 delete'],
  )
  await wal.close()
  await (await openOn(disk)).close()
})

test('a repair behind such a hole knows what else is damaged', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(2))
  await alterOn(disk, segmentAt(3), (content) => content.fill(1, 1060, 1064))
  const wal = await openOn(disk, { recovery: 'repair' })
  assert.deepEqual(wal.recovery.damage.map(brief), ['corrupt 4..4 true', 'missing-segment false'])
  const found = await collect(wal.read())
  assert.deepEqual(
    found.map(({ seq, entry }) => `${seq} ${entry.type}`),
    ['4 gap', '5 checkpoint', '6 delete'],
  )
  await wal.close()
})

test('a repair of what is left of a beginning that is lost knows what else is damaged', async () => {
  const disk = await logOfTwoCheckpoints(7)
  for (const through of [7, 8]) await spoilSnapshot(disk, through)
  await alterOn(disk, segmentAt(1), (content) => content.fill(1, 1060, 1064))
  const wal = await openOn(disk, { recovery: 'repair' })
  const found = await collect(wal.read())
  assert.deepEqual(
    found.map(({ seq, entry }) => `${seq} ${entry.type}`),
    ['0 gap', '7 gap', '8 delete', '9 checkpoint', '10 checkpoint', '11 delete'],
  )
  await wal.close()
})

test('a missing first segment is told without naming what is left before it, as nothing is', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(1))
  await disk.remove(segmentAt(2))
  const wal = await reader(disk)
  assert.deepEqual(
    [wal.recovery.damage, wal.stats().firstSeq],
    [[], 4],
    'that is a log as retention leaves it',
  )
})

test('damage in what lies before the hole does not matter any more; damage behind it does', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(2))
  await alterOn(disk, segmentAt(1), (content) => content.fill(1, 1060, 1064))
  assert.deepEqual((await damageOf(disk)).map(brief), ['missing-segment false'])
  await alterOn(disk, segmentAt(3), (content) => content.fill(1, 1060, 1064))
  assert.deepEqual((await damageOf(disk)).map(brief), ['corrupt 4..4 true', 'missing-segment false'])
})

test('a missing segment that no snapshot makes needless is a loss', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(2))
  await spoilSnapshot(disk, 3)
  assert.deepEqual((await damageOf(disk)).map(brief), ['snapshot false', 'missing-segment 2..3 true'])
  await assert.rejects(reader(disk), refusal('WALV_DAMAGED'))
  const salvaged = await reader(disk, 'salvage')
  const found = await collect(salvaged.read())
  assert.deepEqual(
    found.map(({ seq }) => seq),
    [0, 1, 4, 5, 6],
  )
})

test('of two holes the later one is where the log begins', async () => {
  const disk = await threeSegments()
  await disk.remove(segmentAt(1))
  await putFile(
    disk,
    segmentAt(2),
    segmentOf({ number: 2, firstSeq: 1, durableBefore: 1, previous: 1 }, (seed) => [deletion(1, seed)]),
  )
  await putFile(
    disk,
    segmentAt(4),
    segmentOf({ number: 4, firstSeq: 9, durableBefore: 9, previous: 8 }, (seed) => [
      deletion(9, seed),
      checkpoint(10, checkpointOf(9), seed),
      promiseOf(11, seed),
    ]),
  )
  await putSnapshot(disk, 9)
  const wal = await reader(disk)
  assert.deepEqual([wal.stats().firstSeq, wal.recovery.damage.map(brief)], [9, ['missing-segment false']])
  assert.match(
    wal.recovery.damage[0]!.detail,
    /before record 9 is missing\. .* but segment-0000000002\.walv, segment-0000000003\.walv can no longer be read\.$/,
  )
})

test('a last segment of zeros is a log that is gone, if no other is left', async () => {
  const disk = new SimulatedDisk()
  await putFile(disk, segmentAt(3), Buffer.alloc(4096))
  assert.deepEqual(await damageOf(disk), [
    {
      kind: 'segment-header',
      file: 'segment-0000000003.walv',
      offset: 0,
      bytes: 4096,
      acknowledged: null,
      seqs: [],
      ids: [],
      detail:
        'No segment has a valid header, and segment-0000000003.walv holds nothing but zeros: what was in it is gone.',
    },
  ])
})

test('a directory with snapshots and not one segment is a log that is gone', async () => {
  const disk = new SimulatedDisk()
  await putSnapshot(disk, 1)
  assert.deepEqual(await damageOf(disk), [
    {
      kind: 'missing-segment',
      file: `snapshots/${nameOf(1)}`,
      offset: 0,
      bytes: 0,
      acknowledged: true,
      seqs: [{ from: 0, through: 1 }],
      ids: [],
      detail: `There is not one segment: the log itself is gone. snapshots/${nameOf(1)} was made when it reached to record 1.`,
    },
  ])
  for (const recovery of ['strict', 'salvage', 'repair'] as const)
    await assert.rejects(openOn(disk, { recovery }), refusal('WALV_DAMAGED'))
  await disk.remove(fileOf(1))
  await disk.remove(`${DIRECTORY}/snapshots/${nameOf(1)}`)
  assert.deepEqual(await damageOf(disk), [], 'a folder for snapshots alone says nothing')
})

test('an empty directory, or one of other files, is an empty log without damage', async () => {
  const disk = new SimulatedDisk()
  await putFile(disk, `${DIRECTORY}/README`, Buffer.from('x'))
  assert.deepEqual(await damageOf(disk), [])
})

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
