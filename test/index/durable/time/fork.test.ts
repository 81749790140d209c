import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { unfinishedFork } from '../../../../src/index/durable/time/fork.ts'
import {
  collect,
  type Disk,
  DurableIndex,
  diagnose,
  flat,
  nodeDisk,
  openIndex,
  refusal,
  scanLog,
  temporaryDirectory,
  Wal,
} from '../../../support/kit.ts'
import { contentOf, DIRECTORY, Past, vectors } from './past.ts'

const openFork = (past: Past, directory: string, disk: Disk = past.disk): Promise<DurableIndex> =>
  DurableIndex.open({ directory, disk, index: vectors(), checkpointIntervalEntries: false })

for (const seed of [51, 52])
  test(`a fork is what its source was, and goes its own way (seed ${seed})`, async () => {
    const past = await Past.open(seed, { checkpointRetention: 100 })
    for (let round = 0; round < 3; round++) {
      await past.change(12)
      await past.index.checkpoint()
      past.note()
    }
    await past.change(5)
    const { lastSeq } = past.index.stats()
    for (let seq = -1; seq <= lastSeq; seq += 4) {
      const directory = `/fork-${seq}`
      const forked = await past.index.fork(directory, { seq })
      assert.equal(forked.seq, seq)
      const fork = await openFork(past, directory)
      assert.equal(fork.fingerprint(), past.after(seq), `after record ${seq}`)
      await fork.upsert('own', [seq + 1, 0, 0])
      await fork.checkpoint()
      await fork.close()
      const again = await openFork(past, directory)
      assert.ok(again.has('own'))
      await again.close()
      assert.equal((await diagnose({ directory, disk: past.disk })).verdict, 'healthy')
    }
    assert.ok(!past.index.has('own'))
    const now = await past.index.fork('/fork-now')
    assert.equal(now.seq, lastSeq)
    await past.index.close()
  })

test('the two logs have identities of their own, and records the times that they had', async () => {
  let now = 1_000
  const past = await Past.open(53, { clock: () => now })
  for (; now < 2_000; now += 100) {
    await past.change(3)
    if (now === 1_500) await past.index.checkpoint()
    past.note()
  }
  now = 9_000
  await past.index.fork('/fork')
  const fork = await openFork(past, '/fork')
  for (const time of [1_600, 1_700, 1_900]) {
    const at = async (directory: string): Promise<Map<string, string>> => {
      await using index = await DurableIndex.openAt({ directory, disk: past.disk, index: vectors(), time })
      return contentOf(index)
    }
    assert.deepEqual(await at('/fork'), await at(DIRECTORY))
  }
  const idOf = async (directory: string): Promise<Buffer> => {
    const name = (await past.disk.list(directory))
      .map(({ name }) => name)
      .find((name) => name.endsWith('.walv'))
    const file = await past.disk.open(`${directory}/${name}`, 'read')
    const bytes = Buffer.alloc(16)
    await file.read(bytes, 24)
    await file.close()
    return bytes
  }
  assert.notDeepEqual(await idOf('/fork'), await idOf(DIRECTORY))
  await fork.close()
  await past.index.close()
})

test('a fork whose snapshot rots is refused, and not opened without what it began with', async () => {
  const past = await Past.open(58)
  await past.change(10)
  await past.index.checkpoint()
  await past.change(3)
  await past.index.fork('/fork')
  const fork = await openFork(past, '/fork')
  await fork.fork('/fork-of-fork')
  await fork.close()
  const [folder] = await past.disk.list('/fork/snapshots')
  // It is the same file in both.
  past.disk.flipBit(`/fork/snapshots/${folder!.name}/vectors.walvflat`, 60)
  for (const directory of ['/fork', '/fork-of-fork']) {
    const { verdict } = await diagnose({ directory, disk: past.disk })
    assert.notEqual(verdict, 'healthy')
    await assert.rejects(openFork(past, directory), refusal('WALV_DAMAGED'))
  }
  await past.index.close()
})

for (const way of ['shared', 'copied'] as const)
  test(`what the source lets go of, a fork keeps (${way})`, async (t) => {
    const home = await temporaryDirectory(t)
    const { share: _, ...withoutSharing } = nodeDisk
    const disk: Disk = way === 'shared' ? nodeDisk : withoutSharing
    const options = { disk, checkpointIntervalEntries: false, checkpointRetention: 1 } as const
    const index = await openIndex(t, {
      ...options,
      directory: join(home, 'a'),
      index: flat({ dimensions: 500 }),
    })
    // Large enough for its space to be given back in pieces.
    await index.insertMany(
      Array.from({ length: 5_000 }, (_, at) => ({ id: `id-${at}`, vector: new Float32Array(500).fill(at) })),
    )
    await index.checkpoint()
    const fingerprint = index.fingerprint()
    await index.fork(join(home, 'b'))
    const [folder] = await readdir(join(home, 'b/snapshots'))
    const { nlink, size } = await stat(join(home, 'b/snapshots', folder!, 'vectors.walvflat'))
    assert.ok(size > 8 * 1024 * 1024)
    if (way === 'copied') assert.equal(nlink, 1)
    await index.deleteWhere(() => true)
    await index.checkpoint()
    await index.close()
    const fork = await openIndex(t, {
      ...options,
      directory: join(home, 'b'),
      index: flat({ dimensions: 500 }),
    })
    assert.equal(fork.fingerprint(), fingerprint)
    assert.equal(fork.recovery.fromSnapshot, 5_000)
    assert.deepEqual(fork.recovery.damage, [])
  })

test('what took effect together does so in the fork, and the user’s own records are there', async () => {
  const disk = (await Past.open(54)).disk
  const wal = await Wal.open({ directory: '/raw', disk })
  await wal.appendBatch([
    { type: 'insert', id: 'a', vector: [1, 2, 3] },
    { type: 'custom', kind: 'mine', data: Buffer.from('x') },
  ])
  await wal.close()
  const index = await DurableIndex.open({ directory: '/raw', disk, index: vectors() })
  await index.transaction(async (transaction) => {
    await transaction.upsert('b', [1, 2, 3])
    await transaction.upsert('c', [1, 2, 3])
  })
  const { replayed } = await index.fork('/fork')
  // The record of what the vectors are is one of them.
  assert.equal(replayed, 3)
  await index.close()
  const kinds = (await collect(scanLog({ directory: '/fork', disk }))).map((item) =>
    'record' in item && item.record.entry.type === 'batch'
      ? item.record.entry.entries.map(({ type }) => type)
      : [],
  )
  assert.deepEqual(
    kinds.filter((each) => each.length > 0),
    [
      ['insert', 'custom'],
      ['insert', 'insert'],
    ],
  )
})

test('a fork is refused into what is not empty, and of what is not kept or not there', async () => {
  const past = await Past.open(55)
  await past.change(3)
  await past.index.fork('/fork')
  await assert.rejects(past.index.fork('/fork'), refusal('WALV_INVALID_OPTION'))
  await assert.rejects(past.index.fork(DIRECTORY), refusal('WALV_INVALID_OPTION'))
  await assert.rejects(past.index.fork(''), refusal('WALV_INVALID_OPTION'))
  await assert.rejects(past.index.fork('/other', { seq: 1_000 }), refusal('WALV_NOT_FOUND'))
  assert.deepEqual((await past.disk.list('/')).map(({ name }) => name).toSorted(), ['fork', 'log'])
  await past.index.close()
})

test('an index that is only read is forked, also at an earlier moment', async () => {
  const past = await Past.open(56, { checkpointRetention: 100 })
  const seqs: number[] = []
  for (let round = 0; round < 3; round++) {
    await past.change(10)
    await past.index.checkpoint()
    past.note()
    seqs.push(past.index.stats().lastSeq)
  }
  await past.index.close()
  await using reader = await DurableIndex.openAt({
    directory: DIRECTORY,
    disk: past.disk,
    index: vectors(),
    seq: seqs[1]!,
  })
  for (const seq of [seqs[0]!, seqs[1]!, 5]) {
    await reader.fork(`/fork-${seq}`, { seq })
    const fork = await openFork(past, `/fork-${seq}`)
    assert.equal(fork.fingerprint(), past.after(seq))
    await fork.close()
  }
})

test('a fork that was cut short leaves nothing under its name, and the next try begins anew', async () => {
  const past = await Past.open(57)
  await past.change(10)
  await past.index.checkpoint()
  const wanted = past.index.fingerprint()
  const from = past.disk.ops.length
  await past.index.fork('/whole')
  const steps = past.disk.ops.length - from
  assert.ok(steps > 30)
  for (let step = 0; step < steps; step++) {
    const cut = past.disk.kill()
    let done = 0
    const other = await DurableIndex.open({ directory: DIRECTORY, disk: cut, index: vectors() })
    cut.onOperation = () => {
      if (done++ === step) cut.stop()
      return undefined
    }
    await other.fork('/cut').catch(() => {})
    for (const found of [step % 2 === 0 ? 'nothing' : 'everything', { seed: step }] as const) {
      const disk = cut.crash(found)
      const names = (await disk.list('/')).map(({ name }) => name)
      if (names.includes('cut')) {
        const fork = await openFork(past, '/cut', disk)
        assert.equal(fork.fingerprint(), wanted, `step ${step}`)
        await fork.close()
      } else {
        const again = await DurableIndex.open({ directory: DIRECTORY, disk, index: vectors() })
        await again.fork('/cut')
        assert.ok(!(await disk.list('/')).some(({ name }) => name === unfinishedFork('/cut').slice(1)))
        await again.close()
      }
    }
  }
})
