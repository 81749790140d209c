/**
 * What the package ships: all that it refers to, nothing else, and no more of it than was decided.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Packed, pack, removeFolder, temporaryFolder } from './installed.ts'
import { ROOT } from './nodes.ts'

const KIB = 1024
/**
 * Raise one of these only with a reason in the commit: everybody who installs walv downloads it.
 */
const BUDGET = {
  code: 1_710 * KIB,
  declarations: 626 * KIB,
  docs: 494 * KIB,
  tarball: 862 * KIB,
}

const KINDS: Record<string, RegExp> = {
  declarations: /^dist\/.+\.d\.c?ts$/,
  code: /^dist\/.+\.js$/,
  docs: /^(docs\/.+\.md|docs\/images\/.+\.svg|README\.md|CHANGELOG\.md|llms\.txt)$/,
  other: /^(LICENSE|package\.json)$/,
}

let folder: string
let packed: Packed
before(async () => {
  folder = await temporaryFolder()
  packed = await pack(folder)
})
after(() => removeFolder(folder))

const kindOf = (path: string): string | undefined =>
  Object.keys(KINDS).find((kind) => KINDS[kind]!.test(path))
const bytesOf = (kind: string): number =>
  packed.files.filter(({ path }) => kindOf(path) === kind).reduce((sum, { size }) => sum + size, 0)

test('nothing is shipped that has no use to a user', () => {
  assert.deepEqual(
    packed.files.map(({ path }) => path).filter((path) => kindOf(path) === undefined),
    [],
  )
})

test('everything that package.json points to is shipped', () => {
  const { exports, bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const pathsIn = (target: string | object): string[] =>
    typeof target === 'string' ? [target] : Object.values<string | object>(target as never).flatMap(pathsIn)
  const pointsTo = pathsIn([...Object.values<string | object>(exports), bin])
  const shipped = new Set(packed.files.map(({ path }) => path))
  assert.ok(pointsTo.length > 4)
  assert.deepEqual(
    pointsTo.filter((path) => !shipped.has(path.replace('./', ''))),
    [],
  )
})

for (const [kind, limit] of Object.entries(BUDGET))
  test(`the size of the ${kind} keeps to its budget`, () => {
    const bytes = kind === 'tarball' ? packed.size : bytesOf(kind)
    assert.ok(bytes > 0 && bytes <= limit, `${bytes} bytes, and ${limit} were decided`)
  })
