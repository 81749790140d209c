import assert from 'node:assert/strict'
import { cp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  appendAll,
  DIRECTORY,
  type Disk,
  emptyDirectory,
  idsIn,
  insert,
  insertOf,
  kill,
  names,
  nodeDisk,
  openOn,
  openWal,
  refusal,
  startWriter,
  temporaryDirectory,
  until,
  type Wal,
} from '../../support/kit.ts'

const snapshot = async (): Promise<null> => null

/** Of what follows: it has caught up with the writer, and holds what that holds. */
async function caughtUp(follower: Wal, writer: Wal): Promise<void> {
  await until(() => follower.lastSeq === writer.lastSeq)
  assert.deepEqual(await idsIn(follower), await idsIn(writer))
}

test('what is acknowledged becomes visible to a follower, without opening it again', async (t) => {
  const directory = await temporaryDirectory(t)
  const writer = await openWal(t, { directory })
  const follower = await openWal(t, { directory, follow: true })
  assert.equal(follower.readOnly, true)
  assert.equal(follower.lastSeq, -1)
  await appendAll(writer, names('a', 5))
  await caughtUp(follower, writer)
  await appendAll(writer, names('b', 3))
  await caughtUp(follower, writer)
  assert.equal(follower.durableSeq, 7)
  assert.equal(follower.stats().recordsBehind, 0)
  assert.equal(follower.stats().lagMs, 0)
})

test('a follower takes nothing', async (t) => {
  const directory = await temporaryDirectory(t)
  await openWal(t, { directory })
  const follower = await openWal(t, { directory, follow: true })
  await assert.rejects(follower.append(insert('a')), refusal('WALV_READ_ONLY', 'not-logged'))
  assert.throws(() => follower.begin(), refusal('WALV_READ_ONLY'))
})

test('what is written and not durable is counted and not shown, until it is durable', async (t) => {
  const directory = await temporaryDirectory(t)
  const writer = await openWal(t, { directory, durability: 'os' })
  const follower = await openWal(t, { directory, follow: true })
  await appendAll(writer, names('a', 4))
  await until(() => follower.stats().recordsBehind === 4)
  assert.equal(follower.lastSeq, -1)
  assert.deepEqual(await idsIn(follower), [])
  await until(() => follower.stats().lagMs! > 0)
  await writer.flush()
  await caughtUp(follower, writer)
  assert.equal(follower.stats().lagMs, 0)
})

for (const [what, watch] of [
  ['that tells of changes', {}],
  ['that tells of none', { watch: undefined }],
  [
    'that cannot be watched',
    {
      watch: () => {
        throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
      },
    },
  ],
  ['whose watch is silent', { watch: () => ({ close: () => {} }) }],
] as const)
  test(`rotations, checkpoints and retention are followed on a disk ${what}`, async (t) => {
    const directory = await temporaryDirectory(t)
    const writer = await openWal(t, { directory, segmentMaxBytes: 64 * 1024, checkpointRetention: 1 })
    const { watch: _, ...unwatched } = nodeDisk
    const disk = { ...unwatched, ...('watch' in watch ? watch : { watch: nodeDisk.watch }) } as Disk
    const follower = await openWal(t, { directory, follow: true, disk })
    for (let round = 0; round < 6; round++) {
      await Promise.all(names(`${round}`, 40).map((id) => writer.append(insertOf(id, 5_000))))
      if (round % 2 === 1) await writer.checkpoint({ seq: writer.lastSeq, snapshot })
    }
    await until(() => follower.stats().firstSeq === writer.stats().firstSeq)
    await caughtUp(follower, writer)
    assert.ok(writer.stats().firstSeq > 0)
    assert.deepEqual(follower.lastCheckpoint, writer.lastCheckpoint)
    assert.equal(follower.stats().segments, writer.stats().segments)
  })

test('the end of a writer and its successors are followed, whatever they carry over', async (t) => {
  const directory = await temporaryDirectory(t)
  const follower = await openWal(t, { directory: await begun(t, directory), follow: true })
  for (let life = 0; life < 5; life++) {
    const { child } = await startWriter(t, { directory, count: 20 })
    await kill(child)
  }
  const writer = await openWal(t, { directory })
  await writer.append(insert('last'))
  await caughtUp(follower, writer)
  assert.equal(writer.lastSeq, 101)
})

async function begun(t: Parameters<typeof openWal>[0], directory: string): Promise<string> {
  const writer = await openWal(t, { directory })
  await writer.append(insert('first'))
  await writer.close()
  return directory
}

test('a torn tail that a successor drops was never shown', async (t) => {
  const disk = await emptyDirectory()
  const writer = await openOn(disk, { durability: 'os' })
  const follower = await openOn(disk, { follow: true })
  t.after(() => follower.close())
  await appendAll(writer, names('dropped', 3))
  await until(() => follower.stats().recordsBehind === 3)
  assert.deepEqual(await idsIn(follower), [])
  const after = disk.crash('nothing')
  const successor = await openOn(after)
  const survivor = await openOn(after, { follow: true })
  t.after(() => survivor.close())
  await appendAll(successor, names('kept', 2))
  await until(() => survivor.lastSeq === 1)
  assert.deepEqual(await idsIn(survivor), names('kept', 2))
})

test('numbers that a full disk gave back are shown with what they were used for then', async (t) => {
  const disk = await emptyDirectory()
  const writer = await openOn(disk)
  const follower = await openOn(disk, { follow: true })
  t.after(() => follower.close())
  await appendAll(writer, names('a', 3))
  disk.quotaBytes = disk.usedBytes + 8192
  const refused = await Promise.allSettled(names('b', 60).map((id) => writer.append(insertOf(id, 8_000))))
  assert.ok(refused.some(({ status }) => status === 'rejected'))
  disk.quotaBytes = Number.POSITIVE_INFINITY
  await appendAll(writer, names('c', 3))
  await caughtUp(follower, writer)
})

test('a directory that holds another log by now is not followed any further', async (t) => {
  const [directory, other] = [await temporaryDirectory(t), await temporaryDirectory(t)]
  for (const place of [directory, other]) await begun(t, place)
  const stranger = await openWal(t, { directory: other })
  await stranger.append(insert('strange'))
  await stranger.close()
  const follower = await openWal(t, { directory, follow: true })
  await cp(other, directory, { recursive: true })
  await until(() => follower.stats().poisoned)
  await assert.rejects(follower.tail({ from: 100 }).next(), refusal('WALV_FOREIGN_LOG'))
})

test('a log that was set back is not followed any further', async (t) => {
  const [directory, older] = [await temporaryDirectory(t), await temporaryDirectory(t)]
  await begun(t, directory)
  await cp(directory, older, { recursive: true })
  const writer = await openWal(t, { directory })
  await appendAll(writer, names('a', 30))
  await writer.close()
  const follower = await openWal(t, { directory, follow: true })
  for (const name of await readdir(directory)) await rm(join(directory, name), { recursive: true })
  await cp(older, directory, { recursive: true })
  await until(() => follower.stats().poisoned)
  await assert.rejects(follower.tail({ from: 100 }).next(), refusal('WALV_DAMAGED'))
})

test('a follower on a disk that fails for a while says so, and goes on', async (t) => {
  const disk = await emptyDirectory()
  const writer = await openOn(disk)
  let fails = false
  const failing = (): Promise<never> => Promise.reject(Object.assign(new Error('EMFILE'), { code: 'EMFILE' }))
  const seen: Disk = {
    ...nodeDisk,
    list: (path) => (fails ? failing() : disk.list(path)),
    open: (path, mode) => (fails ? failing() : disk.open(path, mode)),
  }
  const { watch: _, ...unwatched } = seen
  const follower = await openOn(disk, { follow: true, disk: unwatched as Disk })
  t.after(() => follower.close())
  fails = true
  await until(() => follower.stats().upkeepFailures > 1)
  assert.match(follower.stats().lastUpkeepError!, /EMFILE/)
  await appendAll(writer, names('a', 3))
  fails = false
  await until(() => follower.lastSeq === 2)
  assert.equal(follower.stats().upkeepFailures, 0)
  assert.equal(
    disk.ops.some(({ path }) => path === DIRECTORY),
    true,
  )
})
