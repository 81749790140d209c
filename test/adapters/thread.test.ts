/** A graph in a thread: what is found while it lags, is saved, is loaded, or is dead. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { GraphIndex } from '../../src/adapters/graph/graph-index.ts'
import { hostFor } from '../../src/adapters/graph/hosting.ts'
import { WorkerHost } from '../../src/adapters/graph/worker-host.ts'
import { graphEngine } from '../../src/adapters/usearch/engine.ts'
import { type UsearchOptions, usearch } from '../../src/adapters/usearch.ts'
import { demoWords } from '../../src/cli/demo/words.ts'
import { nextTurn } from '../../src/clock.ts'
import { DurableIndex, openIndex, temporaryDirectory } from '../support/kit.ts'
import { loaded, saved, Twins, warningsOf } from './engines.ts'
import type { MortalSettings } from './mortal-engine.ts'

const DIMENSIONS = 100
const COUNT = 5_000
const QUERIES = 60
const SETTINGS = {
  dimensions: DIMENSIONS,
  metric: 'cosine',
  quantization: 'f32',
  connectivity: 16,
  expansionAdd: 128,
  expansionSearch: 64,
  threads: 2,
} as const

let words: Float32Array[]
let queries: Float32Array[]
before(async () => {
  words = []
  for await (const { vector } of await demoWords()) words.push(vector)
  queries = words.slice(-QUERIES)
})

const make = (options: Partial<UsearchOptions> = {}): GraphIndex =>
  usearch({ dimensions: DIMENSIONS, ...options }) as GraphIndex

/** An index with usearch in threads that can be ended, or that end by themselves. */
function mortal(settings: object = SETTINGS, module = '../../src/adapters/usearch/engine.js') {
  const worker = { module: new URL(module, import.meta.url), options: settings }
  const engine = { ...graphEngine(SETTINGS), worker }
  const hosts: WorkerHost[] = []
  const index = new GraphIndex(engine, DIMENSIONS, 'cosine', {
    makeHost: (onEnd) => {
      const host = hostFor(engine)(onEnd)
      assert.ok(host instanceof WorkerHost)
      hosts.push(host)
      return host
    },
  })
  return { index, hosts }
}

for (const quantization of ['f32', 'i8'] as const) {
  test(`what is found with ${quantization} is at no moment less than with a full graph`, async (t) => {
    const twins = new Twins(make({ quantization }))
    const recalls: Record<string, number> = {}
    for (const [label, vector] of words.slice(0, COUNT).entries()) twins.set(label, vector)
    assert.ok(twins.index.lag! > 0)
    recalls['all lags'] = await twins.recall(queries)
    await twins.index.caughtUp!()
    const full = await twins.recall(queries)
    for (const [at, vector] of words.slice(COUNT, COUNT + 600).entries()) twins.set(COUNT + at, vector)
    for (let label = 0; label < 300; label++) twins.set(label, words[COUNT + 700 + label]!)
    recalls['some lags'] = await twins.recall(queries)
    const saving = saved(twins.index)
    await nextTurn()
    recalls['being saved'] = await twins.recall(queries)
    const copy = new Twins(await loaded(make({ quantization }), await saving), twins.exact)
    recalls['being loaded'] = await copy.recall(queries)
    await copy.index.caughtUp!()
    recalls.loaded = await copy.recall(queries)
    t.diagnostic(JSON.stringify({ full, ...recalls }))
    for (const phase of ['all lags', 'being loaded']) assert.equal(recalls[phase], 1, phase)
    for (const [phase, recall] of Object.entries(recalls))
      assert.ok(recall >= Math.min(0.98, full - 0.01), `${phase}: ${recall}, and ${full} with a full graph`)
    await twins.index.close!()
    await copy.index.close!()
  })
}

test('a thread that is ended while vectors are added and searched is replaced, and nothing is missed', async (t) => {
  const warnings = warningsOf(t)
  const { index, hosts } = mortal()
  const twins = new Twins(index)
  for (let round = 0; round < 3; round++) {
    for (const [at, vector] of words.slice(round * 1_200, (round + 1) * 1_200).entries())
      twins.set(round * 1_200 + at, vector)
    const searches = twins.recall(queries.slice(0, 20))
    await new Promise((resolve) => setTimeout(resolve, 40))
    const killed = hosts.at(-1)!.kill()
    assert.ok((await searches) >= 0.98)
    assert.ok((await twins.recall(queries.slice(0, 20))) >= 0.98)
    await killed
    assert.equal(await twins.recall(queries.slice(0, 20)), 1)
    await index.caughtUp()
    assert.equal(index.lag, 0)
  }
  assert.ok((await twins.recall(queries)) >= 0.98)
  assert.equal(hosts.length, 4)
  assert.equal(warnings.length, 3)
  assert.match(warnings[0]!, /The thread with the graph of usearch ended: it ended with code \d/)
  await index.close()
})

for (const ending of ['exit', 'throw'] as const) {
  test(`a thread that ends by itself (${ending}) is replaced; after three in a row all are compared`, async (t) => {
    const warnings = warningsOf(t)
    const livesFile = join(await temporaryDirectory(t), 'lives')
    const settings: MortalSettings = { ...SETTINGS, ending, afterAdds: 600, livesFile }
    for (const lives of [1, 3]) {
      await writeFile(livesFile, String(lives))
      const { index } = mortal(settings, './mortal-engine.js')
      const twins = new Twins(index)
      for (const [label, vector] of words.slice(0, 1_500).entries()) twins.set(label, vector)
      const told = await index.caughtUp().then(
        () => 'caught up',
        ({ code }) => code,
      )
      assert.equal(told, lives === 1 ? 'caught up' : 'WALV_ENGINE')
      assert.equal(await readFile(livesFile, 'utf8'), '0')
      assert.ok((await twins.recall(queries)) >= (lives === 1 ? 0.98 : 1))
      await index.close()
    }
    const reason = ending === 'exit' ? /ended: it ended with code 3/ : /ended: the engine broke/
    assert.equal(warnings.length, 4)
    assert.match(warnings[0]!, reason)
    assert.match(warnings[3]!, /could not be built: its thread ended 3 times in a row/)
  })
}

test('the main thread has its turns while a graph is built, saved and loaded', async () => {
  const index = make()
  for (const [label, vector] of words.slice(0, COUNT).entries()) index.set(label, vector)
  let turns = 0
  let isDone = false
  const count = (): void => {
    turns++
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  await index.caughtUp()
  const whileBuilt = turns
  await saved(index)
  isDone = true
  assert.ok(whileBuilt > 1_000, `${whileBuilt} turns`)
  await index.close()
})

test('a durable index tells how far its graph lags, waits for it when asked, and opens without it', async (t) => {
  const directory = await temporaryDirectory(t)
  const open = (): Promise<DurableIndex> =>
    DurableIndex.open({ directory, index: make(), checkpointIntervalEntries: false })
  const index = await open()
  const insert = (from: number, end: number): Promise<unknown> =>
    Promise.all(words.slice(from, end).map((vector, at) => index.insert(`${from + at}`, vector)))
  await insert(0, 2_000)
  assert.ok(index.stats().graphLag > 0)
  await index.caughtUp()
  assert.equal(index.stats().graphLag, 0)
  await index.checkpoint()
  await insert(2_000, 2_400)
  await index.close()
  await assert.rejects(index.caughtUp(), { code: 'WALV_CLOSED' })
  const again = await open()
  assert.equal(again.recovery.fromSnapshot, 2_000)
  assert.ok(again.stats().graphLag > 0)
  const [hit] = await again.search(words[2_399]!, { k: 1 })
  assert.deepEqual([hit!.id, hit!.distance], ['2399', 0])
  await again.caughtUp()
  assert.equal(again.stats().graphLag, 0)
  await again.close()
})

test('changes wait where the graph lags more than it may, and do not keep an index from closing', async (t) => {
  const directory = await temporaryDirectory(t)
  const graph = make({ maxLag: 300 })
  const index = await openIndex(t, { directory, index: graph })
  let most = 0
  for (let from = 0; from < 2_000; from += 100) {
    await Promise.all(words.slice(from, from + 100).map((vector, at) => index.insert(`${from + at}`, vector)))
    most = Math.max(most, index.stats().graphLag)
  }
  assert.ok(most > 0 && most <= 400, `the graph lagged by ${most}`)
  const last = words.slice(2_000, 3_000).map((vector, at) => index.insert(`${2_000 + at}`, vector))
  const behind = words.slice(3_000, 3_100).map((vector, at) => index.insert(`${3_000 + at}`, vector))
  await Promise.all(last)
  await index.close()
  await Promise.all(behind)
  const again = await openIndex(t, { directory, index: make() })
  assert.equal(again.size, 3_100)
})

test('vectors that come and go by many are all found, with dead ones in the graph', async () => {
  const twins = new Twins(make({ metric: 'l2' }))
  const recalls: number[] = []
  for (let round = 0; round < 4; round++) {
    for (let label = 0; label < 800; label++) {
      twins.set(label, words[(round * 800 + label) % words.length]!)
      if ((label + round) % 5 === 0) twins.remove(label)
    }
    const lagging = await twins.recall(queries)
    await twins.index.caughtUp!()
    recalls.push(lagging, await twins.recall(queries))
  }
  assert.ok(Math.min(...recalls) >= 0.97, recalls.join())
  await twins.index.close!()
})

test('closing saves a graph that took long to be built, and that the next opening loads', async (t) => {
  const directory = await temporaryDirectory(t)
  const first = await openIndex(t, { directory, index: make() })
  await first.insertMany(words.slice(0, 4000).map((vector, at) => ({ id: `${at}`, vector })))
  await first.caughtUp()
  await first.close()
  const index = make()
  const again = await openIndex(t, { directory, index })
  assert.equal(again.recovery.fromSnapshot, 4000)
  await again.caughtUp()
  assert.equal(index.workMs, 0, 'nothing was built again')
})
