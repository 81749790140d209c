/** A row of docs/track-record.md: a defect, and the test that shows it. */
export interface Row {
  readonly id: string
  /** The commit that has the defect: the heading above the row says it. */
  readonly commit: string
  /** The commit whose tests show it there: the old sources know nothing of what was moved since. */
  readonly testsOf: string
  readonly file: string
  readonly test: string
}

/** The rows of the page: `| A1 | what was seen | found by | <file in backticks> › <test> |`. */
export function rowsOf(page: string): Row[] {
  const rows: Row[] = []
  let place: Pick<Row, 'commit' | 'testsOf'> | undefined
  for (const line of page.split('\n')) {
    if (line.startsWith('## ')) place = placeIn(line)
    const id = /^\| ([A-Z]\d+[a-z]*) \|/.exec(line)?.[1]
    if (id === undefined) continue
    const cells = line.split(/ (?<!\\)\| ?/)
    const named = /^`(test\/[^`]+\.ts)` › (.+)$/.exec(cells[3] ?? '')
    if (named === null || place === undefined)
      throw new Error(`This row names no test, or stands below no commit: ${line}`)
    rows.push({ id, ...place, file: named[1]!, test: named[2]!.replaceAll('\\|', '|') })
  }
  return rows
}

/** `## What, on 9f012f5, by the tests of 7ea347b` */
function placeIn(heading: string): Pick<Row, 'commit' | 'testsOf'> | undefined {
  const [, commit, testsOf] = /, on ([0-9a-f]{7,40}), by the tests of ([0-9a-f]{7,40})$/.exec(heading) ?? []
  return commit === undefined || testsOf === undefined ? undefined : { commit, testsOf }
}

/** Whether a file's text has a test of this name; what a template takes in may be anything. */
export function hasTest(source: string, name: string): boolean {
  const quoted = [...source.matchAll(/\btest\(\s*(['"`])((?:\\.|(?!\1).)+)\1,/g)]
  const plain = (text: string): string =>
    text.replaceAll(/\\(.)/g, '$1').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const patternOf = (text: string): string =>
    text
      .split(/\$\{[^}]*\}/)
      .map(plain)
      .join('.+')
  return quoted.some(([, , text]) => new RegExp(`^${patternOf(text!)}$`).test(name))
}
