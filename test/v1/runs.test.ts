import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { V1Section } from '../../src/v1/recover/record-index.ts'
import { runsOf } from '../../src/v1/recover/runs.ts'
import { Chains } from '../../src/v1/recover/stretch-chains.ts'
import { TakenPlaces } from '../../src/v1/recover/taken-places.ts'

const MOST = 2n ** 64n - 1n

const section = (firstSeq: bigint, lastSeq: bigint): V1Section => ({ file: 'file', firstSeq, lastSeq })

const runs = (...sections: readonly (readonly [from: number, through: number])[]): number[] =>
  runsOf(sections.map(([from, through]) => section(BigInt(from), BigInt(through))))

/** The rule as it is written, one section after the other. */
function plainRuns(sections: readonly V1Section[]): number[] {
  const stretches = sections.map(({ firstSeq: first, lastSeq: last }) =>
    first < last ? [first, last] : [last, first],
  )
  const leads = (start: bigint, goal: bigint): boolean => {
    if (start >= goal) return start === goal
    const next = stretches.findLast(([from]) => from === start)
    return next !== undefined && leads(next[1]! + 1n, goal)
  }
  let run: bigint[][] = []
  let number = 0
  return stretches.map((stretch) => {
    const [from, through] = stretch as [bigint, bigint]
    const shares = run.some(([other, end]) => other! <= through && end! >= from)
    const lowest = run.map(([other]) => other!).sort((a, b) => (a < b ? -1 : 1))[0]
    if (shares || (from === 0n && lowest !== undefined && !leads(through + 1n, lowest))) {
      number++
      run = []
    }
    run.push(stretch)
    return number
  })
}

test('sections make up the runs that the rule says, whatever their numbers are', () => {
  const few = fc.bigInt({ min: 0n, max: 12n })
  const seq = fc.oneof({ weight: 8, arbitrary: few }, fc.constantFrom(MOST, MOST - 1n, 2n ** 63n))
  const length = fc.oneof({ weight: 6, arbitrary: fc.bigInt({ min: 0n, max: 2n }) }, seq)
  const any = fc.tuple(seq, length, fc.boolean()).map(([from, more, inverted]) => {
    const through = from + more > MOST ? MOST : from + more
    return inverted ? section(through, from) : section(from, through)
  })
  fc.assert(
    fc.property(fc.array(any, { maxLength: 24 }), (sections) => {
      assert.deepEqual(runsOf(sections), plainRuns(sections))
    }),
    { numRuns: 5_000 },
  )
})

test('a start at 0 joins the run if sections lead to it, however many there are, and begins another if one is missing', () => {
  for (const count of [1, 2, 3, 4, 5, 6, 7, 8, 30, 31, 32, 33, 100]) {
    const chain = Array.from({ length: count }, (_, n) => [2 * n + 1, 2 * n + 2] as const)
    const goal = [2 * count + 1, 2 * count + 1] as const
    // The chain stands behind the start: it is not of the run yet.
    assert.deepEqual(runs(goal, [0, 0], ...chain).slice(0, 2), [0, 0], `${count}`)
    for (let missing = 0; missing < count; missing++) {
      const broken = chain.filter((_, n) => n !== missing)
      assert.deepEqual(runs(goal, [0, 0], ...broken).slice(0, 2), [0, 1], `${missing} of ${count}`)
    }
    for (let over = 0; over < count; over++) {
      const within = [2 * over + 2, 2 * count + 9] as const
      assert.deepEqual(runs(within, [0, 0], ...chain).slice(0, 2), [0, 1], `${over} of ${count}`)
    }
  }
})

test('a chain of thousands is followed in a few leaps, wherever it is to lead', () => {
  const length = 4096
  const chains = new Chains(
    Array.from({ length }, (_, n) => ({ from: BigInt(n + 1), through: BigInt(n + 1) })),
  )
  for (let goal = 1n; goal <= length; goal++) {
    let compared = 0
    const counting = {
      [Symbol.toPrimitive]() {
        compared++
        return goal
      },
    } as unknown as bigint
    chains.lead(1n, counting)
    // Two comparisons for each leap or step.
    assert.ok(compared <= 2 * 2 * Math.log2(length) + 1, `${compared} comparisons to ${goal}`)
    assert.ok(chains.lead(1n, goal))
  }
})

test('no sections make up no runs', () => assert.deepEqual(runsOf([]), []))

test('of the places that are taken, the last that is not behind another is found', () => {
  const steps = fc.array(fc.oneof({ weight: 9, arbitrary: fc.nat(1000) }, fc.constant('clear' as const)), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), steps, (count, all) => {
      const places = new TakenPlaces(count)
      const taken = new Set<number>()
      for (const step of all) {
        if (step === 'clear') {
          places.clear()
          taken.clear()
        } else {
          places.take(step % count)
          taken.add(step % count)
        }
        for (let place = 0; place < count; place++) {
          const before = [...taken].filter((other) => other <= place)
          assert.equal(places.lastTaken(place), before.length > 0 ? Math.max(...before) : undefined)
        }
      }
    }),
  )
})
