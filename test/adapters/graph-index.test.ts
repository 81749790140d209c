/**
 * What is walv's own in an adapter, with a graph that finds everything: whatever is missing then is
 * missing by its fault.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { GraphIndex } from '../../src/adapters/graph/graph-index.ts'
import { Scratch } from '../../src/adapters/graph/scratch.ts'
import { type Metric, Random, vectorIndexConformance } from '../support/kit.ts'
import { BruteGraph, bruteEngine } from './brute-graph.ts'
import { saved, Twins, vectorsOf } from './engines.ts'

const make = (dimensions = 4, metric: Metric = 'l2'): GraphIndex =>
  new GraphIndex(bruteEngine, dimensions, metric)

describe('over a graph that finds everything', () => {
  for (const { name, run } of vectorIndexConformance(() => make())) test(name, run)
})

test('while a worn graph is replaced, nothing is missing, no call does much, and a snapshot has both', async () => {
  const twins = new Twins(make())
  const random = new Random(9)
  const vectors = vectorsOf(4, 3_000)
  const queries = vectorsOf(4, 4, 2)
  for (const [label, vector] of vectors.slice(0, 400).entries()) twins.set(label, vector)
  const madeBefore = BruteGraph.made
  let snapshots = 0
  for (const [at, vector] of vectors.entries()) {
    // One for the vector itself, two for each of the two changes.
    BruteGraph.addsLeft = 5
    const label = random.below(400)
    if (at % 10 === 0) twins.remove(label)
    twins.set(label, vector)
    BruteGraph.addsLeft = Number.POSITIVE_INFINITY
    if (at % 50 === 0) assert.equal(await twins.recall(queries), 1)
    if (at % 250 !== 60) continue
    const files = await saved(twins.index)
    snapshots += Number(files.files.has('graph-1.native'))
    const copy = new Twins(make(), twins.exact)
    await copy.index.load(files)
    assert.equal(await copy.recall(queries), 1)
  }
  const graphs = BruteGraph.made - madeBefore
  assert.ok(graphs >= 3 && graphs < 30, `${graphs} graphs were made`)
  assert.ok(snapshots > 0, 'no snapshot had two graphs')
})

test('a vector that the engine does not take leaves everything as it was', async () => {
  const twins = new Twins(make())
  for (const [label, vector] of vectorsOf(4, 400).entries()) twins.set(label, vector)
  const [vector] = vectorsOf(4, 1, 3)
  BruteGraph.addsLeft = 0
  assert.throws(() => twins.index.set(5, vector!), /out of memory/)
  assert.throws(() => twins.index.set(1_000, vector!), /out of memory/)
  BruteGraph.addsLeft = Number.POSITIVE_INFINITY
  assert.equal(twins.index.size, 400)
  assert.deepEqual(twins.index.get(5), twins.exact.get(5))
  assert.equal(await twins.recall(vectorsOf(4, 20, 2)), 1)
})

test('a filter is asked until k are found, and all are compared where few are let through', async () => {
  const twins = new Twins(make())
  for (const [label, vector] of vectorsOf(4, 2_000).entries()) twins.set(label, vector)
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
  for (let round = 0; round < 800; round++) twins.set(5, Float32Array.of(0.5, 0.5, 0.5, round / 1e6))
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
