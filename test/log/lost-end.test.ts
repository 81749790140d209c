import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Damage, DurableIndex, diagnose, flat, type Wal, type WalError } from '../../src/mod.ts'
import type { SimulatedDisk } from '../../src/testing/simulated-disk.ts'
import { segmentOf } from '../support/frames.ts'
import { brief, customOf, insert } from '../support/logs.ts'
import {
  countingClock,
  DIRECTORY,
  emptyDirectory,
  namesOn,
  openOn,
  pictureOf,
  putFile,
  segmentAt,
} from '../support/simulated-log.ts'

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

/** Records 0 to 3 in segment 1, 4 to 7 in segment 2, where the checkpoint through 7 stands as well. */
async function twoSegments(): Promise<SimulatedDisk> {
  const disk = await emptyDirectory()
  const wal = await openOn(disk)
  for (let seq = 0; seq < 8; seq++) await wal.append(customOf(seq === 4 ? 270_000 : 1_000))
  await checkpoint(wal, 7)
  await wal.close()
  assert.deepEqual(await namesOn(disk, SNAPSHOTS), [SNAPSHOT])
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
  assert.deepEqual([verdict, refusal?.code, damage.map(brief)], ['loss', 'WALV_DAMAGED', ['corrupt 4..7 true']])
  assert.deepEqual(
    (await pictureOf(disk)).filter(([path]) => !path.endsWith('LOCK')),
    before.filter(([path]) => !path.endsWith('LOCK')),
  )
})

test('an index whose last segment is gone does not open with fewer vectors', async () => {
  const disk = await emptyDirectory()
  const open = () =>
    DurableIndex.open({ directory: DIRECTORY, disk, clock: countingClock(), index: flat({ dimensions: 60_000 }) })
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
    const disk = await twoSegments()
    await disk.remove(segmentAt(2))
    const wal = await openOn(disk, { recovery, checkpointRetention: 1 })
    assert.equal(await wal.append(insert('next')), 8, 'record 7 was another')
    for (const seq of [7, 8, 9]) await checkpoint(wal, seq)
    await wal.close()
    const kept = [...(await pictureOf(disk, SNAPSHOTS)), ...(await pictureOf(disk, `${DIRECTORY}/quarantine`))]
    const original = Buffer.from('through 7').toString('base64')
    assert.ok(
      kept.some(([path, content]) => path.includes(SNAPSHOT) && content === original),
      `${recovery}: ${kept.map(([path]) => path)}`,
    )
  }
})

test('a repair puts aside the snapshots that no checkpoint names any more, as the log is whole then', async () => {
  const disk = await twoSegments()
  await disk.remove(segmentAt(2))
  const wal = await openOn(disk, { recovery: 'repair' })
  assert.deepEqual(wal.recovery.gaps, [{ from: 4, through: 7 }])
  assert.ok(wal.recovery.quarantined.includes(`${DIRECTORY}/quarantine/${SNAPSHOT}`))
  await wal.close()
  for (let times = 0; times < 2; times++) await (await openOn(disk)).close()
  assert.deepEqual(await namesOn(disk, `${DIRECTORY}/quarantine/${SNAPSHOT}`), ['state'])
})

test('where no segment is left, no policy opens it, and none is proposed', async () => {
  const disk = await twoSegments()
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
