import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  brief,
  type Damage,
  DurableIndex,
  flat,
  idsIn,
  insertOf,
  type RecoveryPolicy,
  refusal,
  SimulatedDisk,
  Wal,
} from '../../support/kit.ts'

const DIRECTORY = '/log'
const SEGMENT = '/log/segment-0000000001.walv'
const SECTOR = 512
/** The second of three such records has sector 6 to itself, the third sector 9. */
const RECORD_BYTES = 1500

async function writtenLog({ close = true } = {}): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await Wal.open({ directory: DIRECTORY, disk })
  for (const id of ['a', 'b', 'c']) await wal.append(insertOf(id, RECORD_BYTES))
  if (close) await wal.close()
  return disk.kill()
}

/** From now on reads that touch this sector fail, until the file is replaced. */
function spoil(disk: SimulatedDisk, path: string, sector: number): void {
  disk.onOperation = ({ kind, path: asked, to, position = 0, bytes = 0 }) => {
    if (kind === 'rename' && to === path) disk.onOperation = undefined
    const touches = position < (sector + 1) * SECTOR && position + bytes > sector * SECTOR
    return kind === 'read' && asked === path && touches ? { code: 'EIO' } : undefined
  }
}

const open = (disk: SimulatedDisk, recovery: RecoveryPolicy, readOnly = false): Promise<Wal> =>
  Wal.open({ directory: DIRECTORY, disk, recovery, readOnly })

async function damageOf(disk: SimulatedDisk): Promise<readonly Damage[]> {
  const wal = await open(disk, 'salvage', true)
  return wal.recovery.damage
}

test('records in a sector that cannot be read are refused and named; salvage returns the others', async () => {
  const disk = await writtenLog()
  spoil(disk, SEGMENT, 6)
  await assert.rejects(open(disk, 'strict'), (error: Error) => {
    assert.match(error.message, /the disk cannot read what stands here; acknowledged record 1 is lost/)
    assert.match(error.message, /may be readable later/)
    return refusal('WALV_DAMAGED')(error)
  })
  const wal = await open(disk, 'salvage', true)
  assert.deepEqual(wal.recovery.damage.map(brief), ['unreadable 1..1 true'])
  assert.equal(wal.recovery.damage[0]!.file, 'segment-0000000001.walv')
})

test('a sector that can be read again is no damage', async () => {
  const disk = await writtenLog()
  spoil(disk, SEGMENT, 6)
  await assert.rejects(open(disk, 'strict'), refusal('WALV_DAMAGED'))
  disk.onOperation = undefined
  const wal = await open(disk, 'strict')
  assert.deepEqual(await idsIn(wal), ['a', 'b', 'c'])
  assert.deepEqual(wal.recovery.damage, [])
  await wal.close()
})

test('a read that fails once is asked again', async () => {
  const disk = await writtenLog()
  let failed = 0
  disk.onOperation = ({ kind, path }) =>
    kind === 'read' && path === SEGMENT && failed++ === 1 ? { code: 'EIO' } : undefined
  const wal = await open(disk, 'strict')
  assert.ok(failed > 2)
  assert.deepEqual(await idsIn(wal), ['a', 'b', 'c'])
  await wal.close()
})

test('a tail that cannot be read is not taken for a torn one', async () => {
  const disk = await writtenLog({ close: false })
  // Nothing promises the records yet.
  spoil(disk, SEGMENT, 9)
  assert.deepEqual((await damageOf(disk)).map(brief), ['unreadable null'])
  await assert.rejects(open(disk, 'strict'), refusal('WALV_DAMAGED'))
  disk.onOperation = undefined
  const wal = await open(disk, 'strict')
  assert.deepEqual(await idsIn(wal), ['a', 'b', 'c'])
  await wal.close()
})

test('a sector with promised and other records names the first, and says that there may be more', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await Wal.open({ directory: DIRECTORY, disk })
  for (const id of ['a', 'b', 'c', 'd']) await wal.append(insertOf(id, 8))
  // One group, the frames of which promise the four before it and stand in two sectors.
  await Promise.all(Array.from({ length: 10 }, (_, number) => wal.append(insertOf(String(number), 8))))
  const killed = disk.kill()
  await wal.close()
  spoil(killed, SEGMENT, 2)
  const [damage] = await damageOf(killed)
  assert.equal(brief(damage!), 'unreadable 0..3 true')
  assert.match(
    damage!.detail,
    /records 0 to 3 are lost\. It may hold records from 4 on, too\. It may be readable later/,
  )
})

test('behind the end of a log that was closed, a sector that cannot be read loses nothing', async () => {
  const disk = await writtenLog()
  spoil(disk, SEGMENT, 100)
  assert.deepEqual((await damageOf(disk)).map(brief), ['unreadable false'])
  const wal = await open(disk, 'strict')
  assert.deepEqual(await idsIn(wal), ['a', 'b', 'c'])
  await wal.close()
})

test('a repair goes around a sector that cannot be read, and copies the rest of the file first', async () => {
  const disk = await writtenLog()
  spoil(disk, SEGMENT, 6)
  const wal = await open(disk, 'repair')
  assert.deepEqual(wal.recovery.quarantined, ['/log/quarantine/segment-0000000001.walv'])
  assert.deepEqual(await idsIn(wal), ['a', 'gap', 'c'])
  await wal.close()
  disk.onOperation = undefined
  const again = await open(disk, 'strict', true)
  assert.deepEqual(again.recovery.gaps, [{ from: 1, through: 1 }])
})

test('one header that cannot be read hides no record, and is no loss', async () => {
  const disk = await writtenLog()
  spoil(disk, SEGMENT, 0)
  assert.deepEqual((await damageOf(disk)).map(brief), ['segment-header false'])
  const wal = await open(disk, 'strict')
  assert.deepEqual(await idsIn(wal), ['a', 'b', 'c'])
  await wal.close()
})

test('a file that a live log cannot read is an error of the disk, not damage', async () => {
  const disk = await writtenLog()
  const wal = await open(disk, 'strict')
  spoil(disk, '/log/segment-0000000002.walv', 6)
  await assert.rejects(idsIn(wal), refusal('WALV_IO'))
  disk.onOperation = undefined
  assert.deepEqual(await idsIn(wal), ['a', 'b', 'c'])
  await wal.close()
})

const openIndex = (disk: SimulatedDisk): Promise<DurableIndex> =>
  DurableIndex.open({
    directory: DIRECTORY,
    disk,
    index: flat({ dimensions: 2 }),
    checkpointIntervalEntries: false,
  })

async function checkpointed(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ seed: 1 })
  const index = await openIndex(disk)
  await index.insert('a', [1, 2])
  await index.checkpoint()
  await index.close()
  return disk.kill()
}

test('a snapshot that cannot be read now is passed over and left where it is', async () => {
  const disk = await checkpointed()
  disk.onOperation = ({ kind, path }) =>
    kind === 'read' && path.includes('snapshot-') ? { code: 'EIO' } : undefined
  const index = await openIndex(disk)
  assert.deepEqual(index.recovery.damage.map(brief), ['unreadable false'])
  assert.equal(index.size, 1)
  await index.close()
  disk.onOperation = undefined
  const again = await openIndex(disk)
  assert.deepEqual(again.recovery.damage, [])
  assert.deepEqual(again.recovery.quarantined, [])
  assert.equal(again.recovery.snapshotSeq, 1)
  await again.close()
})

test('too many open files are no fault of a snapshot', async () => {
  const disk = await checkpointed()
  disk.onOperation = ({ kind, path }) =>
    kind === 'open' && path.includes('snapshot-') ? { code: 'EMFILE' } : undefined
  await assert.rejects(openIndex(disk), refusal('WALV_IO'))
  disk.onOperation = undefined
  const index = await openIndex(disk)
  assert.equal(index.recovery.snapshotSeq, 1)
  await index.close()
})

test('a sector that cannot be read and that nothing needs keeps nobody from reading', async () => {
  const disk = new SimulatedDisk({ seed: 1 })
  const wal = await Wal.open({ directory: DIRECTORY, disk, segmentMaxBytes: 256 * 1024 })
  const ids = Array.from({ length: 10 }, (_, number) => `id-${number}`)
  for (const id of ids) await wal.append(insertOf(id, 40_000))
  assert.ok(wal.stats().segments > 1)
  await wal.close()
  // The last sector of a segment that another one follows.
  spoil(disk, SEGMENT, 511)
  const again = await open(disk, 'strict')
  assert.deepEqual(again.recovery.damage, [])
  assert.deepEqual(await idsIn(again), ids)
  await again.close()
})

test('what can be read when the log is looked at and not when it is carried over is not given up', async () => {
  const disk = await writtenLog()
  let looked = 0
  disk.onOperation = ({ kind, path, position = 0 }) => {
    if (path !== SEGMENT || position < 1024) return undefined
    if (kind === 'read') looked++
    return kind === 'read' && looked > 1 && looked < 4000 ? { code: 'EIO' } : undefined
  }
  await assert.rejects(open(disk, 'strict'), refusal('WALV_IO'))
  disk.onOperation = undefined
  const wal = await open(disk, 'strict')
  assert.deepEqual(await idsIn(wal), ['a', 'b', 'c'])
  await wal.close()
})

test('nor where a sector that nothing needs could not be read before, and the rest is salvaged', async () => {
  const disk = await writtenLog({ close: false })
  let passes = 0
  disk.onOperation = ({ kind, path, position = 0, bytes = 0 }) => {
    if (kind === 'open' && path === SEGMENT) passes++
    // First of the headers, then of the survey: the last sector. In the pass that carries over: the
    // second record too.
    const [from, to] = passes < 3 ? [511, 512] : [6, 512]
    return kind === 'read' && path === SEGMENT && position < to * SECTOR && position + bytes > from * SECTOR
      ? { code: 'EIO' }
      : undefined
  }
  await assert.rejects(open(disk, 'salvage'), (error: Error) => {
    assert.match(error.message, /cannot be read again/)
    return refusal('WALV_IO')(error)
  })
  disk.onOperation = undefined
  // It was on its way to go on without what it could not read: that stays on record, though all can
  // be read again.
  await assert.rejects(open(disk, 'strict'), refusal('WALV_DAMAGED'))
  const wal = await open(disk, 'repair')
  assert.deepEqual(await idsIn(wal), ['a', 'b', 'c'])
  await wal.close()
  await (await open(disk, 'strict')).close()
})
