/**
 * What is walv's own in an adapter, with a graph that finds everything: whatever is missing then is
 * missing by its fault.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Generation } from '../../src/adapters/graph/generation.ts'
import { GraphIndex, type GraphIndexTuning } from '../../src/adapters/graph/graph-index.ts'
import { captureGraphs } from '../../src/adapters/graph/graph-snapshot.ts'
import type { GraphHost } from '../../src/adapters/graph/host.ts'
import { Scratch } from '../../src/adapters/graph/scratch.ts'
import { nextTurn } from '../../src/clock.ts'
import { MemorySnapshot } from '../index/memory-snapshot.ts'
import { type Metric, Random, vectorIndexConformance } from '../support/kit.ts'
import { BruteGraph, bruteEngine } from './brute-graph.ts'
import { saved, Twins, vectorsOf, warningsOf } from './engines.ts'
import { lagging } from './lagging-host.ts'

const make = (dimensions = 4, metric: Metric = 'l2', tuning: GraphIndexTuning = {}): GraphIndex =>
  new GraphIndex(bruteEngine, dimensions, metric, tuning)

describe('over a graph that finds everything', () => {
  for (const { name, run } of vectorIndexConformance(() => make())) test(name, run)
})

describe('over a graph that lags behind', () => {
  const tuning = (): GraphIndexTuning => ({
    makeHost: lagging(bruteEngine, { maxTurns: 3 }),
    batchVectors: 16,
  })
  for (const { name, run } of vectorIndexConformance(() => make(4, 'l2', tuning()))) test(name, run)
})

test('while a worn graph is replaced, nothing is missing, no call does much, and a snapshot has both', async () => {
  const tuning = (): GraphIndexTuning => ({
    makeHost: lagging(bruteEngine, { maxTurns: 1 }),
    batchVectors: 4,
  })
  const twins = new Twins(make(4, 'l2', tuning()))
  const random = new Random(9)
  const vectors = vectorsOf(4, 3_000)
  const queries = vectorsOf(4, 4, 2)
  for (const [label, vector] of vectors.slice(0, 400).entries()) twins.set(label, vector)
  const madeBefore = BruteGraph.made
  let snapshots = 0
  for (const [at, vector] of vectors.entries()) {
    const label = random.below(400)
    BruteGraph.addsLeft = 0
    if (at % 10 === 0) twins.remove(label)
    twins.set(label, vector)
    BruteGraph.addsLeft = Number.POSITIVE_INFINITY
    await nextTurn()
    assert.ok(twins.index.lag! >= 0)
    if (at % 50 === 0) assert.equal(await twins.recall(queries), 1)
    if (at % 250 !== 60) continue
    const files = await saved(twins.index)
    snapshots += Number(files.files.has('graph-1.native'))
    const copy = new Twins(make(4, 'l2', tuning()), twins.exact)
    await copy.index.load(files)
    assert.equal(await copy.recall(queries), 1)
    await copy.index.caughtUp!()
    assert.equal(await copy.recall(queries), 1)
  }
  await twins.index.caughtUp!()
  assert.equal(await twins.recall(queries), 1)
  const graphs = BruteGraph.made - madeBefore
  assert.ok(graphs >= 3 && graphs < 60, `${graphs} graphs were made`)
  assert.ok(snapshots > 0, 'no snapshot had two graphs')
})

test('what is set after the freeze is not taken for what is in the snapshot', async () => {
  const twins = new Twins(make())
  const vectors = vectorsOf(4, 800)
  for (const [label, vector] of vectors.slice(0, 400).entries()) twins.set(label, vector)
  await twins.index.caughtUp!()
  const then = new Twins(make())
  for (const [label, vector] of vectors.slice(0, 400).entries()) then.exact.set(label, vector)
  const frozen = twins.index.freeze()
  for (let label = 0; label < 300; label++) twins.set(label, vectors[400 + label]!)
  await twins.index.caughtUp!()
  const files = new MemorySnapshot()
  await frozen.save(files)
  frozen.release()
  await then.index.load(files)
  await then.index.caughtUp!()
  assert.equal(await then.recall(vectors.slice(0, 300)), 1)
})

test('a snapshot names no key that came to a graph after it was written', async () => {
  const generation = new Generation(1)
  generation.reserve(10)
  for (let key = 0; key < 10; key++) generation.adopt(100 + key, key)
  const host = {
    save: async (_: number, path: string) => {
      writeFileSync(path, 'a graph')
      return { entries: 6, nextKey: 6 }
    },
  } as Partial<GraphHost> as GraphHost
  const graphs = await captureGraphs('brute', host, [generation], new Set([103]))
  const files = new MemorySnapshot()
  await graphs.save(bruteEngine, files)
  graphs.close()
  const { graphs: written } = JSON.parse(Buffer.from(files.files.get('graph.json')!).toString())
  assert.deepEqual(written, [{ bytes: 7, entries: 6, nextKey: 6, pairs: 5 }])
})

test('a vector that the engine does not take is compared always, and the others are in the graph', async () => {
  const twins = new Twins(make())
  const vectors = vectorsOf(4, 600)
  for (const [label, vector] of vectors.slice(0, 400).entries()) twins.set(label, vector)
  await twins.index.caughtUp!()
  const stubborn = new Set([5, 1_000, 1_007])
  for (const label of [5, 1_000, 1_001, 1_002, 1_007]) {
    const vector = vectors[500 + (label % 50)]!
    if (stubborn.has(label)) BruteGraph.refused.add(vector[0]!)
    twins.set(label, vector)
  }
  assert.equal(twins.index.lag, 5)
  await twins.index.caughtUp!()
  BruteGraph.refused.clear()
  assert.equal(await twins.recall([...vectorsOf(4, 20, 2), ...vectors.slice(500)]), 1)
  const files = await saved(twins.index)
  assert.equal(files.files.get('graph-0.keys')!.length / 16, 399 + 2)
})

test('an engine that takes nothing is given up, and everything is found', async (t) => {
  const warnings = warningsOf(t)
  const twins = new Twins(make())
  BruteGraph.addsLeft = 0
  for (const [label, vector] of vectorsOf(4, 600).entries()) twins.set(label, vector)
  await assert.rejects(twins.index.caughtUp!(), { code: 'WALV_ENGINE', message: /out of memory/ })
  BruteGraph.addsLeft = Number.POSITIVE_INFINITY
  twins.set(1, Float32Array.of(1, 2, 3, 4))
  twins.remove(2)
  assert.equal(await twins.recall(vectorsOf(4, 20, 2)), 1)
  assert.equal(warnings.length, 3)
  assert.match(warnings[2]!, /could not be built: .* 3 times in a row, .* out of memory/)
  const copy = new Twins(make(), twins.exact)
  await copy.index.load(await saved(twins.index))
  await copy.index.caughtUp!()
  assert.equal(await copy.recall(vectorsOf(4, 20, 2)), 1)
})

test('hosts that die one after the other lose nothing, and the one that stays catches up', async (t) => {
  warningsOf(t)
  const queries = vectorsOf(4, 10, 2)
  let caughtUp = 0
  for (let seed = 1; seed < 12; seed++) {
    const makeHost = lagging(bruteEngine, { maxTurns: 2, maxCommands: 40 }, seed)
    const twins = new Twins(make(4, 'l2', { makeHost, batchVectors: 16 }))
    const random = new Random(seed)
    for (const [at, vector] of vectorsOf(4, 1_200, seed).entries()) {
      const label = random.below(600)
      twins.set(label, vector)
      if (at % 7 === 0) twins.remove(label)
      if (at % 30 !== 29) continue
      await nextTurn()
      assert.equal(await twins.recall(queries), 1)
      if (at % 300 === 299) {
        const copy = new Twins(make(), twins.exact)
        await copy.index.load(await saved(twins.index))
        assert.equal(await copy.recall(queries), 1)
      }
    }
    await twins.index.caughtUp!().then(
      () => caughtUp++,
      (error) => assert.equal(error.code, 'WALV_ENGINE'),
    )
    assert.equal(await twins.recall(queries), 1)
  }
  assert.ok(caughtUp > 5, `${caughtUp} caught up`)
})

test('what changes while it is on its way to the graph is found as it is', async () => {
  const twins = new Twins(
    make(4, 'l2', { makeHost: lagging(bruteEngine, { maxTurns: 4 }), batchVectors: 32 }),
  )
  const vectors = vectorsOf(4, 1_000)
  for (const [label, vector] of vectors.entries()) twins.set(label, vector)
  for (let round = 0; twins.index.lag! > 0; round++) {
    for (let at = 0; at < 5; at++)
      twins.set((round * 37 + at * 101) % 1_000, vectors[(round * 13 + at) % 1_000]!)
    if (round > 200) await twins.index.caughtUp!()
    await nextTurn()
    if (round % 5 === 0) assert.equal(await twins.recall(vectorsOf(4, 3, round + 2)), 1)
  }
  assert.equal(await twins.recall(vectors.slice(0, 50)), 1)
})

test('a caller is told when there is room, and that an index was closed', async () => {
  const makeHost = lagging(bruteEngine, { maxTurns: 2 })
  const index = make(4, 'l2', { makeHost, batchVectors: 8, maxLag: 50 })
  for (const [label, vector] of vectorsOf(4, 400).entries()) index.set(label, vector)
  assert.deepEqual([index.lag, index.isFull], [400, true])
  await index.room()
  assert.ok(index.lag <= 50 && !index.isFull)
  const caughtUp = index.caughtUp()
  await index.close()
  await assert.rejects(caughtUp, { code: 'WALV_CLOSED' })
  await assert.rejects(index.caughtUp(), { code: 'WALV_CLOSED' })
  assert.equal((await index.search(Float32Array.of(1, 2, 3, 4), 5)).length, 5)
})

test('a filter is asked until k are found, and all are compared where few are let through', async () => {
  const twins = new Twins(make())
  for (const [label, vector] of vectorsOf(4, 2_000).entries()) twins.set(label, vector)
  await twins.index.caughtUp!()
  const queries = vectorsOf(4, 20, 2)
  for (const every of [1, 2, 10, 100, 1_000]) {
    assert.equal(await twins.recall(queries, (label) => label % every === 0), 1)
  }
  let asked = 0
  await twins.index.search(queries[0]!, 10, () => ++asked > 0)
  assert.ok(asked < 100, `the filter was asked about ${asked} where it lets all through`)
})

test('vectors set again and again in one place do not hide the others', async () => {
  const twins = new Twins(make())
  for (const [label, vector] of vectorsOf(4, 900).entries()) twins.set(label, vector)
  for (let round = 0; round < 800; round++) {
    twins.set(5, Float32Array.of(0.5, 0.5, 0.5, round / 1e6))
    await twins.index.caughtUp!()
  }
  assert.equal(await twins.recall([Float32Array.of(0.5, 0.5, 0.5, 0), ...vectorsOf(4, 5, 2)]), 1)
})

test('a temporary file is read as it was written, has no name where that can be, and is gone when closed', (t) => {
  // One of its own: other tests that run at this time make such files, too.
  const { TMPDIR } = process.env
  const folder = mkdtempSync(join(tmpdir(), 'walv-scratch-'))
  process.env.TMPDIR = folder
  t.after(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
    rmSync(folder, { recursive: true })
  })
  const names = (): string[] => readdirSync(folder)
  const file = new Scratch()
  const content = Buffer.alloc(3 * 1024 * 1024 + 5, 'abc')
  file.append(content.subarray(0, 7))
  file.append(content.subarray(7))
  assert.equal(file.bytes, content.length)
  const pieces = [...file.pieces()].map((piece) => piece.length)
  assert.equal(Math.max(...pieces), 1024 * 1024)
  assert.ok(Buffer.concat(Array.from(file.pieces(), (piece) => new Uint8Array(piece))).equals(content))
  if (process.platform === 'linux') assert.deepEqual(names(), [])
  file.close()
  assert.ok(!existsSync(file.path))
  assert.deepEqual(names(), [])
})
