/** A durable index over logs that are not `Wal`s, and over one that others write to as well. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  DurableIndex,
  flat,
  logConformance,
  Random,
  SimulatedDisk,
  Wal,
  type WalError,
} from '../support/kit.ts'
import { SharedMemory } from './shared-memory-log.ts'

describe('a log in memory that several write to', () => {
  const place = () => {
    const memory = new SharedMemory()
    return { open: async () => memory.open() }
  }
  const without = { transactionRecords: false, twoPhaseCommit: false }
  for (const { name, run } of logConformance(place, without)) test(name, run)

  test('is asked for nothing that it does without', () => {
    const names = (capabilities: object) => logConformance(place, capabilities).map(({ name }) => name)
    assert.equal(names({}).length, names(without).length + 5)
    assert.equal(names({}).length, names({ twoPhaseCommit: false }).length + 3)
  })
})

const openOver = (memory: SharedMemory): Promise<DurableIndex> =>
  DurableIndex.open({ log: memory.open(), index: flat({ dimensions: 2 }), checkpointIntervalEntries: false })

/** Two that write, and what both are to agree on. */
async function pair(seed = 1) {
  const memory = new SharedMemory(seed)
  const [one, other] = [await openOver(memory), await openOver(memory)]
  const close = async () => {
    await one.close()
    await other.close()
  }
  return { memory, one, other, [Symbol.asyncDispose]: close }
}

/** The codes of what was refused; undefined of what was not. */
const codes = async (calls: readonly Promise<unknown>[]): Promise<(string | undefined)[]> =>
  (await Promise.allSettled(calls)).map((each) =>
    each.status === 'rejected' ? (each.reason as WalError).code : undefined,
  )

test('of two that insert an id at once one wins, and the other is told', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    await using both = await pair(seed)
    const told = await codes([both.one.insert('a', [1, 0]), both.other.insert('a', [0, 1])])
    assert.deepEqual(told.toSorted(), ['WALV_DUPLICATE_ID', undefined])
    await both.memory.caughtUp()
    const winner = told[0] === undefined ? [1, 0] : [0, 1]
    for (const index of [both.one, both.other]) {
      assert.deepEqual([...index.get('a')!.vector], winner)
      assert.equal(index.size, 1)
    }
  }
})

test('nothing is refused or answered for a state that another has changed, and that is not seen yet', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    await using both = await pair(seed)
    const { one, other, memory } = both
    await one.insert('a', [1, 0])
    assert.equal(await other.delete('a'), true, 'it was there, seen or not')
    await one.insert('a', [2, 0])
    await other.update('a', { metadata: 'new' })
    await other.delete('a')
    await one.insert('a', [3, 0])
    await memory.caughtUp()
    assert.deepEqual([...other.get('a')!.vector], [3, 0])
    assert.equal(one.fingerprint(), other.fingerprint())
  }
})

test('what the log says of its vectors is no change that was replayed', async () => {
  await using both = await pair()
  await both.memory.caughtUp()
  assert.deepEqual([both.one.recovery.replayed, both.other.recovery.replayed], [0, 0])
})

test('of two that delete an id at once one is told that it was there', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    await using both = await pair(seed)
    await both.one.insert('a', [1, 0])
    const answers = await Promise.all([both.one.delete('a'), both.other.delete('a')])
    assert.deepEqual(answers.toSorted(), [false, true])
    await both.memory.caughtUp()
    assert.deepEqual([both.one.size, both.other.size], [0, 0])
  }
})

test('a batch and a transaction with an entry that is not possible at their place have no effect', async () => {
  await using both = await pair()
  await both.one.insert('taken', [1, 0])
  const batch = both.other.batch([
    { type: 'insert', id: 'b', vector: [1, 1] },
    { type: 'insert', id: 'taken', vector: [1, 1] },
  ])
  const transaction = both.other.transaction(async (tx) => {
    await tx.insert('c', [1, 1])
    await tx.insert('taken', [1, 1])
  })
  assert.deepEqual(await codes([batch, transaction]), ['WALV_DUPLICATE_ID', 'WALV_DUPLICATE_ID'])
  await both.memory.caughtUp()
  for (const index of [both.one, both.other]) assert.deepEqual([...index.ids()], ['taken'])
})

test('whoever comes later begins with the snapshot, and follows from there', async () => {
  await using both = await pair()
  await both.one.insertMany(Array.from({ length: 30 }, (_, at) => ({ id: `${at}`, vector: [at, 1] })))
  await both.memory.caughtUp()
  await both.other.checkpoint()
  await both.other.delete('3')
  await using third = await openOver(both.memory)
  assert.equal(third.recovery.fromSnapshot, 30)
  assert.equal(third.recovery.replayed, 1)
  await both.one.insert('late', [1, 1])
  await both.memory.caughtUp()
  assert.equal(third.has('late'), true)
  assert.equal(third.fingerprint(), both.one.fingerprint())
})

/** Any change of one of a few ids, so that the writers are in each other's way. */
function anyChange(index: DurableIndex, random: Random): Promise<unknown> {
  const id = `${random.below(6)}`
  const vector = [random.below(100), random.below(100)]
  const entries = [id, `${random.below(6)}`].map((each) => ({ type: 'insert', id: each, vector }) as const)
  return random.pick([
    () => index.insert(id, vector),
    () => index.upsert(id, vector, { n: vector[0]! }),
    () => index.update(id, { metadata: vector }),
    () => index.delete(id),
    () => index.batch(entries),
    () => index.transaction((tx) => tx.upsert(id, vector)),
  ])()
}

const POSSIBLE = new Set([undefined, 'WALV_DUPLICATE_ID', 'WALV_NOT_FOUND', 'WALV_CONFLICT'])

test('whatever two write at once, every reader comes to the same state', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new Random(seed)
    await using both = await pair(seed)
    const { one, other, memory } = both
    for (let round = 0; round < 5; round++) {
      const calls = Array.from({ length: 20 }, () => anyChange(random.pick([one, other]), random))
      for (const code of await codes(calls)) assert.ok(POSSIBLE.has(code), `seed ${seed}: ${code}`)
      if (random.chance(0.3)) await one.checkpoint()
    }
    await memory.caughtUp()
    await using fresh = await openOver(memory)
    for (const index of [other, fresh]) {
      assert.equal(index.fingerprint(), one.fingerprint(), `seed ${seed}`)
      assert.deepEqual([...index.ids()].toSorted(), [...one.ids()].toSorted())
    }
  }
})

describe('a Wal that is open already', () => {
  const open = async (disk: SimulatedDisk) =>
    DurableIndex.open({ log: await Wal.open({ directory: '/data', disk }), index: flat({ dimensions: 2 }) })

  test('carries an index, which closes it', async () => {
    const disk = new SimulatedDisk()
    const index = await open(disk)
    await index.insert('a', [1, 2], { n: 1 })
    await index.checkpoint()
    await index.insert('b', [3, 4])
    await assert.rejects(index.insert('a', [1, 2]), { code: 'WALV_DUPLICATE_ID', fate: 'not-logged' })
    const before = index.fingerprint()
    await index.close()
    const again = await open(disk)
    assert.equal(again.fingerprint(), before)
    assert.deepEqual([again.recovery.fromSnapshot, again.recovery.replayed], [1, 1])
    assert.equal((await again.health()).level, 'ok')
    await again.close()
    const byDirectory = await DurableIndex.open({
      directory: '/data',
      disk,
      index: flat({ dimensions: 2 }),
    })
    assert.equal(byDirectory.fingerprint(), before)
    await byDirectory.close()
  })

  test('stays open, and yours, where the index does not fit', async () => {
    const disk = new SimulatedDisk()
    await (await open(disk)).close()
    const log = await Wal.open({ directory: '/data', disk })
    await assert.rejects(DurableIndex.open({ log, index: flat({ dimensions: 3 }) }), {
      code: 'WALV_INDEX_MISMATCH',
    })
    assert.equal(await log.append({ type: 'delete', id: 'a' }), log.lastSeq)
    await log.close()
  })

  test('is refused if it is none, and beside options of a directory', async () => {
    const index = flat({ dimensions: 2 })
    for (const options of [
      { log: {}, index },
      { log: undefined, index },
      { log: null, index },
    ])
      await assert.rejects(DurableIndex.open(options as never), { code: 'WALV_INVALID_OPTION' })
    const log = new SharedMemory().open()
    await assert.rejects(DurableIndex.open({ log, index, directory: '/data' } as never), {
      code: 'WALV_INVALID_OPTION',
      message: /directory/,
    })
  })
})
