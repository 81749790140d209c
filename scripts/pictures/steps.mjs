/** The picture of a record's way: into the log, into a snapshot, and back. */
import { svg, text } from './svg.mjs'

/** What happens, step by step; each step has a name and two lines. */
const WAYS = [
  [
    'await index.insert(id, vector)',
    ['Checked', 'id, dimensions,', 'metadata'],
    ['Logged', 'in one group with', 'all that wait'],
    ['Synced', 'once for the', 'whole group'],
    ['Applied', 'it is found; only', 'now await returns'],
  ],
  [
    'From time to time, by itself',
    ['Snapshot', 'of the whole index,', 'in a new folder'],
    ['Published', 'synced, hashed,', 'then renamed'],
    ['Checkpoint', 'a record in the log', 'that names it'],
    ['Reclaimed', 'log that no kept', 'snapshot needs'],
  ],
  [
    'Opening, whatever happened before',
    ['Snapshot', 'the newest one', 'that verifies'],
    ['Log', 'each record behind', 'it is verified'],
    ['Its end', 'torn: cut, told;', 'lost: refused'],
    ['Index', 'with all that was', 'acknowledged'],
  ],
]
const [WIDTH, MARGIN, GAP, HEIGHT] = [640, 20, 24, 72]

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #59636e }
  .way { font-weight: 600; fill: #1f2328 }
  .code { font: 600 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328 }
  .step { font-weight: 600; fill: #0072b2; text-anchor: middle }
  .line { font-size: 12px; text-anchor: middle }
  .card { fill: #fff; stroke: #d1d9e0 }
  .box { fill: #f6f8fa; stroke: #d1d9e0 }
  path { fill: none; stroke: #818b98; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 }
    .way, .code { fill: #f0f6fc }
    .step { fill: #58b6ea }
    .card { fill: #0d1117; stroke: #3d444d }
    .box { fill: #151b23; stroke: #3d444d }
    path { stroke: #9198a1 }
  }
`

export function steps() {
  const parts = []
  const width = (WIDTH - 2 * MARGIN - 3 * GAP) / 4
  for (const [row, [title, ...names]] of WAYS.entries()) {
    const y = 20 + row * (HEIGHT + 52)
    parts.push(text(MARGIN, y + 14, title, row === 0 ? 'code' : 'way'))
    for (const [column, [name, first, second]] of names.entries()) {
      const x = MARGIN + column * (width + GAP)
      const top = y + 26
      parts.push(
        `<rect class="box" x="${x}" y="${top}" width="${width}" height="${HEIGHT}" rx="6"/>`,
        text(x + width / 2, top + 22, name, 'step'),
        text(x + width / 2, top + 41, first, 'line'),
        text(x + width / 2, top + 58, second, 'line'),
      )
      const middle = top + HEIGHT / 2
      if (column > 0) parts.push(`<path d="M${x - GAP + 4} ${middle}h${GAP - 9}m-5 -4l5 4l-5 4"/>`)
    }
  }
  return svg(
    'What happens at an insert, at a checkpoint and at an opening',
    WIDTH,
    20 + WAYS.length * (HEIGHT + 52) - 6,
    STYLE,
    parts,
  )
}
