import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import {
  type FlatOptions,
  flat,
  type Neighbour,
  type VectorIndex,
  vectorIndexConformance,
} from '../support/kit.ts'
import { caseOf } from './case-of.ts'
import { WRONG_CONTENTS } from './wrong/index-contents.ts'
import { WRONG_DURABLE } from './wrong/index-durable.ts'
import { WRONG_LAG } from './wrong/index-lag.ts'
import { WRONG_SEARCH } from './wrong/index-search.ts'
import { WRONG_SNAPSHOTS } from './wrong/index-snapshots.ts'
import { WRONG_VERSIONS } from './wrong/index-versions.ts'

const WRONG_INDEXES = {
  ...WRONG_CONTENTS,
  ...WRONG_SEARCH,
  ...WRONG_LAG,
  ...WRONG_SNAPSHOTS,
  ...WRONG_DURABLE,
  ...WRONG_VERSIONS,
}

const FLATS: FlatOptions[] = [
  { dimensions: 8, metric: 'cosine' },
  { dimensions: 3, metric: 'l2', allowNonFinite: true },
  { dimensions: 5, metric: 'ip' },
  { dimensions: 1, metric: 'l2' },
  { dimensions: 100, metric: 'cosine', allowNonFinite: true },
]

for (const options of FLATS) {
  describe(`flat(${JSON.stringify(options)})`, () => {
    for (const { name, run } of vectorIndexConformance(() => flat(options))) test(name, run)
  })
}

type Search = (query: Float32Array, k: number, accept?: (label: number) => boolean) => Promise<Neighbour[]>

/** A flat index that is searched in another way. */
function searched(makeSearch: (index: VectorIndex) => Search): VectorIndex {
  const index = flat({ dimensions: 8 })
  const search = makeSearch(index)
  return new Proxy(index, {
    get(target, name) {
      if (name === 'search') return search
      // It answers one query at a time.
      if (name === 'searchMany') return undefined
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Answers later, and leaves one neighbour in ten out. */
const approximate = (): VectorIndex =>
  searched((index) => async (query, k, accept = () => true) => {
    await setImmediate()
    return index.search(query, k, (label) => accept(label) && label % 11 !== 9)
  })

/** Answers as of the call, but only once something was removed. */
const late = (): VectorIndex =>
  searched((index) => async (query, k, accept = () => true) => {
    const then = await index.search(query, Number.MAX_SAFE_INTEGER)
    while (index.size === then.length && index.size > 30) await setImmediate()
    return then.filter(({ label }) => accept(label)).slice(0, k)
  })

test('an index that answers only when something was removed meanwhile serves a DurableIndex too', () => {
  const name = 'a DurableIndex over it is searched with a filter while it changes'
  return caseOf(vectorIndexConformance(late), name).run()
})

describe('an approximate index', () => {
  for (const { name, run } of vectorIndexConformance(approximate, { minRecall: 0.8 })) test(name, run)
})

test('an approximate index is not taken for an exact one, nor for a better one', async () => {
  const name = 'a search finds the nearest, nearest first, at the distances of the metric'
  for (const options of [{}, { minRecall: 0.97 }]) {
    const { run } = caseOf(vectorIndexConformance(approximate, options), name)
    await assert.rejects(run(), /of the 250 nearest were found/)
  }
})

test('an approximate index has to keep the order of labels too', async () => {
  const { type, caughtBy } = WRONG_SEARCH['breaks ties by larger label']!
  const { run } = caseOf(
    vectorIndexConformance(() => new type(), { minRecall: 0.8 }),
    caughtBy,
  )
  await assert.rejects(run(), /at an equal distance/)
})

test('the cases leave nothing behind in the folder for temporary files', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'walv-cases-'))
  const before = process.env.TMPDIR
  process.env.TMPDIR = directory
  try {
    const made = new Set<string>()
    const make = (): VectorIndex => {
      for (const name of readdirSync(directory)) made.add(name)
      return flat({ dimensions: 2 })
    }
    for (const { run } of vectorIndexConformance(make)) await run()
    assert.ok(made.size > 5, `${made.size} folders were made`)
    assert.deepEqual(readdirSync(directory), [])
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
    await rm(directory, { recursive: true })
  }
})

describe('an index that', () => {
  const caught = new Set<string>()

  for (const [what, { type, caughtBy }] of Object.entries(WRONG_INDEXES)) {
    test(`${what} fails the case: ${caughtBy}`, async () => {
      await assert.rejects(
        caseOf(
          vectorIndexConformance(() => new type()),
          caughtBy,
        ).run(),
      )
      caught.add(caughtBy)
    })
  }

  test('breaks any sentence at all is caught by the case of that name', () => {
    const all = vectorIndexConformance(() => flat({ dimensions: 2 })).map(({ name }) => name)
    assert.deepEqual([...caught].sort(), all.sort())
  })
})
