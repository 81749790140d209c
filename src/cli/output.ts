/** How the command line shows numbers, tables and colours to people. */

/** `341,479`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** `1 word`, `10,000 words`. */
export function formatQuantity(count: number, singular: string, plural: string = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`
}

const BYTE_UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `980 bytes`, `1.5 KiB`, `64 MiB`: three digits, binary units. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return formatQuantity(bytes, 'byte')
  let value = bytes / 1024
  let unit = 0
  // 1023.5 would be shown as 1024 of its unit.
  while (value >= 1023.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${threeDigits(value)} ${BYTE_UNITS[unit]}`
}

/** `0.42 ms`, `850 ms`, `1.2 s`, `2 min 5 s`, `3 h 20 min`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 999.5) return `${threeDigits(milliseconds)} ms`
  if (milliseconds < 59_950) return `${threeDigits(milliseconds / 1000)} s`
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  const minutes = Math.round(seconds / 60)
  return `${formatCount(Math.floor(minutes / 60))} h ${minutes % 60} min`
}

function threeDigits(value: number): string {
  return String(value < 100 ? Number(value.toPrecision(3)) : Math.round(value))
}

export type Paint = (text: string) => string

export interface Colours {
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly green: Paint
  readonly yellow: Paint
}

/**
 * Colours for a terminal that takes them; plain text for anything else, and where `NO_COLOR` is set
 * (https://no-color.org).
 */
export function coloursFor(
  stream: { readonly isTTY?: boolean },
  env: NodeJS.ProcessEnv = process.env,
): Colours {
  const on = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'
  const paint = (start: number, end: number): Paint => {
    return on ? (text) => `\x1b[${start}m${text}\x1b[${end}m` : (text) => text
  }
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
  }
}

const PAINT_SEQUENCE = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g')

/**
 * Rows in aligned columns, two spaces apart, without a line feed at the end. `align` has `l` or `r`
 * for each column, `l` where it has none.
 */
export function table(rows: readonly (readonly string[])[], align = ''): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, widthOf(cell))
  }
  const lines = rows.map((row) => {
    const cells = row.map((cell, column) => {
      const padding = ' '.repeat(widths[column]! - widthOf(cell))
      return align[column] === 'r' ? padding + cell : cell + padding
    })
    return cells.join('  ').trimEnd()
  })
  return lines.join('\n')
}

function widthOf(cell: string): number {
  return cell.replace(PAINT_SEQUENCE, '').length
}
