import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  appendAll,
  brief,
  collect,
  type Damage,
  FailingDisk,
  idsIn,
  insert,
  insertOf,
  names,
  openWal,
  refusal,
  type Snapshot,
  temporaryDirectory,
  Wal,
  type WalError,
  type WalOptions,
} from '../../support/kit.ts'

const KIB = 1024

/** Takes a checkpoint whose snapshot is one file with this text. */
const take = (wal: Wal, content: string, seq: number = wal.lastSeq): Promise<unknown> =>
  wal.checkpoint({
    seq,
    snapshot: async (target) => {
      await target.write('content', [Buffer.from(content)])
      return { content }
    },
  })

async function contentOf(snapshot: Snapshot | undefined): Promise<string | undefined> {
  return snapshot && Buffer.concat(await collect(snapshot.read('content'))).toString()
}

const snapshotsIn = async (directory: string): Promise<string[]> =>
  (await readdir(join(directory, 'snapshots'))).toSorted()

/** Two checkpoints, with records between and behind them; closed. */
async function twoCheckpoints(t: TestContext, options: Partial<WalOptions> = {}): Promise<string> {
  const directory = await temporaryDirectory(t)
  await using wal = await Wal.open({ directory, ...options })
  await appendAll(wal, names('a', 3))
  await take(wal, 'older')
  await appendAll(wal, names('b', 3))
  await take(wal, 'newer')
  await appendAll(wal, names('c', 3))
  return directory
}

const replayedIn = async (wal: Wal): Promise<string[]> => {
  const units = await collect(wal.replay({ after: wal.lastCheckpoint?.sequenceNumber ?? -1 }))
  return units.flatMap(({ entries }) => entries.map((entry) => ('id' in entry ? entry.id : entry.type)))
}

test('the newest checkpoint is found again with its snapshot, and what was logged behind it', async (t) => {
  const directory = await twoCheckpoints(t)
  const wal = await openWal(t, { directory })
  assert.deepEqual(
    [wal.lastCheckpoint?.sequenceNumber, wal.recovery.snapshotSeq, wal.recovery.checkpoints],
    [6, 6, 2],
  )
  assert.equal(await contentOf(wal.snapshot), 'newer')
  assert.deepEqual(wal.snapshot!.reference.info, { content: 'newer' })
  assert.deepEqual(await replayedIn(wal), names('c', 3))
})

for (const [about, damage] of [
  ['a changed byte', (path: string) => writeFile(path, 'newex')],
  ['a missing byte', (path: string) => writeFile(path, 'newe')],
  ['a byte more', (path: string) => writeFile(path, 'newerr')],
  ['a missing file', (path: string) => rm(path)],
  ['a missing folder', (path: string) => rm(join(path, '..'), { recursive: true })],
] as const) {
  test(`a snapshot with ${about} is reported and put aside, and the one before it is used`, async (t) => {
    const directory = await twoCheckpoints(t)
    await damage(join(directory, 'snapshots/snapshot-0000000000000006/content'))
    const reader = await openWal(t, { directory, readOnly: true })
    assert.equal(await contentOf(reader.snapshot), 'older')
    assert.deepEqual(reader.recovery.quarantined, [], 'a reader moves nothing')

    const wal = await openWal(t, { directory })
    assert.deepEqual(wal.recovery.damage.map(brief), ['snapshot false'])
    assert.match(wal.recovery.damage[0]!.detail, /through record 6 does not verify/)
    assert.equal(await contentOf(wal.snapshot), 'older')
    assert.deepEqual(await replayedIn(wal), [...names('b', 3), ...names('c', 3)])
    assert.deepEqual(await snapshotsIn(directory), ['snapshot-0000000000000002'])
    for (const path of wal.recovery.quarantined)
      assert.equal(path, join(directory, 'quarantine/snapshot-0000000000000006'))

    // The next checkpoint takes its place.
    await take(wal, 'newest')
    await wal.close()
    assert.equal(await contentOf((await openWal(t, { directory })).snapshot), 'newest')
  })
}

test('what is put aside replaces nothing that was put aside before', async (t) => {
  const directory = await twoCheckpoints(t)
  const name = 'snapshot-0000000000000006'
  await mkdir(join(directory, 'quarantine', name), { recursive: true })
  await writeFile(join(directory, 'snapshots', name, 'content'), 'damaged')
  const wal = await openWal(t, { directory })
  assert.deepEqual(wal.recovery.quarantined, [join(directory, 'quarantine', `${name}.1`)])
  assert.deepEqual((await readdir(join(directory, 'quarantine'))).toSorted(), [name, `${name}.1`])
})

test('with every snapshot damaged and the whole log there, everything is replayed from the log', async (t) => {
  const directory = await twoCheckpoints(t)
  for (const name of await snapshotsIn(directory))
    await writeFile(join(directory, 'snapshots', name, 'content'), 'bad')
  const wal = await openWal(t, { directory })
  assert.deepEqual([wal.snapshot, wal.lastCheckpoint], [undefined, undefined])
  assert.deepEqual(wal.recovery.damage.map(brief), ['snapshot false', 'snapshot false'])
  assert.deepEqual(await replayedIn(wal), [...names('a', 3), ...names('b', 3), ...names('c', 3)])
})

test('with every snapshot damaged and the log behind them gone, nothing starts empty: it is refused', async (t) => {
  const directory = await temporaryDirectory(t)
  const first = await openWal(t, { directory, checkpointRetention: 1 })
  await first.append(insertOf('fills-the-first', 240 * KIB))
  await first.append(insertOf('in-the-second', 60 * KIB))
  await take(first, 'only')
  await first.append(insert('behind'))
  await first.close()
  const path = join(directory, 'snapshots/snapshot-0000000000000001/content')
  assert.equal(await readFile(path, 'utf8'), 'only')
  await writeFile(path, 'bad')
  await assert.rejects(Wal.open({ directory }), (error: WalError) => {
    assert.deepEqual((error.detail as Damage[]).map(brief), ['snapshot false', 'missing-segment 0..0 true'])
    return refusal('WALV_DAMAGED')(error)
  })
  assert.deepEqual(await snapshotsIn(directory), ['snapshot-0000000000000001'], 'and left as it was')
  const salvage = await openWal(t, { directory, recovery: 'salvage' })
  assert.deepEqual(
    (await idsIn(salvage)).filter((id) => id !== 'checkpoint'),
    ['in-the-second', 'behind'],
  )
})

test('as many checkpoints as are to be kept have their snapshots, and no others', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory, checkpointRetention: 3 })
  for (const id of names('id', 6)) {
    await wal.append(insert(id))
    await take(wal, id)
  }
  assert.deepEqual((await snapshotsIn(directory)).length, 3)
  assert.equal(wal.stats().checkpoints, 3)
})

test('the snapshot is synced, file, folder and name, before the checkpoint is logged', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  await wal.append(insert('id'))
  const from = disk.calls.length
  await take(wal, 'content')
  const steps = disk.calls
    .slice(from)
    .map(({ operation, path }) => `${operation} ${path.replace(`${directory}/`, '')}`)
  const order = [
    'syncDirectory '.concat(directory),
    'write snapshots/snapshot-0000000000000000.tmp/content',
    'sync snapshots/snapshot-0000000000000000.tmp/content',
    'syncDirectory snapshots/snapshot-0000000000000000.tmp',
    'renameNew snapshots/snapshot-0000000000000000.tmp',
    'syncDirectory snapshots',
    'write segment-0000000001.walv',
    'sync segment-0000000001.walv',
  ]
  const places = order.map((step) => steps.lastIndexOf(step))
  assert.ok(!places.includes(-1), `${order[places.indexOf(-1)]} is missing in ${steps.join(', ')}`)
  assert.deepEqual(
    places,
    places.toSorted((a, b) => a - b),
  )
})

test("at the level 'os' what the snapshot holds is durable in the log before the snapshot is named", async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk, durability: 'os' })
  await wal.append(insert('id'))
  const syncs = disk.count('sync', /walv$/)
  const hold = disk.hold('renameNew', /snapshot/)
  const checkpoint = take(wal, 'content')
  await hold.reached
  // One, and another if a slow machine lets the log write down meanwhile that it is idle.
  assert.ok(disk.count('sync', /walv$/) > syncs)
  assert.equal(wal.durableSeq, 0)
  hold.release()
  await checkpoint
  assert.equal(wal.durableSeq, 1)
})

test('appends go on while a snapshot is written', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  await wal.append(insert('before'))
  let finish = (): void => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const checkpoint = wal.checkpoint({ seq: 0, snapshot: () => finished.then(() => null) })
  assert.deepEqual(
    await appendAll(wal, names('meanwhile', 10)),
    Array.from({ length: 10 }, (_, index) => 1 + index),
  )
  finish()
  assert.equal((await checkpoint).sequenceNumber, 0)
  assert.deepEqual(await replayedIn(wal), names('meanwhile', 10))
})

test('a snapshot that fails leaves the checkpoints as they were, and no trace', async (t) => {
  const directory = await twoCheckpoints(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  const mine = new Error('mine')
  await assert.rejects(
    wal.checkpoint({ seq: wal.lastSeq, snapshot: () => Promise.reject(mine) }),
    (error) => error === mine,
  )
  for (const [code, expected] of [
    ['ENOSPC', 'WALV_DISK_FULL'],
    ['EIO', 'WALV_IO'],
  ] as const) {
    for (const operation of [
      'makeDirectory',
      'open',
      'write',
      'sync',
      'renameNew',
      'syncDirectory',
    ] as const) {
      disk.fail({ operation, path: /snapshots/, code })
      await assert.rejects(take(wal, 'failed'), refusal(expected), `${operation} ${code}`)
      disk.heal()
    }
  }
  assert.equal(wal.lastCheckpoint?.sequenceNumber, 6)
  assert.deepEqual(
    (await snapshotsIn(directory)).filter((name) => name.endsWith('.tmp')),
    [],
  )
  await take(wal, 'newest')
  assert.equal(await contentOf(wal.snapshot), 'newest')
  await wal.close()
  assert.equal(await contentOf((await openWal(t, { directory })).snapshot), 'newest')
})

test('what makes no sense as a checkpoint is refused', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  const refused = refusal('WALV_CHECKPOINT')
  await assert.rejects(take(wal, '', -1), refused)
  await assert.rejects(take(wal, '', 0), refused, 'nothing is logged yet')
  await appendAll(wal, names('id', 5))
  for (const seq of [-1, 0.5, 5, 2 ** 53]) await assert.rejects(take(wal, '', seq), refused, String(seq))
  await take(wal, 'content', 3)
  await assert.rejects(take(wal, '', 3), refused, 'there is one')
  await assert.rejects(take(wal, '', 2), refused, 'older than the newest')
  for (const name of ['', '..', 'a/b', '.hidden', 'x'.repeat(101)]) {
    const snapshot: Parameters<Wal['checkpoint']>[0]['snapshot'] = async (target) => {
      await target.write(name, [])
      return null
    }
    await assert.rejects(wal.checkpoint({ seq: 4, snapshot }), refused, name)
  }
  assert.equal(wal.lastCheckpoint?.sequenceNumber, 3)
})

test('a second checkpoint while one is being taken is refused', async (t) => {
  const wal = await openWal(t, { directory: await temporaryDirectory(t) })
  await wal.append(insert('id'))
  const first = take(wal, 'first')
  await assert.rejects(take(wal, 'second'), refusal('WALV_CHECKPOINT'))
  await first
})

test('closing waits for the checkpoint that is being taken', async (t) => {
  const directory = await temporaryDirectory(t)
  const wal = await openWal(t, { directory })
  await wal.append(insert('id'))
  const checkpoint = take(wal, 'content')
  await wal.close()
  await checkpoint
  assert.equal(await contentOf((await openWal(t, { directory })).snapshot), 'content')
})

test('a file that the snapshot writes by its path is hashed, synced and found again', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  await wal.append(insert('id'))
  const content = Buffer.alloc(3 * 1024 * KIB, 7)
  await wal.checkpoint({
    seq: 0,
    snapshot: async (target) => {
      await writeFile(target.path('native.bin'), content)
      return null
    },
  })
  assert.equal(disk.count('sync', /native\.bin$/), 1)
  await wal.close()
  const again = await openWal(t, { directory })
  const pieces = await collect(again.snapshot!.read('native.bin'))
  assert.equal(
    pieces.reduce((sum, { length }) => sum + length, 0),
    content.length,
  )
  assert.ok(content.equals(await readFile(again.snapshot!.path('native.bin'))))
})

test('leftovers of snapshots that were never named are removed by the next writer', async (t) => {
  const directory = await twoCheckpoints(t)
  await mkdir(join(directory, 'snapshots/snapshot-0000000000000005'))
  await mkdir(join(directory, 'snapshots/snapshot-0000000000000004.tmp'))
  await openWal(t, { directory })
  assert.deepEqual(await snapshotsIn(directory), ['snapshot-0000000000000002', 'snapshot-0000000000000006'])
})
