/**
 * Defects of the original around what an acknowledgement promises. The numbers are those of the
 * list of its defects.
 */
import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { dirname } from 'node:path'
import { test } from 'node:test'
import {
  appendAll,
  type Call,
  collect,
  FailingDisk,
  idsIn,
  idsOf,
  insert,
  insertOf,
  kill,
  names,
  openWal,
  refusal,
  startWriter,
  temporaryDirectory,
  until,
  Wal,
} from '../support/kit.ts'

const SEGMENT = /segment-\d+\.walv$/

/**
 * Names that were made or ended and not made durable afterwards. Names that nobody looks for do not
 * count.
 */
function unsyncedNames(calls: readonly Call[]): string[] {
  let unsynced: string[] = []
  for (const { operation, path, to, mode } of calls.filter(({ error }) => error === undefined)) {
    if (operation === 'syncDirectory') unsynced = unsynced.filter((name) => dirname(name) !== path)
    else if (operation === 'rename' || operation === 'renameNew') unsynced.push(to!)
    else if (operation === 'remove' || operation === 'makeDirectory' || mode === 'create') unsynced.push(path)
    unsynced = unsynced.filter((name) => !name.includes('.tmp'))
  }
  return unsynced
}

test('defect 13: every directory is synced after a name in it was made, changed or removed', async (t) => {
  const directory = `${await temporaryDirectory(t)}/new/log`
  const disk = new FailingDisk()
  const options = { directory, disk, segmentMaxBytes: 64 * 1024, checkpointRetention: 1 }
  const wal = await openWal(t, options)
  assert.deepEqual(unsyncedNames(disk.calls), [], 'opened')
  for (let round = 0; round < 3; round++) {
    for (const id of names(`round-${round}`, 6)) {
      await wal.append(insertOf(id, 60_000))
      // Whatever is acknowledged is in a file whose name is durable; another may just be prepared.
      const written = new Set(
        disk.calls.flatMap(({ operation, path }) => (operation === 'write' ? [path] : [])),
      )
      assert.deepEqual(
        unsyncedNames(disk.calls).filter((name) => written.has(name)),
        [],
        id,
      )
    }
    await wal.checkpoint({
      seq: wal.lastSeq,
      snapshot: async (files) => {
        await files.write('content', [Buffer.from('content')])
        return null
      },
    })
  }
  await wal.close()
  assert.deepEqual(unsyncedNames(disk.calls), [], 'closed')
  const again = await openWal(t, options)
  assert.deepEqual(unsyncedNames(disk.calls), [], 'opened again')
  await again.close()
  assert.ok(disk.count('renameNew') > 10)
  assert.ok(disk.count('remove', SEGMENT) > 3)
})

test('defect 13: a segment that was prepared ahead and not used leaves no name in doubt', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  // Over half of the first segment, so that the next one is made.
  await wal.append(insertOf('large', 150_000))
  await until(() => disk.count('renameNew', /segment-0000000002/) > 0)
  await wal.close()
  assert.equal(disk.count('remove', /segment-0000000002\.walv$/), 1)
  assert.deepEqual(unsyncedNames(disk.calls), [])
})

for (const durability of ['os', 'commit'] as const) {
  test(`defect 14: what was acknowledged at the level '${durability}' survives a SIGKILL`, async (t) => {
    const directory = await temporaryDirectory(t)
    const { child, report } = await startWriter(t, { directory, durability, count: 1000 })
    assert.deepEqual(report, { acknowledged: 1000 })
    await kill(child)
    const wal = await openWal(t, { directory })
    assert.deepEqual(await idsIn(wal), names('id', 1000))
    assert.equal(wal.recovery.closedInOrder, false)
  })
}

test('defect 17: a read-only open beside a live writer writes nothing and locks nothing', async (t) => {
  const directory = await temporaryDirectory(t)
  const writer = await openWal(t, { directory })
  await appendAll(writer, names('id', 100))
  const disk = new FailingDisk()
  const reader = await openWal(t, { directory, disk, readOnly: true })
  assert.deepEqual(await idsIn(reader), names('id', 100))
  await reader.close()
  const allowed = new Set(['list', 'open', 'size', 'read', 'close'])
  assert.deepEqual(
    disk.calls.filter(({ operation, mode = 'read' }) => !allowed.has(operation) || mode !== 'read'),
    [],
  )
  await appendAll(writer, names('later', 10))
  await writer.close()
  assert.deepEqual(await idsOf(directory), [...names('id', 100), ...names('later', 10)])
})

test('defect 20: an append that met a full disk in the middle of its record is not there when space has returned', async (t) => {
  for (const written of [0, 1, 39, 40, 200, 4096]) {
    const directory = await temporaryDirectory(t)
    const disk = new FailingDisk()
    const wal = await openWal(t, { directory, disk })
    await appendAll(wal, names('before', 3))
    disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC', written })
    const refused = await Promise.allSettled([
      wal.append(insertOf('refused-a', 4000)),
      wal.append(insert('refused-b')),
    ])
    for (const outcome of refused) {
      assert.ok(outcome.status === 'rejected' && refusal('WALV_DISK_FULL', 'not-logged')(outcome.reason))
    }
    assert.deepEqual(await idsIn(wal), names('before', 3), 'the log stays readable')
    // Nor if the process is killed now: a copy is what it leaves behind.
    const killed = await temporaryDirectory(t)
    await cp(directory, killed, { recursive: true })
    assert.deepEqual(
      await idsIn(await openWal(t, { directory: killed })),
      names('before', 3),
      `${written} bytes written`,
    )
    assert.deepEqual(await appendAll(wal, names('after', 2)), [3, 4])
    assert.deepEqual(await idsIn(wal), [...names('before', 3), ...names('after', 2)])
    await wal.close()
    assert.deepEqual(
      await idsOf(directory),
      [...names('before', 3), ...names('after', 2)],
      `${written} bytes written`,
    )
  }
})

test('defect 20: if the half-written record cannot be undone, its fate is said to be unknown and the log stops', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  await wal.append(insert('before'))
  disk.fail({ operation: 'write', path: SEGMENT, code: 'ENOSPC', written: 60 })
  disk.fail({ operation: 'write', path: SEGMENT, code: 'EIO' })
  await assert.rejects(wal.append(insert('in-doubt')), refusal('WALV_IO', 'unknown'))
  await assert.rejects(wal.append(insert('refused')), refusal('WALV_POISONED', 'not-logged'))
})

test('defect 21: one failed sync stops the log, rejects all that wait, and opening proves the tail anew', async (t) => {
  const directory = await temporaryDirectory(t)
  const disk = new FailingDisk()
  const wal = await openWal(t, { directory, disk })
  await appendAll(wal, names('before', 3))
  disk.fail({ operation: 'sync', path: SEGMENT, code: 'EIO' })
  const { reached, release } = disk.hold('sync', SEGMENT)
  const inDoubt = wal.append(insert('in-doubt'))
  await reached
  const waiting = wal.append(insert('waiting'))
  release()
  await assert.rejects(inDoubt, refusal('WALV_IO', 'unknown'))
  await assert.rejects(waiting, refusal('WALV_POISONED', 'not-logged'))
  // The next sync would succeed; nobody gets to try it.
  const syncs = disk.count('sync')
  await assert.rejects(wal.append(insert('refused')), refusal('WALV_POISONED', 'not-logged'))
  await assert.rejects(wal.flush(), refusal('WALV_POISONED'))
  await wal.close().catch(refusal('WALV_POISONED'))
  assert.equal(disk.count('sync'), syncs)

  const again = await Wal.open({ directory, disk })
  const found = await collect(again.read())
  assert.deepEqual(
    found.map(({ seq }) => seq),
    found.map((_, seq) => seq),
  )
  const ids = await idsIn(again)
  assert.deepEqual(ids.slice(0, 3), names('before', 3))
  assert.ok(ids.length === 3 || ids[3] === 'in-doubt', 'only what was in doubt may be there')
  // What no good sync covers was written again, into a new file, and synced there.
  assert.equal(again.recovery.reproved, ids.length - again.recovery.entries + again.recovery.reproved)
  assert.equal(again.durableSeq, again.lastSeq)
  await again.close()
})
