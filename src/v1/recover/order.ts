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
  const runOf = (position: number): number => runs[index.section(position)]!
  const positions = Array.from({ length: index.length }, (_, position) => position)
  return positions.sort((a, b) => runOf(a) - runOf(b) || Number(index.seq(a) - index.seq(b)))
}
