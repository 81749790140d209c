import type { Row } from '../run.ts'
import type { Metric, Scenario } from '../scenario.ts'
import { spread } from './results.ts'
import { bars, chart, type Series } from './svg.ts'

export interface Plot {
  readonly file: string
  readonly svg: string
}

const PERCENTILES = [
  ['p50Us', 'median'],
  ['p90Us', 'p90'],
  ['p99Us', 'p99'],
  ['p999Us', 'p99.9'],
  ['maxUs', 'longest'],
] as const

const OVER_TIME = [
  ['usPerRecordAt', 'µs an append'],
  ['rssMbAt', 'MB of memory'],
  ['openFilesAt', 'open files'],
] as const

/** What can be drawn of what was measured. */
export function plotsOf(scenario: Scenario, all: readonly Row[]): Plot[] {
  const rows = all.filter(({ measured }) => measured.length > 0)
  if (rows.length === 0) return []
  if (scenario.name === 'paced') return percentiles(scenario, rows)
  if (scenario.name === 'steady') return overTime(scenario, rows)
  if (scenario.x !== undefined) return byX(scenario, scenario.x, rows)
  return [...new Set(rows.map(({ variant }) => variant))].map((variant) => barsOf(scenario, variant, rows))
}

function byX(scenario: Scenario, x: string, rows: readonly Row[]): Plot[] {
  const { name, metric } = scenario
  const plots = [...new Set(rows.map(({ at }) => at!.plot))]
  return plots.map((plot) => {
    const inPlot = rows.filter(({ at }) => at!.plot === plot)
    const series = grouped(inPlot, (row) => {
      const { median, min, max } = spread(row, metric.key)
      return { x: row.at!.x, y: median, min, max }
    })
    const title = plots.length > 1 ? `${name}: ${plot}` : name
    const file = fileName(plots.length > 1 ? `${name}-${plot}` : name)
    // A ratio is near one: on a logarithmic axis it would look flat whatever it is.
    const isLogY = metric.unit !== '×'
    return { file, svg: chart({ title, x, y: titleOf(metric), series, isLogX: true, isLogY }) }
  })
}

function grouped(rows: readonly Row[], pointOf: (row: Row) => Series['points'][number]): Series[] {
  const names = [...new Set(rows.map(({ contestant }) => contestant))]
  return names.map((name) => ({
    name,
    points: rows.filter(({ contestant }) => contestant === name).map(pointOf),
  }))
}

function percentiles({ name }: Scenario, rows: readonly Row[]): Plot[] {
  return [...new Set(rows.map(({ variant }) => variant))].map((variant) => {
    const series = rows
      .filter((row) => row.variant === variant)
      .map((row) => ({
        name: row.contestant,
        points: PERCENTILES.map(([key], x) => {
          const { median, min, max } = spread(row, key)
          return { x, y: median, min, max }
        }),
      }))
    const places = PERCENTILES.map(([, title]) => title)
    const title = `latency at ${variant}`
    return {
      file: fileName(`${name}-${variant}`),
      svg: chart({ title, x: '', y: 'µs', series, isLogY: true, places }),
    }
  })
}

function overTime({ name }: Scenario, rows: readonly Row[]): Plot[] {
  return OVER_TIME.map(([key, y]) => {
    const series = rows.map((row) => {
      const { appended, [key]: values } = row.measured[0] as { appended: number[]; [key]: number[] }
      return { name: row.contestant, points: appended.map((x, i) => ({ x, y: values![i]! })) }
    })
    return {
      file: fileName(`${name}-${y}`),
      svg: chart({ title: `${name}: ${y}`, x: 'appended', y, series }),
    }
  })
}

function barsOf({ name, metric }: Scenario, variant: string, rows: readonly Row[]): Plot {
  const drawn = rows
    .filter((row) => row.variant === variant)
    .map((row) => {
      const { median, min, max } = spread(row, metric.key)
      return { name: `${row.contestant}${row.isMarked ? ' *' : ''}`, at: { x: 0, y: median, min, max } }
    })
  const title = `${name}, ${variant}: ${titleOf(metric)}`
  return { file: fileName(`${name}-${variant}`), svg: bars(title, ` ${metric.unit}`, drawn) }
}

const titleOf = ({ title, unit }: Metric): string => `${title} ${unit}`.trim()

const fileName = (title: string): string => `${title.replaceAll('µ', 'u').replace(/[^a-z0-9]+/gi, '-')}.svg`
