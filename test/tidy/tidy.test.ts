/**
 * How the code stands, as a test, after TigerBeetle's tidy. What fails here is mended in the code,
 * never listed as an exception.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { roomOf } from './rooms.ts'
import { importsOf, markdownFiles, type Source, sources, sourcesUnder, visit } from './sources.ts'
import { WORDS } from './words.ts'

const CODE_COLUMNS = 110
const TEXT_COLUMNS = 100
const FILE_LINES = 400
const FUNCTION_LINES = 60

const none = (found: readonly string[]): void => assert.equal(found.join('\n'), '', `${found.length} found`)

const src = sourcesUnder('src')

test('what is parsed is what is there', () => {
  none(sources.flatMap(({ path, parsed }) => parsed.errors.map(({ message }) => `${path}: ${message}`)))
  assert.ok(src.length > 100 && markdownFiles.includes('README.md'))
})

test('every file of src belongs to a room', () => {
  none(src.map(({ path }) => path).filter((path) => roomOf(path) === undefined))
})

test('a room imports only from itself and from those below it', () => {
  none(
    src.flatMap((source) =>
      importsOf(source)
        .filter((path) => roomOf(path)! > roomOf(source.path)!)
        .map((path) => `${source.path} -> ${path}`),
    ),
  )
})

test('imports make no circle, types included', () => {
  const imports = new Map(sources.map((source) => [source.path, importsOf(source)]))
  const done = new Set<string>()
  const circles: string[] = []
  const follow = (path: string, way: readonly string[]): void => {
    const at = way.indexOf(path)
    if (at >= 0) circles.push([...way.slice(at), path].join(' -> '))
    if (at >= 0 || done.has(path)) return
    for (const next of imports.get(path) ?? []) follow(next, [...way, path])
    done.add(path)
  }
  for (const path of imports.keys()) follow(path, [])
  none(circles)
})

test('a test takes what tests share from one kit', () => {
  const kit = 'test/support/kit.ts'
  const shared = importsOf(sources.find(({ path }) => path === kit)!)
  assert.ok(shared.includes('src/mod.ts'))
  none(
    sources
      // Samples are shown in the documentation, where there is no kit.
      .filter(({ path }) => path.endsWith('.test.ts') && !path.includes('/samples/'))
      .flatMap((source) =>
        importsOf(source)
          .filter((path) => shared.includes(path))
          .map((path) => `${source.path} -> ${path}, which is in ${kit}`),
      ),
  )
})

/** Lines that something with a start and an end touches. */
function linesOf({ lineAt }: Source, places: readonly { start: number; end: number }[]): ReadonlySet<number> {
  const found = new Set<number>()
  for (const { start, end } of places)
    for (let line = lineAt(start); line <= lineAt(end); line++) found.add(line)
  return found
}

/** Strings, templates and patterns, which cannot be wrapped. */
function textLines(source: Source): ReadonlySet<number> {
  const places: { start: number; end: number }[] = []
  visit(source, {
    Literal: (node) => void (typeof node.value === 'number' || places.push(node)),
    TemplateLiteral: (node) => void places.push(node),
  })
  return linesOf(source, places)
}

test(`code has ${CODE_COLUMNS} columns, and comments ${TEXT_COLUMNS}`, () => {
  none(
    sources.flatMap((source) => {
      const comments = linesOf(source, source.parsed.comments)
      const texts = textLines(source)
      return source.lines.flatMap((text, index) => {
        const line = index + 1
        const columns = comments.has(line) && /^\s*(?:\/?\*|\/\/)/.test(text) ? TEXT_COLUMNS : CODE_COLUMNS
        if (text.length <= columns || (columns === CODE_COLUMNS && texts.has(line))) return []
        return [`${source.path}:${line}: ${text.length} columns`]
      })
    }),
  )
})

test(`prose of the documentation has ${TEXT_COLUMNS} columns`, () => {
  none(
    markdownFiles.flatMap((path) => {
      let fenced = false
      return readFileSync(path, 'utf8')
        .split('\n')
        .flatMap((text, index) => {
          if (/^\s*(?:```|~~~)/.test(text)) fenced = !fenced
          // A table's row, a heading and an address cannot be wrapped.
          const fixed =
            fenced || /^\s*(?:\||#)/.test(text) || !/\S\s+\S/.test(text.replace(/^\s*(?:[-*>]|\d+\.)\s+/, ''))
          return fixed || text.length <= TEXT_COLUMNS ? [] : [`${path}:${index + 1}: ${text.length} columns`]
        })
    }),
  )
})

test(`a file has at most ${FILE_LINES} lines`, () => {
  const long = sources.filter(({ lines }) => lines.length - 1 > FILE_LINES)
  none(long.map(({ path, lines }) => `${path}: ${lines.length - 1} lines`))
})

test(`a function has at most ${FUNCTION_LINES} lines`, () => {
  none(
    sources.flatMap((source) => {
      const found: string[] = []
      const look = ({ start, end }: { start: number; end: number }): void => {
        const lines = source.lineAt(end) - source.lineAt(start) + 1
        if (lines > FUNCTION_LINES) found.push(`${source.path}:${source.lineAt(start)}: ${lines} lines`)
      }
      visit(source, { FunctionDeclaration: look, FunctionExpression: look, ArrowFunctionExpression: look })
      return found
    }),
  )
})

test('no word that was given up is a name', () => {
  none(
    sources.flatMap((source) => {
      const found: string[] = []
      visit(source, {
        Identifier: ({ name, start }) => {
          if (WORDS.has(name))
            found.push(`${source.path}:${source.lineAt(start)}: ${name}, now ${WORDS.get(name)}`)
        },
      })
      return found
    }),
  )
})
