import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import {
  closing,
  type Disk,
  DurableIndex,
  flat,
  names,
  nodeDisk,
  openIndex,
  openWal,
  refusal,
  temporaryDirectory,
  until,
  Wal,
} from '../../support/kit.ts'

const RULES = {
  checkpointIntervalEntries: false,
  checkpointRetention: 1,
  segmentMaxBytes: 64 * 1024,
} as const

const fill = (index: DurableIndex, prefix: string, count: number, length = 10): Promise<unknown> =>
  Promise.all(names(prefix, count).map((id, at) => index.upsert(id, [at, 1], { text: 'x'.repeat(length) })))

interface Pair {
  readonly directory: string
  readonly writer: DurableIndex
  readonly follower: DurableIndex
}

async function pair(t: TestContext, disk: Disk = nodeDisk): Promise<Pair> {
  const directory = await temporaryDirectory(t)
  const writer = await openIndex(t, { directory, index: flat({ dimensions: 2 }), ...RULES })
  const follower = await openIndex(t, { directory, index: flat({ dimensions: 2 }), follow: true, disk })
  return { directory, writer, follower }
}

const same = (follower: DurableIndex, writer: DurableIndex): Promise<void> =>
  until(() => follower.fingerprint() === writer.fingerprint())

test('an index that follows answers with what its writer does, without being opened again', async (t) => {
  const { writer, follower } = await pair(t)
  await fill(writer, 'a', 20)
  await same(follower, writer)
  const [hit] = await follower.search([19, 1], { k: 1 })
  assert.equal(hit?.id, (await writer.search([19, 1], { k: 1 }))[0]?.id)
  await writer.delete('a-3')
  await writer.update('a-4', { metadata: { text: 'new' } })
  await writer.transaction(async (tx) => {
    await tx.insert('t', [1, 2])
    await tx.delete('a-5')
  })
  await same(follower, writer)
  assert.equal(follower.has('a-3'), false)
  assert.deepEqual(follower.get('a-4')?.metadata, { text: 'new' })
  const { lagMs, recordsBehind } = follower.stats()
  assert.deepEqual({ lagMs, recordsBehind }, { lagMs: 0, recordsBehind: 0 })
})

test('an index that follows refuses every change, and says why', async (t) => {
  const { follower } = await pair(t)
  for (const change of [
    () => follower.insert('a', [1, 2]),
    () => follower.upsert('a', [1, 2]),
    () => follower.update('a', { vector: [1, 2] }),
    () => follower.delete('a'),
    () => follower.batch([{ type: 'delete', id: 'a' }]),
    () => follower.transaction(() => {}),
    () => follower.insertMany([]),
    () => follower.flush(),
  ])
    await assert.rejects(change(), refusal('WALV_READ_ONLY', 'not-logged'), String(change))
})

test('an index that is opened to follow has what the snapshot holds, and goes on from there', async (t) => {
  const directory = await temporaryDirectory(t)
  const writer = await openIndex(t, { directory, index: flat({ dimensions: 2 }), ...RULES })
  await fill(writer, 'a', 300)
  await writer.checkpoint()
  await fill(writer, 'b', 5)
  const follower = await openIndex(t, { directory, index: flat({ dimensions: 2 }), follow: true })
  assert.ok(follower.recovery.fromSnapshot === 300)
  await fill(writer, 'c', 5)
  await same(follower, writer)
})

test('an index over a log that follows keeps up as well', async (t) => {
  const { directory, writer } = await pair(t)
  const log = await Wal.open({ directory, follow: true })
  assert.equal(log.follows, true)
  const follower = closing(t, await DurableIndex.open({ log, index: flat({ dimensions: 2 }) }))
  await fill(writer, 'a', 5)
  await same(follower, writer)
  await assert.rejects(follower.upsert('b', [1, 2]), refusal('WALV_READ_ONLY'))
})

/** A disk that tells nothing new while it is paused. */
function pausing(): { disk: Disk; pause(): void; resume(): void } {
  let wait = Promise.resolve()
  let resume = (): void => {}
  const { watch: _, ...unwatched } = nodeDisk
  const disk: Disk = {
    ...unwatched,
    async list(path) {
      await wait
      return nodeDisk.list(path)
    },
    async open(path, mode) {
      await wait
      const file = await nodeDisk.open(path, mode)
      const read = file.read.bind(file)
      file.read = async (buffer, position) => {
        await wait
        return read(buffer, position)
      }
      return file
    },
  }
  const pause = (): void => {
    wait = new Promise((resolve) => {
      resume = resolve
    })
  }
  return { disk, pause, resume: () => resume() }
}

test('an index that retention overtakes takes over the newest snapshot in one step, and goes on', async (t) => {
  const { disk, pause, resume } = pausing()
  const { writer, follower } = await pair(t, disk)
  await fill(writer, 'a', 50)
  await same(follower, writer)
  const states = new Set<string>()
  const allowed = [follower.fingerprint()]
  pause()
  for (let round = 0; round < 4; round++) {
    await fill(writer, 'a', 40, 2_000 + round)
    await writer.delete(`a-${round}`)
    await writer.checkpoint()
  }
  assert.ok(writer.stats().firstSeq > 60, `the log begins at ${writer.stats().firstSeq}`)
  allowed.push(writer.fingerprint())
  for (const id of names('z', 3)) {
    await writer.upsert(id, [1, 2])
    allowed.push(writer.fingerprint())
  }
  resume()
  await until(() => {
    states.add(follower.fingerprint())
    return follower.fingerprint() === writer.fingerprint()
  })
  // Nothing in between: what it had, the snapshot, and then one change after the other.
  for (const state of states) assert.ok(allowed.includes(state))
  assert.equal(follower.size, writer.size)
  await writer.upsert('later', [5, 5])
  await same(follower, writer)
})

test('an index whose log is gone says so, and answers no more', async (t) => {
  const { directory, writer, follower } = await pair(t)
  await fill(writer, 'a', 3)
  await same(follower, writer)
  await rm(directory, { recursive: true })
  await until(() => follower.stats().poisoned)
  assert.throws(() => follower.get('a-1'), refusal('WALV_NO_DIRECTORY'))
})

test('what has no effect at its place has none in an index that follows', async (t) => {
  const directory = await temporaryDirectory(t)
  const writer = await openWal(t, { directory })
  const follower = await openIndex(t, { directory, index: flat({ dimensions: 1 }), follow: true })
  await writer.append({ type: 'insert', id: 'a', vector: [1] })
  await writer.append({ type: 'insert', id: 'a', vector: [2] })
  await writer.append({ type: 'update', id: 'b', vector: [2] })
  await writer.append({ type: 'insert', id: 'c', vector: [3] })
  await until(() => follower.has('c'))
  assert.deepEqual([...follower.get('a')!.vector, follower.has('b')], [1, false])
  await follower.close()
})

test('an index that follows has everything also where its writer takes a checkpoint while it opens', async (t) => {
  const directory = await temporaryDirectory(t)
  const options = { directory, index: flat({ dimensions: 2 }), ...RULES, checkpointRetention: 10 }
  const writer = await openIndex(t, options)
  await fill(writer, 'a', 5)
  await writer.checkpoint()
  await fill(writer, 'b', 5)
  let hasLoaded = false
  let isDone = false
  const disk: Disk = {
    ...nodeDisk,
    async open(path, mode) {
      if (path.includes('snapshot')) hasLoaded = true
      return nodeDisk.open(path, mode)
    },
    // The first list behind the loading of the snapshot.
    async list(path) {
      if (hasLoaded && !isDone) {
        isDone = true
        await writer.checkpoint()
        await fill(writer, 'c', 5)
        await fill(writer, 'd', 5)
      }
      return nodeDisk.list(path)
    },
  }
  const follower = await openIndex(t, { directory, index: flat({ dimensions: 2 }), follow: true, disk })
  assert.ok(isDone)
  await same(follower, writer)
})
