import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alterOn,
  brief,
  collect,
  crafted,
  DIRECTORY,
  FailingDisk,
  frameOfEntry,
  framesOn,
  insert,
  namesOn,
  openOn,
  putFile,
  refusal,
  SimulatedDisk,
  segmentAt,
  type Wal,
  watermarkOf,
} from '../support/kit.ts'

const deletion = (seq: number, seed: number, durableBefore = 0): Buffer =>
  frameOfEntry({ type: 'delete', id: `id-${seq}` }, { seq, durableBefore }, seed)

test('a batch is one record', async () => {
  const wal = await openOn(new SimulatedDisk())
  const entries = [insert('a'), insert('b')]
  assert.equal(await wal.appendBatch(entries), 0)
  const [record] = await collect(wal.read())
  assert.deepEqual(record!.entry, { type: 'batch', entries })
  await wal.close()
})

test('disposing of a log closes it', async () => {
  const wal = await openOn(new SimulatedDisk())
  await wal[Symbol.asyncDispose]()
  await assert.rejects(wal.append(insert('a')), refusal('WALV_CLOSED'))
})

test('an empty log that is only read has nothing in it', async () => {
  const disk = new SimulatedDisk()
  await putFile(disk, `${DIRECTORY}/file`, Buffer.from('mine'))
  const wal = await openOn(disk, { readOnly: true })
  assert.deepEqual(
    [await collect(wal.read()), await collect(wal.replay()), wal.lastSeq, wal.durableSeq],
    [[], [], -1, -1],
  )
})

const spoil = async (disk: SimulatedDisk, number: number, seq: number): Promise<void> => {
  const { at } = (await framesOn(disk, number)).find((frame) => frame.seq === seq)!
  disk.flipBit(segmentAt(number), at + 42)
}

test('damage to the last durable record that came after opening is an error, for a writer and for a reader', async () => {
  const writable = new SimulatedDisk()
  const wal = await openOn(writable)
  for (const id of ['a', 'b', 'c']) await wal.append(insert(id))
  const read = await crafted((seed) => [
    deletion(0, seed),
    deletion(1, seed),
    deletion(2, seed),
    watermarkOf(3, seed),
  ])
  const reader = await openOn(read, { readOnly: true })
  for (const [log, disk] of [
    [wal, writable],
    [reader, read],
  ] as const) {
    await spoil(disk, 1, 2)
    await assert.rejects(collect(log.read()), refusal('WALV_DAMAGED'))
  }
  await wal.close()
})

test('a log whose sync failed says that it is poisoned', async () => {
  const below = new SimulatedDisk()
  const disk = new FailingDisk(below)
  const wal = await openOn(below, { disk })
  assert.equal(wal.stats().poisoned, false)
  disk.fail({ operation: 'sync', code: 'EIO' })
  await assert.rejects(wal.append(insert('a')), refusal('WALV_IO', 'unknown'))
  assert.equal(wal.stats().poisoned, true)
  await wal.close().catch(() => {})
})

test('a transaction is told when the disk refuses its records', async () => {
  const below = new SimulatedDisk()
  const disk = new FailingDisk(below)
  const wal = await openOn(below, { disk })
  const transaction = wal.begin()
  disk.fail({ operation: 'write', code: 'ENOSPC' })
  await assert.rejects(wal.append(insert('a')), refusal('WALV_DISK_FULL', 'not-logged'))
  assert.deepEqual([transaction.state, wal.stats().openTransactions], ['failed', 0])
  await wal.close()
})

test('nothing is put into a directory that holds another format, and one that has a lock file is read once', async () => {
  const disk = new SimulatedDisk()
  await putFile(disk, `${DIRECTORY}/wal-1.log`, Buffer.from('a log of format v1'))
  await putFile(disk, `${DIRECTORY}/other`, Buffer.from('anything'))
  await assert.rejects(openOn(disk), refusal('WALV_V1_DIRECTORY'))
  assert.deepEqual(await namesOn(disk), ['other', 'wal-1.log'])

  const ours = await crafted((seed) => [deletion(0, seed)])
  const looked: number[] = []
  for (let round = 0; round < 2; round++) {
    const from = ours.ops.length
    const wal = await openOn(ours)
    looked.push(ours.ops.slice(from).filter(({ kind }) => kind === 'size').length)
    await wal.close()
  }
  assert.deepEqual(looked, [2, 1])
})

test('a directory that cannot be listed is refused in words', async () => {
  const disk = await crafted((seed) => [deletion(0, seed)])
  disk.onOperation = ({ kind, path }) =>
    kind === 'list' && path === DIRECTORY ? { code: 'EACCES' } : undefined
  await assert.rejects(openOn(disk), { code: 'WALV_PERMISSION', file: DIRECTORY })
  assert.ok(!disk.ops.some(({ kind }) => kind === 'lock'))
})

test('snapshots that no checkpoint names are removed, unless something is lost that may have named them', async () => {
  const harm: Record<string, { readonly harm: (disk: SimulatedDisk) => unknown; readonly damage: string[] }> =
    {
      none: { harm: () => {}, damage: [] },
      'a torn tail': {
        harm: (disk) => alterOn(disk, segmentAt(1), (content) => content.fill(1, 2048, 2050)),
        damage: ['torn-tail false'],
      },
      'a record': { harm: (disk) => spoil(disk, 1, 1), damage: ['corrupt 1..1 true'] },
      'a tail, perhaps': {
        harm: (disk) => alterOn(disk, segmentAt(1), (content) => content.subarray(0, 2048)),
        damage: ['truncated null'],
      },
      'a sector that lost nothing and cannot be read': {
        harm: (disk) => {
          disk.onOperation = ({ kind, path, position, bytes }) =>
            kind === 'read' && path === segmentAt(1) && position! < 3072 && position! + bytes! > 2560
              ? { code: 'EIO' }
              : undefined
        },
        damage: ['unreadable false'],
      },
    }
  for (const [what, { harm: hurt, damage }] of Object.entries(harm)) {
    const unreadable = damage[0]?.startsWith('unreadable')
    const disk = await crafted((seed) => [
      deletion(0, seed),
      deletion(1, seed),
      deletion(2, seed, 2),
      ...(unreadable ? [watermarkOf(3, seed, 2)] : []),
    ])
    await putFile(disk, `${DIRECTORY}/snapshots/snapshot-0000000000000001/state`, Buffer.from('x'))
    await hurt(disk)
    const wal: Wal = await openOn(disk, { recovery: 'salvage' })
    assert.deepEqual(wal.recovery.damage.map(brief), damage, what)
    const isHarmless = damage.length === 0 || damage[0] === 'torn-tail false'
    assert.equal((await namesOn(disk, `${DIRECTORY}/snapshots`)).length, isHarmless ? 0 : 1, what)
    await wal.close()
  }
})
