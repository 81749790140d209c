import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TopK } from '../../../src/index/flat/top-k.ts'
import type { Neighbour } from '../../../src/index/vector-index.ts'

const distances = fc.oneof(
  fc.constantFrom(0, 1, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  fc.double(),
)
const offers = fc.uniqueArray(
  fc.record({ label: fc.maxSafeNat(), distance: distances }, { noNullPrototype: true }),
  {
    selector: (offer) => offer.label,
    maxLength: 60,
  },
)

function sorted(neighbours: readonly Neighbour[]): Neighbour[] {
  const numbers = neighbours.filter(({ distance }) => !Number.isNaN(distance))
  const rest = neighbours.filter(({ distance }) => Number.isNaN(distance))
  numbers.sort((a, b) => (a.distance === b.distance ? a.label - b.label : a.distance < b.distance ? -1 : 1))
  return [...numbers, ...rest.sort((a, b) => a.label - b.label)]
}

test('the k nearest of any offers are kept, nearest first, ties by smaller label, NaN last', () => {
  fc.assert(
    fc.property(offers, fc.integer({ min: 1, max: 70 }), (all, k) => {
      const nearest = new TopK(k)
      for (const { distance, label } of all) nearest.offer(distance, label)
      assert.deepEqual(nearest.neighbours(), sorted(all).slice(0, k))
    }),
  )
})

test('an offer above the limit may be left out and changes nothing', () => {
  fc.assert(
    fc.property(offers, fc.integer({ min: 1, max: 10 }), (all, k) => {
      const nearest = new TopK(k)
      for (const { distance, label } of all) if (!(distance > nearest.limit)) nearest.offer(distance, label)
      assert.deepEqual(nearest.neighbours(), sorted(all).slice(0, k))
    }),
  )
})

test('the limit is the farthest distance kept, once k are kept', () => {
  const nearest = new TopK(2)
  assert.equal(nearest.limit, Number.POSITIVE_INFINITY)
  nearest.offer(3, 0)
  assert.equal(nearest.limit, Number.POSITIVE_INFINITY)
  nearest.offer(5, 1)
  assert.equal(nearest.limit, 5)
  nearest.offer(4, 2)
  assert.equal(nearest.limit, 4)
})
