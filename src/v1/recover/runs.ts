import type { V1Section } from './record-index.ts'
import type { Stretch } from './stretch-chains.ts'
import { Chains } from './stretch-chains.ts'
import { TakenPlaces } from './taken-places.ts'

/**
 * For every section, the run that it belongs to, in file order; `recoverV1` says by which rule.
 * Takes n log n time, whatever the numbers are.
 */
export function runsOf(sections: readonly V1Section[]): number[] {
  const stretches = sections.map(stretchOf)
  const starts = [...new Set(stretches.map(({ from }) => from))].sort((a, b) => (a < b ? -1 : 1))
  const chains = new Chains(stretches)
  const places = new TakenPlaces(starts.length)
  /** By place, how far the stretch of the run that begins there reaches. */
  const throughs = new BigUint64Array(starts.length)
  let lowest: bigint | undefined
  let run = 0
  return stretches.map((stretch) => {
    const { from, through } = stretch
    // Those of a run share no numbers, so that the last to begin before this one ends is the last
    // to end before that.
    const before = places.lastTaken(lastAtMost(starts, through))
    const shares = before !== undefined && throughs[before]! >= from
    if (shares || (from === 0n && lowest !== undefined && !chains.lead(through + 1n, lowest))) {
      run++
      places.clear()
      lowest = undefined
    }
    const place = lastAtMost(starts, from)
    places.take(place)
    throughs[place] = through
    if (lowest === undefined || from < lowest) lowest = from
    return run
  })
}

/** One damaged number at either end of a section makes its stretch too long, never inside out. */
function stretchOf({ firstSeq, lastSeq }: V1Section): Stretch {
  return firstSeq < lastSeq ? { from: firstSeq, through: lastSeq } : { from: lastSeq, through: firstSeq }
}

/** The place of the last of some numbers in order that is at most `limit`; the first is. */
function lastAtMost(numbers: readonly bigint[], limit: bigint): number {
  let [low, high] = [0, numbers.length]
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (numbers[middle]! <= limit) low = middle
    else high = middle
  }
  return low
}
