import type { RecordIndex, V1Section } from './record-index.ts'
import { settleTransactions } from './transactions.ts'

/** The positions of the records that take effect, in the order in which they do. */
export function recoveryOrder(index: RecordIndex): readonly number[] {
  return settleTransactions(index, inLogOrder(index))
}

/** By run, within a run by number, and by file order where a number comes twice. */
function inLogOrder(index: RecordIndex): number[] {
  const runs = runsOf(index.sections)
  const compare = (a: number, b: number): number => {
    const byRun = runs[index.section(a)]! - runs[index.section(b)]!
    if (byRun !== 0) return byRun
    const [seqA, seqB] = [index.seq(a), index.seq(b)]
    return seqA < seqB ? -1 : seqA > seqB ? 1 : a - b
  }
  const positions = Array.from({ length: index.length }, (_, position) => position)
  const sorted = positions.every((position) => position === 0 || compare(position - 1, position) < 0)
  return sorted ? positions : positions.sort(compare)
}

/** From a section's first number to its last. */
interface Stretch {
  readonly from: bigint
  readonly through: bigint
}

/** For every section, the run that it belongs to, in file order; `recoverV1` says by which rule. */
function runsOf(sections: readonly V1Section[]): number[] {
  const stretches = sections.map(stretchOf)
  const ends = new Map(stretches.map(({ from, through }) => [from, through]))
  let number = 0
  let run: Stretch[] = []
  return stretches.map((stretch) => {
    const place = placeIn(run, stretch)
    if (place === undefined || startsOver(stretch, run, ends)) {
      number++
      run = [stretch]
    } else run.splice(place, 0, stretch)
    return number
  })
}

/** One damaged number at either end of a section makes its stretch too long, never inside out. */
function stretchOf({ firstSeq, lastSeq }: V1Section): Stretch {
  return firstSeq < lastSeq ? { from: firstSeq, through: lastSeq } : { from: lastSeq, through: firstSeq }
}

/** Where a stretch fits between those of a run, which are in order; undefined if it shares numbers with one. */
function placeIn(run: readonly Stretch[], { from, through }: Stretch): number | undefined {
  let low = 0
  let high = run.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (run[middle]!.from < from) low = middle + 1
    else high = middle
  }
  const [before, behind] = [run[low - 1], run[low]]
  if (before && before.through >= from) return undefined
  return behind && behind.from <= through ? undefined : low
}

/** A stretch that begins at 0 is a new start, unless sections without a gap between them lead from it to the run's lowest number. */
function startsOver({ from, through }: Stretch, run: readonly Stretch[], ends: ReadonlyMap<bigint, bigint>): boolean {
  const lowest = run[0]?.from
  if (from !== 0n || lowest === undefined) return false
  let next = through + 1n
  while (next < lowest) {
    const end = ends.get(next)
    if (end === undefined) return true
    next = end + 1n
  }
  return next !== lowest
}
