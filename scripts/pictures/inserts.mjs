/** The chart of the inserts into a durable index. */
import { svg, text } from './svg.mjs'

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #59636e }
  .title { font-size: 16px; font-weight: 600; fill: #1f2328 }
  .group { font-weight: 600; fill: #1f2328 }
  .name { text-anchor: end }
  .number { fill: #1f2328 }
  .card { fill: #fff; stroke: #d1d9e0 }
  .durable-index { fill: #0072b2 }
  .walv { fill: #7cc0ea }
  .lmdb { fill: #a6adb4 }
  .spread { stroke: #1f2328; stroke-opacity: .6 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 }
    .title, .group, .number { fill: #f0f6fc }
    .card { fill: #0d1117; stroke: #3d444d }
    .durable-index { fill: #3fa7e0 }
    .walv { fill: #1f6391 }
    .lmdb { fill: #656c76 }
    .spread { stroke: #f0f6fc }
  }
`

/** Bars of each way to call, on a scale of its own, with the spread of the repetitions. */
export function inserts({ machine, rows, unsynced }) {
  if (Object.values(unsynced).some((count) => count > 0)) throw new Error('not everybody syncs')
  const dimensions = 768
  const groups = [
    ['One insert at a time', '1 in flight'],
    ['256 inserts in flight', '256 in flight'],
    ['insertMany, or as many calls at once', 'insertMany'],
  ]
  const names = { 'durable-index': 'DurableIndex, flat', walv: 'Wal, its log alone', lmdb: 'lmdb, flushed' }
  const [width, left, right, row] = [640, 156, 76, 24]
  const parts = [
    text(20, 36, `Durable inserts a second, ${dimensions} dimensions`, 'title'),
    text(20, 56, 'Longer is faster. Each is acknowledged after its sync. Each group has its own scale.'),
  ]
  let y = 78
  for (const [title, variant] of groups) {
    parts.push(text(20, y + 18, title, 'group'))
    y += 26
    const bars = rows.filter((each) => each.variant === `${variant}, ${dimensions} dimensions`)
    const most = Math.max(...bars.flatMap(({ perSecond }) => perSecond))
    const toX = (value) => Number((left + (value / most) * (width - left - right)).toFixed(1))
    for (const { peer, perSecond } of bars) {
      const [least, median, greatest] = [...perSecond].sort((a, b) => a - b)
      parts.push(
        text(left - 10, y + 16, names[peer], 'name'),
        `<rect class="${peer}" x="${left}" y="${y + 4}" width="${toX(median) - left}" height="${row - 8}" rx="2"/>`,
        `<path class="spread" d="M${toX(least)} ${y + row / 2}H${toX(greatest)}"/>`,
        text(toX(greatest) + 8, y + 16, rounded(median), 'number'),
      )
      y += row
    }
    y += 10
  }
  const { cores, cpu, system, fileSystem, node, date } = machine
  parts.push(
    text(20, y + 16, 'Medians of three; the thin line is their spread.'),
    text(20, y + 34, `${date}: ${cores} cores of ${cpu}, ${system}, ${fileSystem}, Node ${node.slice(1)}`),
  )
  return svg('Durable inserts a second', width, y + 58, STYLE, parts)
}

/** 19,408 is `19,400`: three digits are more than a repetition keeps. */
function rounded(value) {
  return Number(value.toPrecision(3)).toLocaleString('en-US')
}
