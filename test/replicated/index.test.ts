/** An index over a replicated log: what its users ask for, on several nodes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replicatedLog } from '../../src/replicated/replicated-log.ts'
import { DurableIndex, flat, SimulatedDisk, SimulatedEngine } from '../support/kit.ts'
import { openNode, QUICK } from './nodes.ts'

const toOpen = (engine: SimulatedEngine, disk: SimulatedDisk) =>
  replicatedLog({
    openEngine: async () => engine.connect(),
    name: 'simulated',
    cacheDirectory: '/cache',
    disk,
    timing: QUICK,
  })

test('an index opens the log that it is given, closes it, and finds all of it again', async () => {
  const engine = new SimulatedEngine()
  const disk = new SimulatedDisk()
  const open = () => DurableIndex.open({ log: toOpen(engine, disk), index: flat({ dimensions: 2 }) })
  const index = await open()
  await index.insert('a', [1, 2], { n: 1 })
  await assert.rejects(index.insert('a', [1, 2]), { code: 'WALV_DUPLICATE_ID', fate: 'not-logged' })
  await index.checkpoint()
  await index.upsert('b', [3, 4])
  const { position } = index
  await index.close()
  const again = await open()
  assert.deepEqual(again.position, position)
  assert.deepEqual([again.recovery.fromSnapshot, again.recovery.replayed], [1, 1])
  await again.close()
})

test('where it cannot be opened, engine and folder are free again', async () => {
  const engine = new SimulatedEngine()
  const disk = new SimulatedDisk()
  await (await DurableIndex.open({ log: toOpen(engine, disk), index: flat({ dimensions: 2 }) })).close()
  const wrong = DurableIndex.open({ log: toOpen(engine, disk), index: flat({ dimensions: 3 }) })
  await assert.rejects(wrong, { code: 'WALV_INDEX_MISMATCH' })
  await (await DurableIndex.open({ log: toOpen(engine, disk), index: flat({ dimensions: 2 }) })).close()
})

test('two nodes have a folder each', async () => {
  const engine = new SimulatedEngine()
  const disk = new SimulatedDisk()
  await using _ = await openNode(engine, { disk })
  await assert.rejects(openNode(engine, { disk }), { code: 'WALV_LOCKED', message: /cacheDirectory/ })
})

test('sync shows what was acknowledged elsewhere, also to a node that only reads', async () => {
  const engine = new SimulatedEngine({ maxLatencyMs: 4 })
  await using one = await openNode(engine)
  await using reader = await openNode(engine, { readOnly: true })
  for (let count = 0; count < 20; count++) {
    await one.index.insert(`${count}`, [count, 1])
    await reader.index.sync()
    assert.ok(reader.index.has(`${count}`), `${count} is not there after sync`)
  }
  await assert.rejects(reader.index.insert('x', [1, 1]), { code: 'WALV_READ_ONLY', fate: 'not-logged' })
  await assert.rejects(
    reader.index.transaction(() => {}),
    { code: 'WALV_READ_ONLY' },
  )
  assert.equal(reader.index.fingerprint(), one.index.fingerprint())
})

test('conditions, keys, filters and transactions are decided in the order of the log', async () => {
  const engine = new SimulatedEngine({ maxLatencyMs: 3 })
  await using one = await openNode(engine)
  await using other = await openNode(engine)
  await one.index.insert('a', [1, 1], { n: 1 })
  const { seq } = one.index.get('a')!
  const both = await Promise.allSettled([
    one.index.upsert('a', [2, 1], { n: 2 }, { ifSeq: seq }),
    other.index.sync().then(() => other.index.upsert('a', [3, 1], { n: 3 }, { ifSeq: seq })),
  ])
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const again = { idempotencyKey: 'once' }
  await one.index.insert('b', [1, 2], { n: 4 }, again)
  await other.index.insert('b', [1, 2], { n: 4 }, again)
  await other.index.transaction(async (tx) => {
    await tx.insert('c', [1, 3], { n: 5 })
    await tx.delete('b')
  })
  await one.index.sync()
  assert.deepEqual([...one.index.ids()].toSorted(), ['a', 'c'])
  assert.equal(await one.index.deleteWhere({ n: { $gt: 4 } }), 1)
  await other.index.sync()
  assert.deepEqual([...other.index.ids()], ['a'])
  assert.equal(one.index.fingerprint(), other.index.fingerprint())
})

test('changes tell what every node did, as it takes effect', async () => {
  const engine = new SimulatedEngine()
  await using one = await openNode(engine)
  await using other = await openNode(engine)
  const told: string[] = []
  const changes = one.index.changes({ from: 0 })
  await one.index.insert('a', [1, 1])
  await other.index.upsert('b', [1, 1])
  await assert.rejects(other.index.insert('a', [1, 1]), { code: 'WALV_DUPLICATE_ID' })
  await other.index.delete('a')
  for await (const { kind, id } of changes) {
    told.push(`${kind} ${id}`)
    if (told.length === 3) break
  }
  assert.deepEqual(told, ['insert a', 'upsert b', 'delete a'])
})

test('a checkpoint lets the log behind the one before go, and whoever comes begins with it', async () => {
  const engine = new SimulatedEngine()
  await using one = await openNode(engine)
  for (let round = 0; round < 4; round++) {
    for (let count = 0; count < 5; count++) await one.index.insert(`${round}.${count}`, [count, 1])
    await one.index.checkpoint()
  }
  const { range } = engine.store
  assert.ok(range.first > 1, 'nothing was trimmed')
  assert.equal([...engine.store.objects.keys()].filter((key) => key.startsWith('manifests/')).length, 2)
  await using late = await openNode(engine)
  assert.equal(late.index.recovery.fromSnapshot, 20)
  assert.deepEqual(late.index.position, one.index.position)
})

test('a snapshot that has lost a piece is passed over for the one before', async () => {
  const engine = new SimulatedEngine()
  await using one = await openNode(engine)
  await one.index.insert('a', [1, 1])
  await one.index.checkpoint()
  await one.index.insert('b', [1, 1])
  await one.index.checkpoint()
  const newest = [...engine.store.objects.keys()]
    .filter((key) => key.startsWith('pieces/'))
    .toSorted()
    .at(-1)!
  engine.store.objects.delete(newest)
  await using late = await openNode(engine)
  assert.equal(late.index.recovery.fromSnapshot, 1)
  assert.deepEqual(late.index.position, one.index.position)
})
