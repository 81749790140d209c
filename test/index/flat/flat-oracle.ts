import fc from 'fast-check'
import type { Metric, Neighbour, VectorIndex } from '../../../src/index/vector-index.ts'

/** What a flat index should hold: the plainest thing that could. */
export type Model = Map<number, Float32Array>

/** A change of an index; removing a label that is not there is no change. */
export type Change = { readonly set: number; readonly vector: Float32Array } | { readonly remove: number }

export function change(one: Change, index: VectorIndex, model: Model): void {
  if ('set' in one) {
    index.set(one.set, one.vector)
    model.set(one.set, one.vector)
  } else if (model.delete(one.remove)) {
    index.remove(one.remove)
  }
}

/**
 * Changes of a few labels, so that sets, replacements and removals meet; vectors out of few, so
 * that distances tie.
 */
export function changesOf(dimensions: number, labels: number): fc.Arbitrary<Change> {
  const label = fc.integer({ min: 0, max: labels - 1 })
  const element = fc.oneof(
    { arbitrary: fc.constantFrom(0, -0, 1, -1, 2, 0.1, 1e-45, 3e38), weight: 6 },
    { arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }), weight: 3 },
    { arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY), weight: 1 },
  )
  // Drawing every element of a long vector would be slow: a short pattern is repeated, which still
  // leaves no two rows of a chunk alike.
  const pattern = fc.array(element, { minLength: 1, maxLength: 11 })
  const vector = pattern.map((drawn) =>
    Float32Array.from({ length: dimensions }, (_, i) => drawn[i % drawn.length]!),
  )
  return fc.oneof(
    { arbitrary: fc.record({ set: label, vector }), weight: 3 },
    { arbitrary: fc.record({ remove: label }), weight: 1 },
  )
}

export function nearestOf(
  model: Model,
  metric: Metric,
  query: Float32Array,
  k: number,
  accept: (label: number) => boolean = () => true,
): Neighbour[] {
  return [...model]
    .filter(([label]) => accept(label))
    .map(([label, vector]) => ({ label, distance: distanceOf(metric, query, vector) }))
    .sort(
      (a, b) =>
        orderOf(a.distance) - orderOf(b.distance) || compare(a.distance, b.distance) || a.label - b.label,
    )
    .slice(0, k)
}

/** The definitions, one sum after the other in double precision. */
export function distanceOf(metric: Metric, a: Float32Array, b: Float32Array): number {
  if (metric === 'l2') return a.reduce((sum, x, i) => sum + (x - b[i]!) * (x - b[i]!), 0)
  if (metric === 'ip') return 1 - dot(a, b)
  if (a.every((x) => x === 0) ? dot(b, b) < Number.POSITIVE_INFINITY : b.every((x) => x === 0)) return 1
  return 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + x * b[i]!, 0)
}

function orderOf(distance: number): number {
  return Number.isNaN(distance) ? 1 : 0
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0
}

export function bitsOf(vector: Float32Array): Uint32Array {
  return new Uint32Array(vector.slice().buffer)
}

/**
 * Vectors whose bits a conversion to a number and back would not keep, or that are easily taken for
 * another.
 */
export function specialVectors(): Float32Array[] {
  const words = [
    [0x7fc00000, 0x7fc12345, 0xffc00001, 0x7f800001],
    [0xff800001, 0x7fbfffff, 0xffffffff, 0x7fa00000],
    [0x00000000, 0x80000000, 0x00000001, 0x807fffff],
    [0x7f800000, 0xff800000, 0x7f7fffff, 0x00800000],
  ]
  return words.map((bits) => new Float32Array(Uint32Array.from(bits).buffer))
}
