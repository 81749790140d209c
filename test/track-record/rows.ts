/** A row of docs/track-record.md: a defect, and the test that shows it. */
export interface Row {
  readonly id: string
  /** The commit that has the defect: the heading above the row ends with it. */
  readonly commit: string
  readonly file: string
  readonly test: string
}

/** The rows of the page: `| A1 | what was seen | found by | <file in backticks> › <test> |`. */
export function rowsOf(page: string): Row[] {
  const rows: Row[] = []
  let commit: string | undefined
  for (const line of page.split('\n')) {
    if (line.startsWith('## ')) commit = / on ([0-9a-f]{7,40})$/.exec(line)?.[1]
    const id = /^\| ([A-Z]\d+[a-z]*) \|/.exec(line)?.[1]
    if (id === undefined) continue
    const cells = line.split(/ (?<!\\)\| ?/)
    const place = /^`(test\/[^`]+\.ts)` › (.+)$/.exec(cells[3] ?? '')
    if (place === null || commit === undefined)
      throw new Error(`This row names no test, or stands below no commit: ${line}`)
    rows.push({ id, commit, file: place[1]!, test: place[2]!.replaceAll('\\|', '|') })
  }
  return rows
}
