/**
 * Writers whose lock or directory is taken from under them: they stop, and touch nothing of whoever
 * came after.
 */
import assert from 'node:assert/strict'
import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { segmentName } from '../../src/format/segment.ts'
import {
  appendAll,
  customOf,
  FailingDisk,
  flat,
  idsIn,
  idsOf,
  insert,
  names,
  openIndex,
  openWal,
  refusal,
  temporaryDirectory,
  type Wal,
  type WalError,
} from '../support/kit.ts'

const stopped = refusal('WALV_LOCK_LOST', 'not-logged')

/** Needs a segment of its own. */
const large = customOf(1_000_000)

interface Writers {
  readonly directory: string
  readonly first: Wal
  readonly second: Wal
}

/** A log with a writer, and another that came in when the file LOCK was removed. */
async function twoWriters(t: TestContext): Promise<Writers> {
  const directory = join(await temporaryDirectory(t), 'log')
  const first = await openWal(t, { directory })
  await appendAll(first, names('before', 3))
  await rm(join(directory, 'LOCK'))
  const second = await openWal(t, { directory })
  await appendAll(second, names('second', 3))
  return { directory, first, second }
}

/**
 * Waits until a writer has prepared a segment: it is linked in place, and then let go of under the
 * name it was made by.
 */
async function prepared(directory: string, number: number): Promise<void> {
  const name = segmentName(number)
  for (;;) {
    const there = await readdir(directory)
    if (there.includes(name) && !there.includes(`${name}.tmp`)) return
    await new Promise(setImmediate)
  }
}

test('a writer whose LOCK is removed makes no segment any more, and the one that came after it loses nothing', async (t) => {
  const { directory, first, second } = await twoWriters(t)
  await assert.rejects(first.append(large), stopped)
  await assert.rejects(first.append(insert('late')), stopped)
  assert.equal(first.stats().poisoned, true)
  await first.close()
  await second.append(large)
  const ids = [...names('before', 3), ...names('second', 3), 'custom']
  assert.deepEqual(await idsIn(second), ids)
  await second.close()
  assert.deepEqual(await idsOf(directory), ids)
})

test('nothing is acknowledged that the writer that comes in has not read', async (t) => {
  for (const durability of ['commit', 'os'] as const) {
    const directory = join(await temporaryDirectory(t), 'log')
    const first = await openWal(t, { directory, durability })
    await appendAll(first, names('before', 3))
    await rm(join(directory, 'LOCK'))
    const second = await openWal(t, { directory, durability })
    // Where opening the second took long, the first has noticed while it was idle.
    const fate = first.stats().poisoned ? 'not-logged' : 'unknown'
    await assert.rejects(first.append(insert('written')), refusal('WALV_LOCK_LOST', fate))
    await assert.rejects(first.append(insert('late')), stopped)
    assert.deepEqual(await idsIn(second), names('before', 3))
  }
})

test('a segment is never put in the place of one that is there, and the writer that finds it stops', async (t) => {
  const directory = join(await temporaryDirectory(t), 'log')
  const wal = await openWal(t, { directory })
  await wal.append(insert('a'))
  const other = join(directory, 'segment-0000000002.walv')
  await writeFile(other, 'of somebody who did not ask for the lock')
  await assert.rejects(wal.append(large), stopped)
  await assert.rejects(wal.flush(), refusal('WALV_LOCK_LOST'))
  await wal.close()
  assert.equal(await readFile(other, 'utf8'), 'of somebody who did not ask for the lock')
})

test('a writer whose directory is renamed, removed, or removed and restored stops at the next write, and says so', async (t) => {
  const away = {
    renamed: (directory: string) => rename(directory, `${directory}-elsewhere`),
    removed: (directory: string) => rm(directory, { recursive: true }),
    restored: async (directory: string) => {
      await cp(directory, `${directory}-copy`, { recursive: true })
      await rm(directory, { recursive: true })
      await rename(`${directory}-copy`, directory)
    },
  }
  for (const [what, take] of Object.entries(away)) {
    const directory = join(await temporaryDirectory(t), 'log')
    const index = await openIndex(t, { directory, index: flat({ dimensions: 1 }) })
    await index.insert('before', [1])
    await take(directory)
    await assert.rejects(index.insert('after', [2]), refusal('WALV_LOCK_LOST'), what)
    await assert.rejects(index.insert('late', [3]), stopped, what)
    const { checks } = await index.health()
    const poison = checks.find(({ name }) => name === 'poison')!
    assert.equal(poison.level, 'fail')
    assert.match(
      poison.message,
      /LOCK was removed or replaced, or the directory was renamed.*npx walv doctor/,
    )
    assert.equal(index.size, 1)
    await index.close()
  }
})

test('a writer that has lost its lock takes no checkpoint, and removes neither snapshots nor segments of the other', async (t) => {
  const { directory, first, second } = await twoWriters(t)
  await second.append(large)
  await second.checkpoint({ seq: second.lastSeq, snapshot: async () => 'of the second' })
  await prepared(directory, 4)
  const picture = async (): Promise<string[]> => (await readdir(directory, { recursive: true })).toSorted()
  const before = await picture()
  let asked = false
  const snapshot = async (): Promise<string> => {
    asked = true
    return 'of the first'
  }
  await assert.rejects(first.checkpoint({ seq: 2, snapshot }), refusal('WALV_LOCK_LOST'))
  assert.equal(asked, false)
  await assert.rejects(first.append(insert('late')), stopped)
  await first.close()
  assert.deepEqual(await picture(), before)
})

test('a lock that is lost while a snapshot is written makes the checkpoint fail, and nothing of the other is removed', async (t) => {
  const directory = join(await temporaryDirectory(t), 'log')
  const first = await openWal(t, { directory })
  await appendAll(first, names('before', 3))
  let snapshots: string[] = []
  const snapshot = async (): Promise<null> => {
    await rm(join(directory, 'LOCK'))
    const second = await openWal(t, { directory })
    await second.checkpoint({ seq: 2, snapshot: async () => 'of the second' })
    snapshots = await readdir(join(directory, 'snapshots'))
    return null
  }
  await assert.rejects(first.checkpoint({ seq: 2, snapshot }), refusal('WALV_LOCK_LOST'))
  assert.deepEqual(await readdir(join(directory, 'snapshots')), snapshots)
})

test('closing tells a writer that its lock is lost, gives up its own, and leaves the prepared segment of the other', async (t) => {
  const directory = join(await temporaryDirectory(t), 'log')
  const first = await openWal(t, { directory })
  await rm(join(directory, 'LOCK'))
  const second = await openWal(t, { directory })
  await second.append(customOf(150_000))
  await prepared(directory, 3)
  const before = await readdir(directory)
  await assert.rejects(first.close(), refusal('WALV_LOCK_LOST'))
  assert.deepEqual(await readdir(directory), before)
  await second.append(insert('goes on'))
})

test('what was written before the lock was found lost may be in the log that goes on, and its refusal says so', async (t) => {
  for (const durability of ['commit', 'os'] as const) {
    const directory = join(await temporaryDirectory(t), 'log')
    const first = await openWal(t, { directory, durability })
    await appendAll(first, names('before', 3))
    await rm(join(directory, 'LOCK'))
    await assert.rejects(first.append(insert('written')), (error: WalError) => {
      assert.equal(error.seq, 3, 'the record to look for')
      return refusal('WALV_LOCK_LOST', 'unknown')(error)
    })
    const second = await openWal(t, { directory, durability })
    assert.deepEqual(await idsIn(second), [...names('before', 3), 'written'])
  }
})

test('a checkpoint that waits for a sync makes nothing in what takes the place of the directory meanwhile', async (t) => {
  const directory = join(await temporaryDirectory(t), 'log')
  const disk = new FailingDisk()
  const first = await openWal(t, { directory, durability: 'os', disk })
  await appendAll(first, names('before', 3))
  const sync = disk.hold('sync', /\.walv$/)
  const checkpoint = first.checkpoint({ seq: 2, snapshot: async () => null })
  await sync.reached
  await rename(directory, `${directory}-moved`)
  const second = await openWal(t, { directory })
  sync.release()
  await assert.rejects(checkpoint, refusal('WALV_LOCK_LOST'))
  assert.deepEqual(await readdir(directory), ['LOCK', 'segment-0000000001.walv'])
  await second.close()
  assert.deepEqual(await idsOf(directory), [])
})
