import type { RecordIndex } from './record-index.ts'
import { runsOf } from './runs.ts'
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
