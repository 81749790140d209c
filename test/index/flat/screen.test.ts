import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Distances } from '../../../src/index/flat/distance.ts'
import { FlatStorage } from '../../../src/index/flat/flat-storage.ts'
import { Screen } from '../../../src/index/flat/screen.ts'
import type { Metric } from '../../../src/index/vector-index.ts'

/** The bound and the distance of each row. */
function boundsOf(metric: Metric, query: Float32Array, rows: readonly Float32Array[]): [number, number][] {
  const storage = new FlatStorage(query.length, metric)
  for (const [label, row] of rows.entries()) storage.append(label, row)
  const screen = new Screen(metric, query, 0)
  const distances = new Distances(metric, query)
  const bounds = new Float64Array(storage.rowsPerChunk)
  const measured = new Float64Array(2)
  return rows.map((_, slot) => {
    const chunk = storage.chunkOf(slot)
    const row = slot % storage.rowsPerChunk
    const place = chunk.block.region!
    if (screen.isOfUse) screen.bound(place, chunk, 0, row + 1, bounds)
    else bounds.fill(Number.NaN)
    distances.measure(chunk.vectors, Int32Array.of(row), 1, measured)
    return [bounds[row]!, measured[0]!]
  })
}

const metrics = fc.constantFrom<Metric>('cosine', 'l2', 'ip')
const size = fc.constantFrom(1, 1, 1, 1e-3, 1e3, 1e-14, 1e-19, 1e-30, 1e-42, 1e15, 1e19, 1e37)

/**
 * Rows of all lengths, some nearly the query, some nearly its opposite, and what float32 is bad at.
 */
const cases = fc
  .record({
    metric: metrics,
    dimensions: fc.oneof(fc.integer({ min: 0, max: 70 }), fc.constantFrom(100, 768, 5000)),
    seeds: fc.array(fc.record({ seed: fc.integer(), size, like: fc.constantFrom(-1, 0, 1) }), {
      minLength: 2,
      maxLength: 8,
    }),
    elements: fc.array(
      fc.oneof(
        fc.float({ noNaN: true }),
        fc.constantFrom(3.4e38, -3.4e38, 1e-45, 0, Number.NaN, Number.POSITIVE_INFINITY),
      ),
      { maxLength: 3 },
    ),
  })
  .map(({ metric, dimensions, seeds, elements }) => {
    const [query, ...rows] = seeds.map(({ seed, size }) => randomVector(dimensions, seed, size))
    for (const [at, row] of rows.entries()) {
      const { like } = seeds[at + 1]!
      if (like !== 0)
        for (let i = 0; i < dimensions; i++) row[i] = like * query![i]! * (1 + (row[i]! % 1) * 1e-6)
      if (at < elements.length && dimensions > 0) row[at % dimensions] = elements[at]!
    }
    return { metric, query: query!, rows }
  })

function randomVector(dimensions: number, seed: number, size: number): Float32Array {
  let state = seed | 1
  return Float32Array.from({ length: dimensions }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (state / 2 ** 31) * size
  })
}

test('no bound is above the distance, whatever the vectors', () => {
  fc.assert(
    fc.property(cases, ({ metric, query, rows }) => {
      for (const [at, [bound, distance]] of boundsOf(metric, query, rows).entries())
        assert.ok(!(bound > distance), `row ${at}: the bound is ${bound}, the distance ${distance}`)
    }),
    { numRuns: 3000 },
  )
})

test('the bound of an ordinary vector is within a ten-thousandth of the distance', () => {
  for (const metric of ['cosine', 'l2', 'ip'] as const) {
    const vectors = Array.from({ length: 50 }, (_, seed) => randomVector(768, seed, 1))
    for (const [bound, distance] of boundsOf(metric, vectors[0]!, vectors.slice(1)))
      assert.ok(distance - bound < 1e-4 * 768 && bound <= distance, `${metric}: ${bound}, ${distance}`)
  }
})

test('the bounds of some rows are those that all of them get', () => {
  for (const metric of ['cosine', 'l2', 'ip'] as const) {
    const vectors = Array.from({ length: 40 }, (_, seed) => randomVector(20, seed, 1))
    const storage = new FlatStorage(20, metric)
    for (const [label, row] of vectors.entries()) storage.append(label, row)
    const [chunk] = storage.chunks
    const screen = new Screen(metric, vectors[0]!, 0)
    const [all, some] = [new Float64Array(40), new Float64Array(40)]
    screen.bound(chunk!.block.region!, chunk!, 0, 40, all)
    screen.bound(chunk!.block.region!, chunk!, 7, 13, some)
    assert.deepEqual(some.subarray(0, 13), all.subarray(7, 20))
  }
})
