/**
 * Columns of equal width, the first to the left and numbers to the right. A row of one cell may be
 * as long as it likes.
 */
export function table(rows: readonly (readonly string[])[]): string {
  const inColumns = rows.filter((row) => row.length > 1)
  const widths = rows[0]!.map((_, column) => Math.max(...inColumns.map((row) => width(row[column] ?? ''))))
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? padEnd(cell, widths[0]!) : padStart(cell, widths[column]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

const width = (text: string): number => [...text].length
const padEnd = (text: string, to: number): string => text + ' '.repeat(Math.max(0, to - width(text)))
const padStart = (text: string, to: number): string => ' '.repeat(Math.max(0, to - width(text))) + text

/** Three or four figures that count. */
export function figures(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toLocaleString('en')
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3)
}
