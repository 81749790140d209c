/** docs/architecture.md and its pictures name what is there. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Node } from 'oxc-parser'
import { ROOT } from '../package/nodes.ts'
import { ROOMS } from '../tidy/rooms.ts'
import { type Source, sourcesUnder, visit } from '../tidy/sources.ts'

const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')
const images = [...page.matchAll(/\(images\/([\w-]+\.svg)\)/g)].map((match) => match[1]!)
const pictures = images.map((name) => readFileSync(join(ROOT, 'docs/images', name), 'utf8')).join('\n')

/** The section with rooms that are not built yet. */
const PLANNED = page.slice(page.indexOf('## Where the next features go'), page.indexOf('To add a feature'))
const PATH = /(?:src|test|docs)\/[\w./-]*\w/g
const FUNCTION = /(?:(\w+)\.)?(#?\w+)\(\)/g

const none = (found: readonly string[]): void => assert.deepEqual(found, [])

/** `name` of what a file declares, and `Owner.name` of what a class or an interface of it has. */
function declaredIn(source: Source): Set<string> {
  const names = new Set<string>()
  const owners: string[] = []
  const nameOf = (key: Node | null): string => {
    if (key?.type === 'PrivateIdentifier') return `#${key.name}`
    return key?.type === 'Identifier' ? key.name : ''
  }
  const enter = ({ id }: { id: Node | null }): void => {
    owners.push(nameOf(id))
    names.add(nameOf(id))
  }
  const leave = (): void => void owners.pop()
  const declare = ({ id }: { id: Node | null }): void => void names.add(nameOf(id))
  const has = ({ key }: { key: Node }): void => void names.add(`${owners.at(-1)}.${nameOf(key)}`)
  visit(source, {
    ClassDeclaration: enter,
    'ClassDeclaration:exit': leave,
    TSInterfaceDeclaration: enter,
    'TSInterfaceDeclaration:exit': leave,
    FunctionDeclaration: declare,
    VariableDeclarator: declare,
    TSTypeAliasDeclaration: declare,
    MethodDefinition: has,
    TSAbstractMethodDefinition: has,
    TSMethodSignature: has,
  })
  return names
}

const declared = new Map(sourcesUnder('src').map((source) => [source.path, declaredIn(source)]))
const everywhere = new Set([...declared.values()].flatMap((names) => [...names]))
const owned = new Set([...everywhere].map((name) => name.slice(name.indexOf('.') + 1)))

test('every path that the page and its pictures name is there', () => {
  const paths = [...page.replace(PLANNED, '').matchAll(PATH), ...pictures.matchAll(PATH)].map(
    ([path]) => path,
  )
  assert.ok(paths.length > 50)
  none(paths.filter((path) => !existsSync(join(ROOT, path))))
})

test('every function that the page and its pictures name is there', () => {
  const functions = [...`${page}${pictures}`.matchAll(FUNCTION)]
  assert.ok(functions.length > 50)
  none(
    functions.flatMap(([text, owner, name]) => {
      if (owner !== undefined) return everywhere.has(`${owner}.${name}`) ? [] : [text]
      return owned.has(name!) ? [] : [text]
    }),
  )
})

test('every function is in the file that the page says', () => {
  const placed = [...page.matchAll(/`((?:\w+\.)?#?\w+)\(\)`\s+in\s+`(src\/[^`]+)`/g)]
  assert.ok(placed.length > 30)
  none(placed.flatMap(([text, name, path]) => (declared.get(path!)?.has(name!) ? [] : [text])))
})

test('every class and type that the page names is there', () => {
  const names = [...page.matchAll(/`([A-Z]\w*[a-z]\w*)`/g)].map((match) => match[1]!)
  assert.ok(names.length > 5)
  none(names.filter((name) => !everywhere.has(name)))
})

test('the rooms of the page are those of the tidy test, in their order', () => {
  const table = page.slice(page.indexOf('## The rooms'), page.indexOf('## Where the next features go'))
  const named = [...table.matchAll(/^\| (`src\/.*?) \| /gm)].map((match) => match[1]!)
  const missing = ROOMS.filter(
    (names, place) => !named[place]?.includes(`\`${names[0]!.replace(/[./]$/, '')}`),
  )
  none(missing.map((names) => names[0]!))
  assert.equal(named.length, ROOMS.length)
})
