/** A point with how far it spread. */
export interface Point {
  readonly x: number
  readonly y: number
  readonly min?: number
  readonly max?: number
}

export interface Series {
  readonly name: string
  readonly points: readonly Point[]
}

export interface Chart {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly series: readonly Series[]
  readonly isLogX?: boolean
  readonly isLogY?: boolean
  /** Names for the places 0, 1, 2 … on the x axis. */
  readonly places?: readonly string[]
}

const WIDTH = 860
const HEIGHT = 460
const LEFT = 80
const RIGHT = 190
const TOP = 50
const BOTTOM = 60
/** Told apart also by those who do not see red and green (Okabe and Ito). */
const COLORS = [
  '#0072b2',
  '#222222',
  '#999999',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#8c510a',
]

interface Axis {
  readonly ticks: readonly number[]
  /** From 0 to 1. */
  place(value: number): number
}

/** Lines with their points and spreads, axes and a legend. */
export function chart({ title, x, y, series, isLogX = false, isLogY = false, places }: Chart): string {
  const points = series.flatMap((each) => each.points)
  const across = axis(
    points.map((point) => point.x),
    isLogX,
    places !== undefined,
  )
  const up = axis(
    points.flatMap((point) => [point.y, point.min ?? point.y, point.max ?? point.y]),
    isLogY,
    false,
  )
  const toX = (value: number): number => LEFT + across.place(value) * (WIDTH - LEFT - RIGHT)
  const toY = (value: number): number => HEIGHT - BOTTOM - up.place(value) * (HEIGHT - TOP - BOTTOM)
  const parts = [
    ...up.ticks.flatMap((tick) => [
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${toY(tick)}" y2="${toY(tick)}" stroke="#e4e4e4"/>`,
      text(LEFT - 8, toY(tick) + 4, short(tick), 'end'),
    ]),
    ...across.ticks.map((tick) =>
      text(toX(tick), HEIGHT - BOTTOM + 20, places?.[tick] ?? short(tick), 'middle'),
    ),
    text(LEFT, 26, title, 'start', 'font-weight="bold" font-size="15"'),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, x, 'middle'),
    text(LEFT - 70, TOP - 10, y, 'start'),
    ...series.map((each, i) => line(each, i, toX, toY)),
  ]
  return document(parts)
}

function line(
  { name, points }: Series,
  i: number,
  toX: (x: number) => number,
  toY: (y: number) => number,
): string {
  const color = COLORS[i % COLORS.length]!
  const places = points.map((point) => `${toX(point.x).toFixed(1)},${toY(point.y).toFixed(1)}`)
  const marks = points.length > 40 ? [] : points.map((point) => mark(point, color, toX, toY))
  const legendY = TOP + 10 + i * 20
  const legend = [
    `<rect x="${WIDTH - RIGHT + 14}" y="${legendY - 9}" width="14" height="4" fill="${color}"/>`,
    text(WIDTH - RIGHT + 34, legendY - 3, name, 'start'),
  ]
  return [
    `<polyline points="${places.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>`,
    ...marks,
    ...legend,
  ].join('')
}

function mark(point: Point, color: string, toX: (x: number) => number, toY: (y: number) => number): string {
  const { x, y, min = y, max = y } = point
  const bar = `<line x1="${toX(x)}" x2="${toX(x)}" y1="${toY(min)}" y2="${toY(max)}" stroke="${color}" opacity="0.5"/>`
  return `${bar}<circle cx="${toX(x)}" cy="${toY(y)}" r="3.5" fill="${color}"/>`
}

/** Bars from top to bottom, each with its number and its spread. */
export function bars(
  title: string,
  unit: string,
  rows: readonly { readonly name: string; readonly at: Point }[],
): string {
  const left = 290
  const row = 26
  const most = Math.max(...rows.map(({ at }) => at.max ?? at.y))
  const toX = (value: number): number => left + (value / most) * (WIDTH - left - 90)
  const parts = rows.flatMap(({ name, at }, i) => {
    const y = TOP + i * row
    const middle = y + row / 2
    const color = COLORS[name.startsWith('walv') ? 0 : name.startsWith('raw') ? 2 : 3]
    const spread = `x1="${toX(at.min ?? at.y)}" x2="${toX(at.max ?? at.y)}" y1="${middle}" y2="${middle}"`
    return [
      text(left - 8, middle + 4, name, 'end'),
      `<rect x="${left}" y="${y + 4}" width="${toX(at.y) - left}" height="${row - 8}" fill="${color}"/>`,
      `<line ${spread} stroke="#000"/>`,
      text(toX(at.max ?? at.y) + 6, middle + 4, short(at.y) + unit, 'start'),
    ]
  })
  return document(
    [text(20, 26, title, 'start', 'font-weight="bold" font-size="15"'), ...parts],
    TOP + rows.length * row + 20,
  )
}

function axis(values: readonly number[], isLog: boolean, isPlaces: boolean): Axis {
  if (isPlaces) {
    const ticks = [...new Set(values)].sort((a, b) => a - b)
    return { ticks, place: (value) => (value + 0.5) / ticks.length }
  }
  const max = Math.max(...values)
  if (!isLog) {
    const step = niceStep(max)
    const count = Math.max(1, Math.ceil(max / step))
    return {
      ticks: Array.from({ length: count + 1 }, (_, i) => i * step),
      place: (value) => value / (count * step),
    }
  }
  const low = Math.floor(Math.log10(Math.min(...values)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(max)))
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
  return { ticks, place: (value) => (Math.log10(value) - low) / (high - low) }
}

/** So that there are about five of it. */
function niceStep(max: number): number {
  const size = 10 ** Math.floor(Math.log10(max / 5 || 1))
  return size * ([1, 2, 5, 10].find((factor) => max / (size * factor) <= 6) ?? 10)
}

function short(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`
  if (size >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`
  return String(Number(value.toPrecision(3)))
}

const text = (x: number, y: number, content: string, anchor: string, more = ''): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" ${more}>${escaped(content)}</text>`

const escaped = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

function document(parts: readonly string[], height = HEIGHT): string {
  const style = 'font-family="system-ui, sans-serif" font-size="12" fill="#222"'
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" ${style}>`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    ...parts,
    '</svg>\n',
  ].join('\n')
}
