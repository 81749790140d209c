import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alterOn,
  brief,
  contentOf,
  countingClock,
  customOf,
  type Damage,
  DIRECTORY,
  DurableIndex,
  diagnose,
  emptyDirectory,
  flat,
  insert,
  namesOn,
  openOn,
  pictureOf,
  putFile,
  type SimulatedDisk,
  segmentAt,
  segmentOf,
  type Wal,
  type WalError,
} from '../../support/kit.ts'

const SNAPSHOTS = `${DIRECTORY}/snapshots`
const SNAPSHOT = 'snapshot-0000000000000007'
const POLICIES = ['strict', 'salvage', 'repair'] as const

const checkpoint = (wal: Wal, seq: number): Promise<unknown> =>
  wal.checkpoint({
    seq,
    snapshot: async (files) => {
      await files.write('state', [Buffer.from(`through ${seq}`)])
      return null
    },
  })

/**
 * Records 0 to 3 in segment 1, 4 to 7 in segment 2, where the checkpoint through 7 stands as well.
 */
async function twoSegments({ tellsOfItself = true } = {}): Promise<SimulatedDisk> {
  const disk = await emptyDirectory()
  const wal = await openOn(disk)
  for (let seq = 0; seq < 8; seq++) await wal.append(customOf(seq === 4 ? 270_000 : 1_000))
  await checkpoint(wal, 7)
  await wal.close()
  assert.deepEqual(await namesOn(disk, SNAPSHOTS), [SNAPSHOT])
  // As of a walv that did not write it.
  if (!tellsOfItself) await disk.remove(`${SNAPSHOTS}/${SNAPSHOT}/.checkpoint.json`).catch(() => {})
  return disk
}

const damageOf = async (disk: SimulatedDisk): Promise<readonly Damage[]> =>
  (await openOn(disk, { readOnly: true, recovery: 'salvage' })).recovery.damage

test('where a snapshot reaches beyond the end of the log, what is between is lost: refused, and named', async () => {
  const disk = await twoSegments()
  await disk.remove(segmentAt(2))
  const before = await pictureOf(disk)
  await assert.rejects(openOn(disk), (error: WalError) => {
    assert.equal(error.code, 'WALV_DAMAGED')
    assert.match(error.message, new RegExp(`snapshots/${SNAPSHOT} was made when it reached to record 7`))
    assert.deepEqual((error.detail as Damage[]).map(brief), ['corrupt 4..7 true'])
    return true
  })
  const { verdict, refusal, damage } = await diagnose({ directory: DIRECTORY, disk })
  assert.deepEqual(
    [verdict, refusal?.code, damage.map(brief)],
    ['loss', 'WALV_DAMAGED', ['corrupt 4..7 true']],
  )
  assert.deepEqual(
    (await pictureOf(disk)).filter(([path]) => !path.endsWith('LOCK')),
    before.filter(([path]) => !path.endsWith('LOCK')),
  )
})

test('an index whose last segment is gone does not open with fewer vectors', async () => {
  const disk = await emptyDirectory()
  const open = () =>
    DurableIndex.open({
      directory: DIRECTORY,
      disk,
      clock: countingClock(),
      index: flat({ dimensions: 60_000 }),
    })
  const index = await open()
  for (const id of ['a', 'b', 'c']) await index.insert(id, new Float32Array(60_000).fill(1))
  await index.checkpoint()
  await index.close()
  const last = (await namesOn(disk)).filter((name) => name.endsWith('.walv')).at(-1)!
  await disk.remove(`${DIRECTORY}/${last}`)
  const snapshots = await pictureOf(disk, SNAPSHOTS)
  await assert.rejects(open(), { code: 'WALV_DAMAGED' })
  assert.deepEqual(await pictureOf(disk, SNAPSHOTS), snapshots)
})

test('an index whose log is gone has every vector of its snapshot again after a repair', async () => {
  const disk = await emptyDirectory()
  const open = (recovery: 'strict' | 'repair' = 'strict') =>
    DurableIndex.open({
      directory: DIRECTORY,
      disk,
      recovery,
      clock: countingClock(),
      index: flat({ dimensions: 3 }),
    })
  const index = await open()
  for (const id of ['a', 'b', 'c']) await index.insert(id, [1, 2, 3], { id })
  await index.checkpoint()
  const fingerprint = index.fingerprint()
  await index.close()
  for (const name of (await namesOn(disk)).filter((each) => each.endsWith('.walv')))
    await disk.remove(`${DIRECTORY}/${name}`)
  for (const recovery of ['repair', 'strict'] as const) {
    const again = await open(recovery)
    assert.deepEqual([again.size, again.fingerprint(), again.recovery.fromSnapshot], [3, fingerprint, 3])
    await again.close()
  }
})

test('one that was not finished, or was put aside, tells it as well', async () => {
  for (const [name, told] of [
    [`snapshots/${SNAPSHOT}.tmp`, ['corrupt 4..7 true']],
    [`quarantine/${SNAPSHOT}`, ['corrupt 4..7 true']],
    [`quarantine/${SNAPSHOT}.2`, ['corrupt 4..7 true']],
    [`snapshots/${SNAPSHOT}.bak`, []],
    ['snapshots/snapshot-0000000000000003', []],
  ] as const) {
    const disk = await twoSegments()
    await disk.remove(segmentAt(2))
    await disk.remove(`${SNAPSHOTS}/${SNAPSHOT}`)
    await putFile(disk, `${DIRECTORY}/${name}/state`, Buffer.from('x'))
    assert.deepEqual((await damageOf(disk)).map(brief), told, name)
  }
})

test('a loss that is passed over takes no number twice, and no snapshot that tells of it', async () => {
  for (const recovery of ['salvage', 'repair'] as const) {
    const disk = await twoSegments({ tellsOfItself: false })
    await disk.remove(segmentAt(2))
    const wal = await openOn(disk, { recovery, checkpointRetention: 1 })
    assert.equal(await wal.append(insert('next')), 8, 'record 7 was another')
    for (const seq of [7, 8, 9]) await checkpoint(wal, seq)
    await wal.close()
    const kept = [
      ...(await pictureOf(disk, SNAPSHOTS)),
      ...(await pictureOf(disk, `${DIRECTORY}/quarantine`)),
    ]
    const original = Buffer.from('through 7').toString('base64')
    assert.ok(
      kept.some(([path, content]) => path.includes(SNAPSHOT) && content === original),
      `${recovery}: ${kept.map(([path]) => path)}`,
    )
  }
})

test('a repair puts aside the snapshots that no checkpoint names any more, as the log is whole then', async () => {
  const disk = await twoSegments({ tellsOfItself: false })
  await disk.remove(segmentAt(2))
  const wal = await openOn(disk, { recovery: 'repair' })
  assert.deepEqual(wal.recovery.gaps, [{ from: 4, through: 7 }])
  assert.ok(wal.recovery.quarantined.includes(`${DIRECTORY}/quarantine/${SNAPSHOT}`))
  await wal.close()
  for (let times = 0; times < 2; times++) await (await openOn(disk)).close()
  assert.deepEqual(await namesOn(disk, `${DIRECTORY}/quarantine/${SNAPSHOT}`), ['state'])
})

test('where no segment is left, no policy opens it, and none is proposed', async () => {
  const disk = await twoSegments({ tellsOfItself: false })
  for (const number of [1, 2]) await disk.remove(segmentAt(number))
  for (const recovery of POLICIES) {
    await assert.rejects(openOn(disk, { recovery }), (error: WalError) => {
      assert.equal(error.code, 'WALV_DAMAGED')
      assert.doesNotMatch(error.message, /'salvage'|'repair'/)
      assert.match(error.message, /[Rr]estore a backup/)
      assert.deepEqual((error.detail as Damage[]).map(brief), ['missing-segment 0..7 true'])
      return true
    })
  }
  assert.deepEqual(await namesOn(disk, SNAPSHOTS), [SNAPSHOT])
})

test('an error about a segment of another log proposes no policy, as all refuse it', async () => {
  const disk = await twoSegments()
  await putFile(disk, segmentAt(9), segmentOf({ number: 9, logId: Buffer.alloc(16, 9) }))
  await assert.rejects(openOn(disk), (error: WalError) => {
    assert.equal(error.code, 'WALV_DAMAGED')
    assert.doesNotMatch(error.message, /'salvage'|'repair'/)
    return true
  })
})

const contentIn = async (wal: Wal): Promise<string> => {
  let content = ''
  for await (const piece of wal.snapshot!.read('state')) content += Buffer.from(piece).toString()
  return content
}

for (const [what, lost] of [
  ['its end', [2]],
  ['every segment', [1, 2]],
] as const)
  test(`a log that has lost ${what} is begun anew from a snapshot that reaches as far, by a repair`, async () => {
    const disk = await twoSegments()
    for (const number of lost) await disk.remove(segmentAt(number))
    const { verdict, remedy, losses, refusal } = await diagnose({ directory: DIRECTORY, disk })
    assert.deepEqual([verdict, remedy.kind, remedy.snapshot], ['loss', 'repair', `snapshots/${SNAPSHOT}`])
    assert.deepEqual(
      losses.flatMap(({ unsure, gone }) => [...unsure, ...gone]),
      [],
      'the snapshot holds it',
    )
    assert.match(refusal!.message, /open it with recovery: .*'repair'\.$/)
    if (lost.length === 2)
      await assert.rejects(openOn(disk, { recovery: 'salvage' }), { code: 'WALV_DAMAGED' })
    const wal = await openOn(disk, { recovery: 'repair' })
    assert.deepEqual([wal.lastCheckpoint?.sequenceNumber, wal.recovery.snapshotSeq, wal.lastSeq], [7, 7, 8])
    assert.equal(await contentIn(wal), 'through 7')
    assert.equal(await wal.append(insert('next')), 9)
    await wal.close()
    const left = disk.crash('nothing')
    assert.equal((await diagnose({ directory: DIRECTORY, disk: left })).verdict, 'healthy')
    const again = await openOn(left)
    assert.deepEqual(
      [again.recovery.damage, again.recovery.snapshotSeq, await contentIn(again)],
      [[], 7, 'through 7'],
    )
    await again.close()
    const kept = lost.length === 2 ? [] : ['segment-0000000001.walv']
    assert.deepEqual(await namesOn(left, `${DIRECTORY}/quarantine`).catch(() => []), kept)
  })

test('a snapshot that is not whole, or of another log, or says another number, begins nothing anew', async () => {
  const MANIFEST = `${SNAPSHOTS}/${SNAPSHOT}/.checkpoint.json`
  const another = await twoSegments()
  for (const harm of [
    (disk: SimulatedDisk) => putFile(disk, `${SNAPSHOTS}/${SNAPSHOT}/state`, Buffer.from('through 8')),
    (disk: SimulatedDisk) => putFile(disk, MANIFEST, Buffer.from('{}')),
    (disk: SimulatedDisk) =>
      alterOn(disk, MANIFEST, (content) => content.fill('9', content.indexOf('7'), content.indexOf('7') + 1)),
    async (disk: SimulatedDisk) => putFile(disk, MANIFEST, await contentOf(another, MANIFEST)),
    async (disk: SimulatedDisk) =>
      disk.rename(`${SNAPSHOTS}/${SNAPSHOT}`, `${SNAPSHOTS}/${SNAPSHOT.replace('7', '8')}`),
  ]) {
    const disk = await twoSegments()
    await disk.remove(segmentAt(2))
    await harm(disk)
    const { remedy } = await diagnose({ directory: DIRECTORY, disk })
    assert.deepEqual([remedy.kind, remedy.snapshot], ['repair', undefined])
  }
})

test('a repair from a snapshot that is cut short at any of its steps can be done again', async () => {
  const base = await twoSegments()
  await base.remove(segmentAt(2))
  await base.syncDirectory(DIRECTORY)
  for (let step = 0; ; step++) {
    const disk = base.crash('nothing')
    const from = disk.ops.length
    disk.onOperation = ({ number }) => (number >= from + step ? { code: 'EIO' } : undefined)
    const done = await openOn(disk, { recovery: 'repair' }).then(
      (wal) =>
        wal.close().then(
          () => true,
          () => true,
        ),
      () => false,
    )
    disk.onOperation = undefined
    const left = disk.crash('nothing')
    const wal = await openOn(left, { recovery: 'repair' })
    assert.deepEqual([wal.recovery.snapshotSeq, await contentIn(wal)], [7, 'through 7'], `step ${step}`)
    await wal.close()
    if (done) return
  }
})
