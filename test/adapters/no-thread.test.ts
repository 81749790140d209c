/** Where no thread can be had. In a file of its own: it is then so for the rest of the process. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GraphIndex } from '../../src/adapters/graph/graph-index.ts'
import { hostFor, workerEngine } from '../../src/adapters/graph/hosting.ts'
import { LocalHost } from '../../src/adapters/graph/local-host.ts'
import { graphEngine } from '../../src/adapters/usearch/engine.ts'
import { usearch } from '../../src/adapters/usearch.ts'
import { Twins, vectorsOf, warningsOf } from './engines.ts'

const SETTINGS = {
  dimensions: 16,
  metric: 'l2',
  quantization: 'f32',
  connectivity: 16,
  expansionAdd: 128,
  expansionSearch: 64,
  threads: 1,
} as const

test('a thread that does not start leaves the graph to the main thread, which is told once', async (t) => {
  const warnings = warningsOf(t)
  const worker = { module: new URL('./missing.js', import.meta.url), options: SETTINGS }
  const engine = { ...graphEngine(SETTINGS), worker }
  for (let round = 0; round < 2; round++) {
    const twins = new Twins(new GraphIndex(engine, 16, 'l2'))
    for (const [label, vector] of vectorsOf(16, 600).entries()) twins.set(label, vector)
    await twins.index.caughtUp!()
    assert.equal(twins.index.lag, 0)
    assert.ok((await twins.recall(vectorsOf(16, 30, 2))) > 0.95)
  }
  assert.ok(hostFor(engine)(() => {}) instanceof LocalHost)
  // What is not beside the program is not looked for elsewhere, as in a bundle.
  for (const url of [undefined, 'file:///nowhere/bundle.js', 'data:text/javascript,'])
    assert.equal(workerEngine('usearch', url, SETTINGS), undefined)
  assert.equal(warnings.length, 1)
  assert.match(warnings[0]!, /usearch works in the main thread, .* its thread does not start \(.*missing\.js/)
})

test('threads: 0 means it, and nobody is told', async (t) => {
  const warnings = warningsOf(t)
  const twins = new Twins(usearch({ dimensions: 16, threads: 0 }))
  for (const [label, vector] of vectorsOf(16, 600).entries()) twins.set(label, vector)
  await twins.index.caughtUp!()
  assert.ok((await twins.recall(vectorsOf(16, 30, 2))) > 0.95)
  assert.deepEqual(warnings, [])
})
