import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alterOn,
  brief,
  collect,
  contentOf,
  customOf,
  type Damage,
  DIRECTORY,
  diagnose,
  emptyDirectory,
  insert,
  namesOn,
  openOn,
  putFile,
  type SimulatedDisk,
  segmentAt,
  type Wal,
  type WalError,
} from '../../support/kit.ts'

const QUARANTINE = `${DIRECTORY}/quarantine`
const NOTE = 'loss-0000000000000006.json'

async function checkpoint(wal: Wal): Promise<void> {
  await wal.append(customOf(300_000))
  await wal.checkpoint({ seq: wal.lastSeq, snapshot: async () => null })
}

/** Records 0 to 5, two in each segment. */
async function threeSegments(): Promise<SimulatedDisk> {
  const disk = await emptyDirectory()
  const wal = await openOn(disk)
  for (let seq = 0; seq < 6; seq++)
    await wal.append(seq % 2 === 0 ? customOf(200_000 * (1 + seq / 2)) : insert(`id-${seq}`))
  await wal.close()
  assert.equal((await namesOn(disk)).filter((name) => name.endsWith('.walv')).length, 3)
  return disk
}

const HARMS = {
  'a damaged record': (disk: SimulatedDisk) =>
    alterOn(disk, segmentAt(2), (content) => content.fill(9, 2_000, 2_008)),
  'a missing segment': (disk: SimulatedDisk) => disk.remove(segmentAt(2)),
} as const

const LOST = {
  'a damaged record': 'corrupt 2..2 true',
  'a missing segment': 'missing-segment 2..3 true',
} as const

/** Opened with 'salvage', and used until retention has let go of everything that stood there. */
async function salvagedAndTrimmed(harm: keyof typeof HARMS): Promise<SimulatedDisk> {
  const disk = await threeSegments()
  await HARMS[harm](disk)
  const wal = await openOn(disk, { recovery: 'salvage', checkpointRetention: 1 })
  assert.deepEqual(wal.recovery.damage.map(brief), [LOST[harm]])
  for (let times = 0; times < 2; times++) await checkpoint(wal)
  assert.ok(wal.stats().firstSeq > 6, 'retention has passed the loss')
  await wal.close()
  return disk
}

for (const harm of ['a damaged record', 'a missing segment'] as const) {
  const told = LOST[harm].replace(/^\S+/, 'passed-over')

  test(`${harm} that was passed over is told when nothing of it is left in the log, by strict and by doctor`, async () => {
    const disk = await salvagedAndTrimmed(harm)
    await assert.rejects(openOn(disk), (error: WalError) => {
      assert.equal(error.code, 'WALV_DAMAGED')
      assert.deepEqual((error.detail as Damage[]).map(brief), [told])
      return true
    })
    const { verdict, losses, remedy } = await diagnose({ directory: DIRECTORY, disk })
    assert.deepEqual([verdict, remedy.kind], ['loss', 'repair'])
    assert.deepEqual(
      losses.map(({ damage, gone, inSnapshot }) => [brief(damage), inSnapshot, gone]),
      [[told, [], losses[0]!.damage.seqs]],
    )
    const wal = await openOn(disk, { recovery: 'salvage' })
    assert.deepEqual(wal.recovery.damage.map(brief), [told], 'salvage goes on, and tells it')
    await wal.close()
    assert.deepEqual(
      (await namesOn(disk, QUARANTINE)).filter((name) => name.startsWith('loss')),
      [NOTE],
      'noted once',
    )
  })

  test(`${harm} that was passed over is accepted by a repair, and then told no more`, async () => {
    const disk = await salvagedAndTrimmed(harm)
    await (await openOn(disk, { recovery: 'repair' })).close()
    await (await openOn(disk)).close()
    assert.equal((await diagnose({ directory: DIRECTORY, disk })).verdict, 'healthy')
    assert.ok(
      (await namesOn(disk.crash('nothing'), QUARANTINE)).includes('loss-0000000000000006.accepted.json'),
    )
  })
}

test('a loss is accepted by removing its note, too', async () => {
  const disk = await salvagedAndTrimmed('a damaged record')
  await disk.remove(`${QUARANTINE}/${NOTE}`)
  await (await openOn(disk)).close()
})

test('retention puts a damaged segment into quarantine/, to the byte, and removes the others', async () => {
  const before = await threeSegments()
  await HARMS['a damaged record'](before)
  const damaged = await contentOf(before, segmentAt(2))
  const disk = await salvagedAndTrimmed('a damaged record')
  assert.deepEqual(await namesOn(disk.crash('nothing'), QUARANTINE), [NOTE, 'segment-0000000002.walv'])
  const kept = await contentOf(disk, `${QUARANTINE}/segment-0000000002.walv`)
  assert.deepEqual(
    [kept.length, kept.indexOf(Buffer.alloc(8, 9))],
    [damaged.length, damaged.indexOf(Buffer.alloc(8, 9))],
  )
})

test('while the loss is still in the log it is told once, and a snapshot that was made without it is not said to hold it', async () => {
  const disk = await threeSegments()
  await HARMS['a damaged record'](disk)
  const wal = await openOn(disk, { recovery: 'salvage', checkpointRetention: 5 })
  await checkpoint(wal)
  await wal.close()
  const { damage, losses } = await diagnose({ directory: DIRECTORY, disk })
  assert.deepEqual(damage.map(brief), ['corrupt 2..2 true'])
  assert.deepEqual(losses[0]!.gone, [{ from: 2, through: 2 }])
  const [lost] = (await collect((await openOn(disk, { recovery: 'salvage', readOnly: true })).read())).slice(
    2,
  )
  assert.notEqual(lost?.seq, 2)
})

test('a possible loss that was passed over is told as that, although its place looks harmless now', async () => {
  const disk = await emptyDirectory()
  const wal = await openOn(disk)
  await wal.append(insert('a'))
  const cut = disk.kill()
  await alterOn(cut, segmentAt(1), (content) => content.subarray(0, 4096))
  await (await openOn(cut, { recovery: 'salvage' })).close()
  await assert.rejects(openOn(cut), (error: WalError) => {
    assert.ok(
      (error.detail as Damage[]).some(
        ({ kind, acknowledged }) => kind === 'passed-over' && acknowledged === null,
      ),
    )
    return true
  })
  await (await openOn(cut, { recovery: 'repair' })).close()
  await (await openOn(cut)).close()
})

test('a note that cannot be read still tells that something was passed over', async () => {
  for (const content of [
    '',
    'x',
    '{}',
    '{"losses":[{}]}',
    '{"losses":[{"acknowledged":false}]}',
    '{"losses":null}',
  ]) {
    const disk = await threeSegments()
    await putFile(disk, `${QUARANTINE}/${NOTE}`, Buffer.from(content))
    await assert.rejects(openOn(disk), (error: WalError) => {
      assert.deepEqual((error.detail as Damage[]).map(brief), ['passed-over null'], content)
      return true
    })
  }
})

test('a second loss at the same place of the log gets a note of its own', async () => {
  const disk = await threeSegments()
  await HARMS['a damaged record'](disk)
  await putFile(
    disk,
    `${QUARANTINE}/${NOTE.replace('.json', '.accepted.json')}`,
    Buffer.from('{"losses":[]}'),
  )
  await (await openOn(disk, { recovery: 'salvage' })).close()
  const notes = (await namesOn(disk.crash('nothing'), QUARANTINE)).filter((name) => name.startsWith('loss'))
  assert.deepEqual(notes, ['loss-0000000000000006.1.json', 'loss-0000000000000006.accepted.json'])
})

test('reading with salvage writes no note', async () => {
  const disk = await threeSegments()
  await HARMS['a damaged record'](disk)
  await openOn(disk, { recovery: 'salvage', readOnly: true })
  assert.ok(!(await namesOn(disk)).includes('quarantine'))
})
