import type { Metrics } from '../job.ts'
import type { Probe } from '../probe.ts'
import type { Row } from '../run.ts'
import type { Metric, Scenario, Settings } from '../scenario.ts'
import { type Spread, spreadOf } from '../statistics.ts'
import { figures, table } from './table.ts'

export const numberOf = (metrics: Metrics | undefined, key: string): number => {
  const value = metrics?.[key]
  return typeof value === 'number' ? value : Number.NaN
}

export const spread = (row: Row, key: string): Spread =>
  spreadOf(row.measured.map((metrics) => numberOf(metrics, key)).filter(Number.isFinite))

/** `a` divided by `b`, repetition by repetition: what disturbed the machine disturbed both. */
export function ratio(a: Row, b: Row, key: string): Spread {
  const both = Math.min(a.measured.length, b.measured.length)
  const ratios = Array.from(
    { length: both },
    (_, i) => numberOf(a.measured[i], key) / numberOf(b.measured[i], key),
  )
  return spreadOf(ratios.filter(Number.isFinite))
}

/**
 * A scenario's table: each variant's contestants below each other, and how many times the first of
 * them walv is.
 */
export function resultsTable(scenario: Scenario, rows: readonly Row[], settings: Settings): string {
  const { metric, also } = scenario
  const head = [
    '',
    `${metric.title} ${metric.unit}`,
    'min',
    'max',
    'first ÷ this',
    'min',
    'max',
    ...also.map(titleOf),
  ]
  const lines = [head]
  const variants = [...new Set(rows.map(({ variant }) => variant))]
  for (const variant of variants) {
    const contestants = rows.filter((row) => row.variant === variant)
    if (variants.length > 1) lines.push([variant])
    for (const row of contestants) lines.push(lineOf(row, contestants[0]!, scenario))
  }
  return [`## ${scenario.name}: ${scenario.title}`, '', table(lines), '', machineLine(rows, settings)].join(
    '\n',
  )
}

/** Whether the machine was the same all the time, which a shared one is not. */
function machineLine(rows: readonly Row[], { touchedBytes }: Settings): string {
  const text = (key: keyof Probe): string => {
    const values = rows.flatMap(({ measured }) => measured.map((metrics) => numberOf(metrics, key)))
    const { median, min, max } = spreadOf(values)
    return `${figures(median)} ms (${figures(min)} to ${figures(max)})`
  }
  return `Before each, the machine itself: fixed arithmetic ${text('spinMs')}, ${touchedBytes / 1024 ** 2} MiB of memory ${text('touchMs')}.`
}

function lineOf(row: Row, first: Row, { metric, also }: Scenario): string[] {
  const label = `  ${row.contestant}${row.isMarked ? ' *' : ''}`
  if (row.failure !== undefined) return [`${label}  ${row.failure}`]
  const { median, min, max } = spread(row, metric.key)
  const relative = ratio(first, row, metric.key)
  const ratios = row === first ? ['1', '', ''] : [relative.median, relative.min, relative.max].map(figures)
  return [
    label,
    figures(median),
    figures(min),
    figures(max),
    ...ratios,
    ...also.map((each) => figures(spread(row, each.key).median)),
  ]
}

const titleOf = ({ title, unit }: Metric): string => `${title} ${unit}`
