import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type FlatOptions, flat } from '../../../src/index/flat/flat.ts'
import type { FlatIndex } from '../../../src/index/flat/flat-index.ts'
import { FlatStorage } from '../../../src/index/flat/flat-storage.ts'
import type { Metric, Neighbour, VectorIndex } from '../../../src/index/vector-index.ts'
import {
  bitsOf,
  type Change,
  change,
  changesOf,
  distanceOf,
  type Model,
  nearestOf,
  specialVectors,
} from './flat-oracle.ts'

const METRICS: readonly Metric[] = ['cosine', 'l2', 'ip']
const metrics = fc.constantFrom(...METRICS)

function search(
  index: VectorIndex,
  query: Float32Array,
  k: number,
  accept?: (label: number) => boolean,
): Neighbour[] {
  const found = index.search(query, k, accept)
  assert.ok(Array.isArray(found))
  return found
}

function filled(
  vectors: readonly (readonly number[])[],
  metric: Metric,
  allowNonFinite = false,
): VectorIndex {
  const index = flat({ dimensions: vectors[0]!.length, metric, allowNonFinite })
  for (const [label, vector] of vectors.entries()) index.set(label, Float32Array.from(vector))
  return index
}

function applied(dimensions: number, metric: Metric, changes: readonly Change[]): [VectorIndex, Model] {
  const index = flat({ dimensions, metric, allowNonFinite: true })
  const model: Model = new Map()
  for (const one of changes) change(one, index, model)
  return [index, model]
}

test('bad options are refused by name, value and accepted range', () => {
  for (const dimensions of [
    -1,
    0.5,
    65_536,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '3',
    null,
    undefined,
    3n,
  ]) {
    assert.throws(() => flat({ dimensions: dimensions as number }), {
      code: 'WALV_INVALID_OPTION',
      message: new RegExp(`dimensions must be an integer from 0 to 65535, and it is "?${dimensions}`),
    })
  }
  assert.throws(() => flat({ dimensions: 3, metric: 'euclid' as Metric }), {
    code: 'WALV_INVALID_OPTION',
    message: /metric must be one of cosine, l2, ip, and it is "euclid"\./,
  })
  assert.throws(() => flat({ dimensions: 3, allowNonFinite: 1 as unknown as boolean }), {
    code: 'WALV_INVALID_OPTION',
    message: /allowNonFinite must be true or false, and it is 1/,
  })
  assert.throws(() => flat({ dimensions: 3, metrics: 'l2' } as FlatOptions), {
    code: 'WALV_INVALID_OPTION',
    message: /^flat has no option "metrics"\. There are: dimensions, metric, allowNonFinite\.$/,
  })
})

test('the options show on the index, with cosine and finite vectors as defaults', () => {
  const { kind, dimensions, metric, acceptsNonFinite, size } = flat({ dimensions: 65_535 })
  assert.deepEqual(
    { kind, dimensions, metric, acceptsNonFinite, size },
    { kind: 'flat', dimensions: 65_535, metric: 'cosine', acceptsNonFinite: false, size: 0 },
  )
  assert.equal(flat({ dimensions: 0, metric: 'ip' }).metric, 'ip')
  assert.equal(flat({ dimensions: 0, allowNonFinite: true }).acceptsNonFinite, true)
})

test('size, vectors and neighbours are those of a naive index after any changes, for every metric, k and filter', () => {
  const cases = fc.integer({ min: 0, max: 11 }).chain((dimensions) =>
    fc.record({
      metric: metrics,
      changes: fc.array(changesOf(dimensions, 20), { maxLength: 60 }),
      query: fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
        minLength: dimensions,
        maxLength: dimensions,
      }),
      k: fc.constantFrom(0, 1, 2, 3, 10, 20, 21, 1000, 2 ** 40),
      kept: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    }),
  )
  fc.assert(
    fc.property(cases, ({ metric, changes, query, k, kept }) => {
      const [index, model] = applied(query.length, metric, changes)
      assert.equal(index.size, model.size)
      for (const [label, vector] of model) assert.deepEqual(bitsOf(index.get(label)), bitsOf(vector))
      const accept = kept === undefined ? undefined : (label: number): boolean => label % kept === 0
      const q = Float32Array.from(query)
      assert.deepEqual(search(index, q, k, accept), nearestOf(model, metric, q, k, accept))
    }),
    { numRuns: 500 },
  )
})

test('the same holds over many chunks', () => {
  const dimensions = 40_000
  fc.assert(
    fc.property(
      metrics,
      fc.array(changesOf(dimensions, 30), { minLength: 20, maxLength: 60 }),
      (metric, changes) => {
        const [index, model] = applied(dimensions, metric, changes)
        assert.equal(index.size, model.size)
        for (const [label, vector] of model)
          assert.ok(Buffer.from(vector.buffer).equals(Buffer.from(index.get(label).buffer)))
        const query = Float32Array.from({ length: dimensions }, (_, i) => (i % 13) - 6)
        assert.deepEqual(search(index, query, 7), nearestOf(model, metric, query, 7))
        const odd = (label: number): boolean => label % 2 === 1
        assert.deepEqual(search(index, query, 7, odd), nearestOf(model, metric, query, 7, odd))
      },
    ),
    { numRuns: 30 },
  )
})

test('the same holds where a chunk is bounded by its labels and not by its bytes', () => {
  const index = flat({ dimensions: 1, metric: 'l2' })
  for (let label = 0; label < 10_000; label++) index.set(label, Float32Array.of((label * 7919) % 10_000))
  for (let label = 0; label < 10_000; label += 3) index.remove(label)
  assert.equal(index.size, 6666)
  const found = search(index, Float32Array.of(5000.25), 5).map(({ label }) => (label * 7919) % 10_000)
  const left = Array.from({ length: 10_000 }, (_, label) => label).filter((label) => label % 3 !== 0)
  const values = left.map((label) => (label * 7919) % 10_000)
  assert.deepEqual(found, values.sort((a, b) => Math.abs(a - 5000.25) - Math.abs(b - 5000.25)).slice(0, 5))
})

test('ties go to the smaller label, whatever the order they came in', () => {
  const index = flat({ dimensions: 2, metric: 'l2' })
  for (const label of [9, 2, 7, 0, 5]) index.set(label, Float32Array.of(1, 1))
  index.remove(0)
  const labels = search(index, Float32Array.of(0, 0), 3).map((neighbour) => neighbour.label)
  assert.deepEqual(labels, [2, 5, 7])
})

test('under cosine the same bits are at exactly 0 and all zeros at exactly 1', () => {
  const vectors = [
    [0.1, 0.2, 0.7, -3e-20, 5],
    [0, 0, -0, 0, 0],
    [1e-45, 0, 0, 0, 1e-45],
    [3e38, 3e38, 3e38, 3e38, 3e38],
  ]
  const index = filled(vectors, 'cosine')
  for (const label of [0, 2, 3]) {
    assert.deepEqual(search(index, index.get(label), 1), [{ label, distance: 0 }])
    assert.equal(search(index, index.get(label), 4).find((found) => found.label === 1)?.distance, 1)
  }
  assert.deepEqual(
    search(index, new Float32Array(5), 4).map(({ distance }) => distance),
    [1, 1, 1, 1],
  )
})

test('where vectors are not finite, infinity comes after every number and NaN after infinity', () => {
  const inf = Number.POSITIVE_INFINITY
  const vectors = [
    [Number.NaN, 0],
    [inf, 0],
    [1e38, 1e38],
    [0, 0],
    [0, Number.NaN],
    [-inf, inf],
  ]
  const expected: Record<Metric, [number, number][]> = {
    l2: [
      [3, 5],
      [2, (Math.fround(1e38) - 1) ** 2 + (Math.fround(1e38) - 2) ** 2],
      [1, inf],
      [5, inf],
      [0, Number.NaN],
      [4, Number.NaN],
    ],
    ip: [
      [1, -inf],
      [2, 1 - 3 * Math.fround(1e38)],
      [3, 1],
      [0, Number.NaN],
      [4, Number.NaN],
      [5, Number.NaN],
    ],
    cosine: [
      [2, 1 - 3 / Math.sqrt(10)],
      [3, 1],
      [0, Number.NaN],
      [1, Number.NaN],
      [4, Number.NaN],
      [5, Number.NaN],
    ],
  }
  for (const metric of METRICS) {
    const found = search(filled(vectors, metric, true), Float32Array.of(1, 2), 6)
    assert.deepEqual(
      found.map(({ label }) => label),
      expected[metric].map(([label]) => label),
    )
    for (const [i, [, distance]] of expected[metric].entries()) {
      const actual = found[i]!.distance
      const isSame = Object.is(actual, distance) || Math.abs(actual - distance) <= Math.abs(distance) * 1e-15
      assert.ok(isSame, `${metric}: ${actual} and not ${distance}`)
    }
  }
})

test('a filter is asked once for each label and decides before the k are counted', () => {
  const index = filled(
    Array.from({ length: 100 }, (_, i) => [i]),
    'l2',
  )
  const asked: number[] = []
  const found = search(index, Float32Array.of(0), 3, (label) => {
    asked.push(label)
    return label >= 90
  })
  assert.deepEqual(
    found.map(({ label }) => label),
    [90, 91, 92],
  )
  assert.deepEqual(
    asked.sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => i),
  )
  assert.deepEqual(
    search(index, Float32Array.of(0), 3, () => false),
    [],
  )
})

test('a search within a filter disturbs neither search, and a filter that throws ends its own', () => {
  const index = filled(
    Array.from({ length: 50 }, (_, i) => [i]),
    'l2',
  )
  const inner: number[] = []
  const outer = search(index, Float32Array.of(10), 3, (label) => {
    inner.push(search(index, Float32Array.of(label), 1, (other) => other !== label)[0]!.distance)
    return label % 2 === 1
  })
  assert.deepEqual(outer, [
    { label: 9, distance: 1 },
    { label: 11, distance: 1 },
    { label: 7, distance: 9 },
  ])
  assert.ok(inner.length > 3 && inner.every((distance) => distance === 1))
  const failure = new Error('of the filter')
  assert.throws(
    () =>
      index.search(Float32Array.of(0), 1, () => {
        throw failure
      }),
    failure,
  )
  assert.deepEqual(search(index, Float32Array.of(3), 1), [{ label: 3, distance: 0 }])
})

test('every bit of a vector is kept, also of NaN, through moves and changes', () => {
  for (const metric of METRICS) {
    const vectors = specialVectors()
    const index = flat({ dimensions: vectors[0]!.length, metric, allowNonFinite: true })
    for (const [label, vector] of vectors.entries()) index.set(label, vector)
    for (const [label, vector] of vectors.entries())
      assert.deepEqual(bitsOf(index.get(label)), bitsOf(vector))
    index.remove(0)
    for (const [label, vector] of vectors.entries()) {
      if (label > 0) assert.deepEqual(bitsOf(index.get(label)), bitsOf(vector))
    }
  }
})

test('the index shares no memory with what it is given or gives', () => {
  const given = Float32Array.of(1, 2)
  const index = flat({ dimensions: 2, metric: 'l2' })
  index.set(1, given)
  given[0] = 9
  index.get(1)[1] = 9
  assert.deepEqual(index.get(1), Float32Array.of(1, 2))
  assert.deepEqual(search(index, Float32Array.of(1, 2), 1), [{ label: 1, distance: 0 }])
})

test('what breaks the contract is refused and changes nothing', () => {
  const index = filled(
    [
      [1, 2],
      [3, 4],
    ],
    'l2',
  )
  assert.throws(() => index.set(5, Float32Array.of(1)), /a vector of 1 in an index of 2 dimensions/)
  assert.throws(() => index.set(0, Float32Array.of(1, 2, 3)), /a vector of 3 in an index of 2 dimensions/)
  assert.throws(() => index.search(Float32Array.of(1, 2, 3), 1), /a query of 3 in an index of 2 dimensions/)
  assert.throws(() => index.remove(7), /label 7 is not in the index/)
  assert.throws(() => index.get(7), /label 7 is not in the index/)
  assert.equal(index.size, 2)
  const all = [
    { label: 1, distance: 0 },
    { label: 0, distance: 8 },
  ]
  assert.deepEqual(search(index, Float32Array.of(3, 4), 9), all)
})

test('chunks come and go with the vectors in them', () => {
  const dimensions = 65_535
  const storage = new FlatStorage(dimensions, 'cosine')
  const vector = new Float32Array(dimensions)
  assert.equal(storage.rowsPerChunk, 4)
  const chunksAt = (count: number): number => Math.ceil(count / 4)
  for (let count = 1; count <= 17; count++) {
    assert.equal(storage.append(count, vector), count - 1)
    assert.equal(storage.chunks.length, chunksAt(count))
  }
  for (let count = 16; count >= 0; count--) {
    storage.remove(0)
    assert.equal(storage.count, count)
    assert.equal(storage.chunks.length, chunksAt(count))
  }
})

test('a distance does not depend on where a vector lies or what else is there', () => {
  fc.assert(
    fc.property(
      metrics,
      fc.array(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 9, maxLength: 9 }), {
        minLength: 2,
      }),
      (metric, vectors) => {
        const index = filled(vectors, metric)
        const query = Float32Array.from(vectors[0]!)
        for (const { label, distance } of search(index, query, vectors.length)) {
          assert.deepEqual(
            search(index, query, 1, (other) => other === label),
            [{ label, distance }],
          )
          assert.equal(distance, distanceOf(metric, query, Float32Array.from(vectors[label]!)))
        }
      },
    ),
  )
})

test('labels that are chosen are ranked as a search among them', () => {
  const cases = fc.record({
    metric: metrics,
    changes: fc.array(changesOf(5, 60), { minLength: 30, maxLength: 120 }),
    k: fc.integer({ min: 1, max: 20 }),
    chosen: fc.array(fc.integer({ min: 0, max: 59 })),
    from: fc.integer({ min: 0, max: 59 }),
  })
  fc.assert(
    fc.property(cases, ({ metric, changes, k, chosen, from }) => {
      const [index, model] = applied(5, metric, changes)
      const run = Array.from({ length: 30 }, (_, at) => from + at)
      const labels = new Set([...chosen, ...run].filter((label) => model.has(label)))
      const query = Float32Array.of(1, -0.5, 0.1, 2, 0)
      const accept = (label: number): boolean => labels.has(label)
      assert.deepEqual(
        (index as FlatIndex).rank(query, k, [...labels]),
        nearestOf(model, metric, query, k, accept),
      )
    }),
  )
})
