/** The picture of a terminal. */
import { stripVTControlCharacters } from 'node:util'
import { escaped, svg } from './svg.mjs'

const STYLE = `
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #d1d7e0 }
  .card { fill: #151b23; stroke: #3d444d }
  circle { fill: #3d444d }
  .c1 { font-weight: 700; fill: #f0f6fc }
  .c2 { fill: #9198a1 }
  .c31 { fill: #ff7b72 }
  .c32 { fill: #56d364 }
`

const PAINT = new RegExp(`${String.fromCharCode(27)}\\[(\\d+)m`)

/** A window with what was printed, in its colours. It is dark by day, too, as terminals are. */
export function terminal(printed) {
  const lines = printed.replaceAll('\r', '').trimEnd().split('\n')
  const [column, line, margin] = [7.8, 19, 20]
  const columns = Math.max(...lines.map((each) => stripVTControlCharacters(each).length))
  const parts = [0, 1, 2].map((n) => `<circle cx="${margin + 6 + n * 20}" cy="20" r="6"/>`)
  for (const [n, each] of lines.entries()) {
    const length = stripVTControlCharacters(each).length
    if (length === 0) continue
    const place = `x="${margin}" y="${54 + n * line}" textLength="${(length * column).toFixed(1)}"`
    parts.push(`<text ${place} xml:space="preserve">${painted(each)}</text>`)
  }
  const width = Math.ceil(columns * column) + 2 * margin
  return svg('walv demo in a terminal', width, 54 + lines.length * line + 4, STYLE, parts)
}

/** Text, code, text, code …; the codes that end a colour have no class. */
function painted(line) {
  const pieces = line.split(PAINT)
  let code = 0
  let out = ''
  for (const [n, piece] of pieces.entries()) {
    if (n % 2 === 1) code = Number(piece)
    else if (piece !== '')
      out += [1, 2, 31, 32].includes(code)
        ? `<tspan class="c${code}">${escaped(piece)}</tspan>`
        : escaped(piece)
  }
  return out
}
