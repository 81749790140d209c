import type { Row } from '../run.ts'
import { type Spread, spreadOf } from '../statistics.ts'
import { numberOf, ratio } from './results.ts'

/** A figure that is to be reached. */
export interface Goal {
  readonly what: string
  readonly against: string
  readonly goal: number
  readonly sense: 'at least' | 'at most'
  readonly unit: string
  /** The scenario that measures it: a goal whose scenario did not run is not told. */
  readonly scenario: string
  /** What of all repetitions has to reach it. Default: their median. */
  readonly judged?: keyof Spread
  /** NaN where it was not measured. */
  measure(find: Find): Spread
}

export interface Find {
  row(contestant: string, variant?: string): Row | undefined
  rows(): Row[]
}

const NOTHING: Spread = spreadOf([])

/** How many times `b` is `a`, within each repetition. Of a row that was refused there is none. */
export function ratioOf(a: Row | undefined, b: Row | undefined, key: string): Spread {
  return isMeasured(a) && isMeasured(b) ? ratio(a, b, key) : NOTHING
}

/** What every repetition of a row says. */
export function figureOf(row: Row | undefined, key: string): Spread {
  return isMeasured(row) ? spreadOf(row.measured.map((metrics) => numberOf(metrics, key))) : NOTHING
}

/** How much more `a` is than `b`, within each repetition. */
export function differenceOf(a: Row | undefined, b: Row | undefined, key: string): Spread {
  if (!isMeasured(a) || !isMeasured(b)) return NOTHING
  return spreadOf(a.measured.map((metrics, i) => numberOf(metrics, key) - numberOf(b.measured[i], key)))
}

/** The one with the largest median. */
export const largestOf = (spreads: readonly Spread[]): Spread =>
  spreads.reduce((most, spread) => (spread.median <= most.median ? most : spread), NOTHING)

export const times = ({ median, min, max }: Spread, by: number): Spread => ({
  median: median * by,
  min: min * by,
  max: max * by,
})

const isMeasured = (row: Row | undefined): row is Row => row !== undefined && row.failure === undefined
