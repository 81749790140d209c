import assert from 'node:assert/strict'
import { Random } from '../random.ts'
import type { Checks } from './case.ts'
import { answerOf, bitsOf, type IndexSubject, type Pair, vectorsFor } from './index-subject.ts'

/** An index with `count` vectors under labels 0, 10, 20 … that were set in no order. */
async function filled(subject: IndexSubject, count: number): Promise<Pair> {
  const pair = await subject.makePair()
  const vectors = vectorsFor(pair.index, count)
  for (const place of new Random(5).shuffle([...vectors.keys()])) pair.set(place * 10, vectors[place]!)
  return pair
}

/** What a search answers. */
export const indexSearch: Checks<IndexSubject> = {
  async 'the search of an empty index finds nothing'(subject) {
    const index = await subject.make()
    const [query] = vectorsFor(index, 1)
    assert.deepEqual(await index.search(query!, 10), [])
    index.set(1, query!)
    index.remove(1)
    assert.deepEqual(await index.search(query!, 10), [])
    assert.deepEqual(await index.search(query!, 10, () => true), [])
  },

  async 'a search finds the nearest, nearest first, at the distances of the metric'(subject) {
    const pair = await filled(subject, 500)
    const queries = [...vectorsFor(pair.index, 20, 2), ...[...pair.contents.values()].slice(0, 5)]
    await pair.checkSearches(queries.map((query) => ({ query, k: 10 })))
  },

  async 'vectors at the same distance come by smaller label'(subject) {
    const pair = await filled(subject, 20)
    const [same, ...queries] = vectorsFor(pair.index, 20, 2)
    for (const label of new Random(1).shuffle(Array.from({ length: 12 }, (_, at) => 10 * at + 5)))
      pair.set(label, same!)
    await pair.checkSearches([same!, ...queries].map((query) => ({ query, k: 32 })))
    const answer = await pair.search({ query: same!, k: 5, accept: (label) => label % 10 === 5 })
    if (subject.minRecall === 1) {
      assert.deepEqual(
        answer.map(({ label }) => label),
        [5, 15, 25, 35, 45],
      )
    }
  },

  async 'a search finds at most k, and all if there are fewer'(subject) {
    const pair = await filled(subject, 30)
    const queries = vectorsFor(pair.index, 20, 2)
    for (const k of [1, 2, 29, 30, 31, 1_000_000, Number.MAX_SAFE_INTEGER]) {
      await pair.checkSearches(queries.map((query) => ({ query, k })))
    }
  },

  async 'accept leaves labels out before they count'(subject) {
    const pair = await filled(subject, 500)
    const queries = vectorsFor(pair.index, 20, 2)
    for (const accept of [
      (label: number) => label % 100 === 0,
      (label: number) => label !== 10,
      (label: number) => label >= 4_900,
      () => false,
    ]) {
      await pair.checkSearches(queries.map((query) => ({ query, k: 10, accept })))
    }
  },

  async 'accept is asked about labels that are in the index, and about no others'(subject) {
    const pair = await filled(subject, 100)
    for (const label of [...pair.contents.keys()].slice(0, 60)) pair.remove(label)
    const [query] = vectorsFor(pair.index, 1, 2)
    const asked = new Set<number>()
    await pair.search({ query: query!, k: 10, accept: (label) => asked.add(label).size > 0 })
    assert.deepEqual(
      [...asked].filter((label) => !pair.contents.has(label)),
      [],
    )
    assert.ok(asked.size > 0, 'it was asked about nothing')
  },

  async 'a search changes nothing'(subject) {
    const pair = await filled(subject, 50)
    const queries = vectorsFor(pair.index, 20, 2)
    const before = queries.map(bitsOf)
    for (const query of queries) await pair.search({ query, k: 50, accept: (label) => label % 20 === 0 })
    assert.deepEqual(queries.map(bitsOf), before)
    await pair.check(...queries)
  },

  async 'the same calls give the same answers'(subject) {
    const one = await filled(subject, 300)
    const other = await filled(subject, 300)
    for (const pair of [one, other]) for (let label = 0; label < 1_000; label += 30) pair.remove(label)
    for (const query of vectorsFor(one.index, 10, 2)) {
      const answer = await one.search({ query, k: 20 })
      assert.deepEqual(await other.search({ query, k: 20 }), answer)
      assert.deepEqual(await one.search({ query, k: 20 }), answer)
    }
  },

  async 'a search is answered also if the index changes before it is'(subject) {
    const pair = await filled(subject, 100)
    const before = new Set(pair.contents.keys())
    const [query, ...vectors] = vectorsFor(pair.index, 20, 2)
    const answers = [
      answerOf(pair.index, { query: query!, k: 10 }),
      answerOf(pair.index, { query: query!, k: 10 }),
    ]
    for (const label of [...before].slice(0, 50)) pair.remove(label)
    for (const [at, vector] of vectors.entries()) pair.set(10_001 + at, vector)
    for (const answer of await Promise.all(answers)) {
      const strangers = answer.filter(({ label }) => !before.has(label) && !pair.contents.has(label))
      assert.deepEqual(strangers, [])
    }
    await pair.check(query!, ...vectors)
  },
}
