import assert from 'node:assert/strict'
import type { VectorIndex } from '../../index/vector-index.ts'
import { Random } from '../random.ts'
import type { Checks } from './case.ts'
import { bitsOf, type IndexSubject, vectorsFor } from './index-subject.ts'

const LARGEST_LABEL = Number.MAX_SAFE_INTEGER
const MANY = 2_000
/** Enough that what an approximate index misses evens out. */
const QUERIES = 20

/**
 * Bit patterns that arithmetic does not keep: a negative zero, the smallest and largest numbers,
 * one that float32 cannot hold more exactly.
 */
const DELICATE = Float32Array.of(-0, 1e-45, -1e-45, 3.4028234663852886e38, 1.1754943508222875e-38, 0.1)

/** What an index holds. */
export const indexContents: Checks<IndexSubject> = {
  async 'every index that is made is empty, and says the same about itself'(subject) {
    const describe = ({ kind, dimensions, metric, acceptsNonFinite, size }: VectorIndex): unknown[] => {
      return [kind, dimensions, metric, acceptsNonFinite, size]
    }
    const index = await subject.make()
    assert.deepEqual(describe(await subject.make()), describe(index))
    assert.ok(typeof index.kind === 'string' && index.kind.length > 0, 'kind is a name')
    assert.ok(
      Number.isInteger(index.dimensions) && index.dimensions > 0,
      'the suite needs a dimension at least',
    )
    assert.ok(['cosine', 'l2', 'ip'].includes(index.metric), `metric is ${index.metric}`)
    assert.equal(typeof index.acceptsNonFinite, 'boolean')
    assert.equal(index.size, 0)
  },

  async 'its size is the count of its labels'(subject) {
    const index = await subject.make()
    const [one, other] = vectorsFor(index, 2)
    const sizes = [
      () => index.set(5, one!),
      () => index.set(6, one!),
      () => index.set(5, other!),
      () => index.remove(6),
      () => index.set(7, other!),
      () => index.remove(5),
      () => index.remove(7),
    ].map((change) => {
      change()
      return index.size
    })
    assert.deepEqual(sizes, [1, 2, 2, 1, 2, 1, 0])
  },

  async 'labels are safe integers, from 0 up to the largest'(subject) {
    const pair = await subject.makePair()
    const labels = [0, 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 52, LARGEST_LABEL - 1, LARGEST_LABEL]
    const vectors = vectorsFor(pair.index, labels.length)
    for (const [at, label] of labels.entries()) pair.set(label, vectors[at]!)
    await pair.check(...vectors)
    pair.remove(2 ** 32)
    pair.remove(LARGEST_LABEL)
    await pair.check(...vectors)
  },

  async 'a vector is copied when it is set'(subject) {
    const pair = await subject.makePair()
    const memory = new Float32Array(pair.index.dimensions + 2)
    const view = memory.subarray(1, -1)
    for (const [label, vector] of vectorsFor(pair.index, 20).entries()) {
      view.set(vector)
      pair.set(label, view)
    }
    memory.fill(7)
    await pair.check(...vectorsFor(pair.index, QUERIES, 2))
  },

  async 'a vector that is given is not changed'(subject) {
    const index = await subject.make()
    const [given, ...others] = vectorsFor(index, 10)
    const before = bitsOf(given!)
    index.set(1, given!)
    for (const [label, other] of others.entries()) index.set(2 + label, other)
    index.set(1, given!)
    await index.search(given!, 3)
    assert.deepEqual(bitsOf(given!), before)
  },

  async 'a vector comes back bit for bit'(subject) {
    const index = await subject.make()
    const given = Float32Array.from({ length: index.dimensions }, (_, at) => DELICATE[at % DELICATE.length]!)
    const vectors = [given, given.toReversed(), ...vectorsFor(index, 5)]
    for (const [label, vector] of vectors.entries()) index.set(label, vector)
    for (const [label, vector] of vectors.entries())
      assert.deepEqual(bitsOf(index.get(label)), bitsOf(vector))
  },

  async 'what get gives is a copy'(subject) {
    const pair = await subject.makePair()
    const vectors = vectorsFor(pair.index, 20)
    for (const [label, vector] of vectors.entries()) pair.set(label, vector)
    for (const label of vectors.keys()) pair.index.get(label).fill(7)
    await pair.check(...vectors)
  },

  async 'a vector of zeros is kept and searched like any other'(subject) {
    const index = await subject.make()
    const zeros = new Float32Array(index.dimensions)
    const [vector] = vectorsFor(index, 1)
    index.set(1, zeros)
    index.set(2, vector!)
    assert.deepEqual(index.get(1), zeros)
    for (const query of [zeros, vector!]) {
      const answer = await index.search(query, 2)
      assert.deepEqual(answer.map(({ label }) => label).sort(), [1, 2])
    }
  },

  async 'a vector that is set again takes the place of the one before'(subject) {
    const pair = await subject.makePair()
    const vectors = vectorsFor(pair.index, 40)
    for (const label of [1, 2, 3, 4, 5]) {
      for (const vector of vectors.slice(label * 5, label * 5 + 5)) pair.set(label, vector)
    }
    await pair.check(...vectors)
  },

  async 'a label that is removed is found no more'(subject) {
    const pair = await subject.makePair()
    const vectors = vectorsFor(pair.index, 30)
    for (const [label, vector] of vectors.entries()) pair.set(label, vector)
    for (const label of [0, 29, 7, 15, 16]) {
      pair.remove(label)
      await pair.check(...vectors)
    }
    for (const label of [...pair.contents.keys()]) pair.remove(label)
    await pair.check(...vectors)
  },

  async 'it grows, shrinks and grows again, and holds what a Map would'(subject) {
    const pair = await subject.makePair()
    const vectors = vectorsFor(pair.index, MANY)
    const queries = vectorsFor(pair.index, QUERIES, 2)
    const random = new Random(3)
    let label = 0
    for (const share of [0, 0.95, 0.3]) {
      for (const vector of vectors) {
        const other = random.below(label + 1)
        const known = pair.contents.has(other)
        if (known && random.chance(share)) pair.remove(other)
        else if (known && random.chance(0.1)) pair.set(other, vector)
        else pair.set(label++, vector)
      }
      await pair.check(...queries)
    }
  },
}
