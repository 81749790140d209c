/** What the tidy test looks at: every file that is kept, parsed once. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { type ParseResult, parseSync, Visitor, type VisitorObject } from 'oxc-parser'

export interface Source {
  /** From the root of the repository. */
  readonly path: string
  readonly lines: readonly string[]
  readonly parsed: ParseResult
  /** The line, from 1, at an offset. */
  lineAt(offset: number): number
}

const kept = (): readonly string[] =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' })
    .split('\n')
    .filter((path) => !path.includes('/fixtures/') && !path.startsWith('.changeset/'))

function sourceAt(path: string): Source {
  const text = readFileSync(path, 'utf8')
  const lines = text.split('\n')
  const starts = [0]
  for (const line of lines) starts.push(starts.at(-1)! + line.length + 1)
  const lineAt = (offset: number): number => starts.findIndex((start) => start > offset)
  return { path, lines, parsed: parseSync(path, text), lineAt }
}

const paths = kept()

export const markdownFiles: readonly string[] = paths.filter((path) => path.endsWith('.md'))

export const sources: readonly Source[] = paths.filter((path) => /\.(?:ts|mjs)$/.test(path)).map(sourceAt)

export const sourcesUnder = (folder: string): readonly Source[] =>
  sources.filter(({ path }) => path.startsWith(`${folder}/`))

/** The files that it imports from within the repository, types included. */
export function importsOf({ path, parsed }: Source): readonly string[] {
  const { staticImports, staticExports } = parsed.module
  const exported = staticExports.flatMap(({ entries }) =>
    entries.map(({ moduleRequest }) => moduleRequest?.value),
  )
  return [...staticImports.map(({ moduleRequest }) => moduleRequest.value), ...exported]
    .filter((name) => name?.startsWith('.'))
    .map((name) => normalize(join(dirname(path), name!)))
}

export const visit = ({ parsed }: Source, visitor: VisitorObject): void =>
  new Visitor(visitor).visit(parsed.program)
