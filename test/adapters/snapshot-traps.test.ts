/** Traps of engines, as in traps.test.ts: those of saving a graph and of loading it. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MemorySnapshot } from '../index/memory-snapshot.ts'
import {
  alter,
  collect,
  DurableIndex,
  flat,
  openIndex,
  type SnapshotWriter,
  temporaryDirectory,
  type VectorIndex,
} from '../support/kit.ts'
import { eachEngine, MANY } from './each-engine.ts'
import { countCalls, type Engine, loaded, saved, Twins, vectorsOf, warningsOf } from './engines.ts'

const filled = async ({ makeHere }: Engine, dimensions = 8): Promise<Twins> => {
  const twins = new Twins(makeHere({ dimensions }))
  for (const [label, vector] of vectorsOf(dimensions, MANY).entries()) twins.set(label, vector)
  await twins.index.caughtUp!()
  return twins
}

eachEngine((engine) => {
  const { make } = engine

  test('a graph of other dimensions in the place of its own is not taken, and everything is there', async (t) => {
    const warnings = warningsOf(t)
    const twins = await filled(engine, 16)
    const files = await saved(twins.index)
    const other = await saved((await filled(engine, 8)).index)
    const header = JSON.parse(Buffer.from(files.files.get('graph.json')!).toString())
    header.graphs[0].bytes = other.files.get('graph-0.native')!.length
    files.files.set('graph.json', Buffer.from(JSON.stringify(header)))
    files.files.set('graph-0.native', other.files.get('graph-0.native')!)
    const copy = await loaded(make({ dimensions: 16 }), files)
    assert.equal(copy.size, MANY)
    assert.equal(await new Twins(copy, twins.exact).recall(vectorsOf(16, 20, 2)), 1)
    await copy.caughtUp!()
    assert.ok((await new Twins(copy, twins.exact).recall(vectorsOf(16, 20, 2))) > 0.95)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, /it has 8 dimensions, not 16\. \w+ builds it again from 600 vectors/)
  })

  test('a snapshot of other options is loaded, and its graph built again, with a warning', async (t) => {
    const warnings = warningsOf(t)
    const twins = await filled(engine)
    const loads = countCalls(t, engine, engine.load)
    const copy = await loaded(engine.makeOther({ dimensions: 8 }), await saved(twins.index))
    assert.equal(loads.calls, 0)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, /it was made with .* builds it again from 600 vectors/)
    assert.equal(copy.lag, MANY)
    await copy.caughtUp!()
    assert.ok((await new Twins(copy, twins.exact).recall(vectorsOf(8, 20, 2))) > 0.95)
  })
})

eachEngine((engine) => {
  const { makeHere: make } = engine

  test('the engine sees no file whose hash is not that of the checkpoint', async (t) => {
    const directory = await temporaryDirectory(t)
    const open = (): Promise<DurableIndex> =>
      DurableIndex.open({ directory, index: make({ dimensions: 4 }), checkpointIntervalEntries: false })
    await using index = await open()
    await Promise.all(vectorsOf(4, 50).map((vector, at) => index.insert(`id-${at}`, vector)))
    await index.caughtUp()
    await index.checkpoint()
    const fingerprint = index.fingerprint()
    await index.close()
    const loads = countCalls(t, engine, engine.load)
    await (await open()).close()
    assert.equal(loads.calls, 1)
    const [snapshot] = readdirSync(join(directory, 'snapshots'))
    await alter(join(directory, 'snapshots', snapshot!, 'graph-0.native'), (content) => {
      content[content.length >> 1]! ^= 1
      return content
    })
    await using again = await open()
    assert.equal(loads.calls, 1)
    assert.equal(again.recovery.fromSnapshot, 0)
    assert.equal(again.fingerprint(), fingerprint)
    assert.deepEqual(readdirSync(join(directory, 'quarantine')), [snapshot])
  })

  test('a graph that was not saved whole is built again, and no vector is missing', async (t) => {
    const directory = await temporaryDirectory(t)
    const index = make({ dimensions: 2 })
    const freeze = index.freeze.bind(index)
    index.freeze = () => {
      const frozen = freeze()
      const save: typeof frozen.save = (files) => {
        const write: SnapshotWriter['write'] = async (name, pieces) => {
          if (!name.startsWith('graph')) return files.write(name, pieces)
          const [first] = await collect(pieces as AsyncIterable<Uint8Array>)
          await files.write(name, [first!.subarray(0, 5)])
        }
        return frozen.save({ ...files, write })
      }
      return { ...frozen, save }
    }
    const first = await openIndex(t, { directory, index })
    for (let at = 0; at < 20; at++) await first.insert(`id-${at}`, [at, 1])
    await first.caughtUp()
    await first.checkpoint()
    await first.close()
    const again = await openIndex(t, { directory, index: make({ dimensions: 2 }) })
    assert.deepEqual([again.fingerprint(), again.recovery.fromSnapshot], [first.fingerprint(), 20])
    assert.deepEqual([again.recovery.damage, again.recovery.quarantined], [[], []])
  })
})

eachEngine(({ make }) => {
  test('what cosine makes of vectors stays in the engine: they come back as they were given, also from a snapshot', async (t) => {
    const directory = await temporaryDirectory(t)
    const open = (): Promise<DurableIndex> => openIndex(t, { directory, index: make({ dimensions: 3 }) })
    const vectors = [
      [3, 4, 5],
      [-0, 1e-45, 1],
      [3e38, -3e38, 1],
      [0, 0, 0],
    ].map((each) => Float32Array.from(each))
    const index = await open()
    for (const [at, vector] of vectors.entries()) await index.insert(`${at}`, vector)
    await index.checkpoint()
    const fingerprint = index.fingerprint()
    await index.close()
    const again = await open()
    assert.equal(again.recovery.fromSnapshot, 4)
    assert.equal(again.fingerprint(), fingerprint)
    for (const [at, vector] of vectors.entries()) {
      assert.deepEqual(Buffer.from(again.get(`${at}`)!.vector.buffer), Buffer.from(vector.buffer))
    }
  })

  test('what flat wrote is opened with the engine, from log and snapshot, and the other way round', async (t) => {
    const directory = await temporaryDirectory(t)
    const open = (index: VectorIndex): Promise<DurableIndex> => openIndex(t, { directory, index })
    const first = await open(flat({ dimensions: 2, metric: 'l2' }))
    for (let at = 0; at < 300; at++) await first.insert(`id-${at}`, [at, 1], { at })
    await first.checkpoint()
    await first.delete('id-7')
    await first.insert('behind', [7, 1])
    const expected = first.fingerprint()
    const near = await first.search([7, 1], { k: 3 })
    await first.close()
    for (const index of [make({ dimensions: 2, metric: 'l2' }), flat({ dimensions: 2, metric: 'l2' })]) {
      const opened = await open(index)
      assert.deepEqual([opened.fingerprint(), opened.recovery.damage], [expected, []])
      assert.ok(opened.recovery.fromSnapshot > 0)
      assert.deepEqual(await opened.search([7, 1], { k: 3 }), near)
      await opened.checkpoint()
      await opened.close()
    }
  })
})

eachEngine((engine) => {
  const { makeHere: make } = engine

  test('a snapshot of nothing does not go through the engine', async (t) => {
    const calls = [engine.save, engine.load].map((method) => countCalls(t, engine, method))
    const files = await saved(make({ dimensions: 3 }))
    const index = await loaded(make({ dimensions: 3 }), files)
    assert.deepEqual(
      calls.map((each) => each.calls),
      [0, 0],
    )
    index.set(1, Float32Array.of(1, 2, 3))
    assert.deepEqual(
      (await index.search(Float32Array.of(1, 2, 3), 5)).map(({ label }) => label),
      [1],
    )
  })

  test('freezing does not wait for the engine, and what changes before it saves is found, and not in the snapshot', async (t) => {
    const warnings = warningsOf(t)
    const saves = countCalls(t, engine, engine.save)
    const twins = await filled(engine)
    const then = new Twins(make({ dimensions: 8 }))
    for (const [label, vector] of vectorsOf(8, MANY).entries()) then.exact.set(label, vector)
    const frozen = twins.index.freeze()
    assert.equal(saves.calls, 0)
    const changes = vectorsOf(8, 400, 3)
    for (const [at, vector] of changes.entries()) {
      if (at % 4 === 0) twins.remove(at)
      else twins.set(at % 2 === 0 ? at : 10_000 + at, vector)
    }
    const queries = [...vectorsOf(8, 30, 2), ...changes.slice(0, 30)]
    assert.ok((await twins.recall(queries)) > 0.95)
    const files = new MemorySnapshot()
    await frozen.save(files)
    frozen.release()
    assert.equal(saves.calls, 1)
    await then.index.load(files)
    assert.equal(then.index.size, MANY)
    assert.ok((await then.recall([...queries, ...vectorsOf(8, 30)])) > 0.95)
    await then.index.caughtUp!()
    assert.ok((await then.recall([...queries, ...vectorsOf(8, 30)])) > 0.95)
    await twins.index.caughtUp!()
    assert.ok((await twins.recall(queries)) > 0.95)
    assert.deepEqual(warnings, [])
  })
})

eachEngine(({ makeHere: make }) => {
  test('no room for temporary files fails a checkpoint or an opening by name, and nothing else', async (t) => {
    const directory = await temporaryDirectory(t)
    const before = process.env.TMPDIR
    t.after(() => {
      if (before === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = before
    })
    const index = await openIndex(t, { directory, index: make({ dimensions: 2 }) })
    await index.insert('a', [1, 2])
    process.env.TMPDIR = join(directory, 'missing')
    await index.caughtUp()
    await assert.rejects(index.checkpoint(), { message: /TMPDIR/ })
    await index.insert('b', [1, 3])
    process.env.TMPDIR = directory
    await index.caughtUp()
    assert.equal((await index.checkpoint())?.sequenceNumber, 2)
    await index.close()
    process.env.TMPDIR = join(directory, 'missing')
    const open = (): Promise<DurableIndex> => openIndex(t, { directory, index: make({ dimensions: 2 }) })
    await assert.rejects(open, { code: 'WALV_IO', message: /TMPDIR/ })
    process.env.TMPDIR = directory
    assert.equal((await open()).size, 2)
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.startsWith('walv-graph')),
      [],
    )
  })
})
