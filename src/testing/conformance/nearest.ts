/** What a search has to find, told by the definitions of the metrics alone. */
import assert from 'node:assert/strict'
import type { Metric, Neighbour } from '../../index/vector-index.ts'

/** The plainest index that could be. */
export type Contents = ReadonlyMap<number, Float32Array>

export interface Search {
  readonly metric: Metric
  readonly query: Float32Array
  readonly k: number
  readonly accept?: (label: number) => boolean
}

/** How much of what a search had to find it found. */
export interface Score {
  readonly found: number
  readonly wanted: number
}

/** Engines compute in float32, in an order of their own. */
const RELATIVE_ERROR = 1e-5

/**
 * A distance by its definition, one sum after the other in double precision, and how far an
 * engine's may be from it.
 */
function measure(metric: Metric, a: Float32Array, b: Float32Array): { distance: number; tolerance: number } {
  let [dot, squaresOfA, squaresOfB, squaresOfDifferences] = [0, 0, 0, 0]
  for (const [i, x] of a.entries()) {
    const y = b[i]!
    dot += x * y
    squaresOfA += x * x
    squaresOfB += y * y
    squaresOfDifferences += (x - y) * (x - y)
  }
  if (metric === 'cosine')
    return { distance: 1 - dot / Math.sqrt(squaresOfA * squaresOfB), tolerance: RELATIVE_ERROR }
  const tolerance = RELATIVE_ERROR * (1 + squaresOfA + squaresOfB)
  return { distance: metric === 'l2' ? squaresOfDifferences : 1 - dot, tolerance }
}

/**
 * Checks everything about an answer but its completeness: known and accepted labels, each once, at
 * most `k`; distances of the metric; nearest first, ties by smaller label. Scores the completeness:
 * an answer is complete if as many as there had to be are no farther than they had to be.
 */
export function score(answer: readonly Neighbour[], contents: Contents, search: Search): Score {
  const { metric, query, k, accept = () => true } = search
  const accepted = [...contents].filter(([label]) => accept(label))
  const measured = new Map(accepted.map(([label, vector]) => [label, measure(metric, query, vector)]))
  assert.ok(answer.length <= k, `${answer.length} were found where ${k} were asked for`)
  assert.equal(new Set(answer.map(({ label }) => label)).size, answer.length, 'a label was found twice')
  for (const { label, distance } of answer) {
    const expected = measured.get(label)
    assert.ok(
      expected,
      `label ${label} was found, which is not ${contents.has(label) ? 'accepted' : 'in the index'}`,
    )
    const near = Math.abs(distance - expected.distance) <= expected.tolerance
    assert.ok(
      near,
      `label ${label} was found at distance ${distance}; under ${metric} it is at ${expected.distance}`,
    )
  }
  checkOrder(answer)
  const bounds = [...measured.values()]
    .map(({ distance, tolerance }) => distance + tolerance)
    .sort((a, b) => a - b)
  const wanted = Math.min(k, bounds.length)
  const farthest = bounds[wanted - 1] ?? 0
  const found = answer.filter(({ label }) => measured.get(label)!.distance <= farthest)
  return { found: found.length, wanted }
}

function checkOrder(answer: readonly Neighbour[]): void {
  for (const [place, { label, distance }] of answer.entries()) {
    const before = answer[place - 1]
    if (before === undefined) continue
    assert.ok(distance >= before.distance, `distance ${distance} comes behind ${before.distance}`)
    const tied = distance === before.distance
    assert.ok(
      !tied || label > before.label,
      `label ${label} comes behind ${before.label} at an equal distance`,
    )
  }
}
