/**
 * The examples run from a clone: their walv is the one beside them, since what is not published
 * cannot be installed.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../package/nodes.ts'

test('every example asks for the walv of the clone, and examples/README.md names it with its command', () => {
  const readme = readFileSync(join(ROOT, 'examples', 'README.md'), 'utf8')
  const folders = readdirSync(join(ROOT, 'examples'), { withFileTypes: true }).filter((each) =>
    each.isDirectory(),
  )
  assert.ok(folders.length >= 5)
  for (const { name } of folders) {
    const row = readme.split('\n').find((line) => line.startsWith(`| [${name}](`))
    assert.match(row ?? '', /\| `[^`]*node examples\/|\| `[^`]*(node|npm) [a-z]/, `${name} has its command`)
    if (name === 'prometheus') continue
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'examples', name, 'package.json'), 'utf8'))
    assert.equal(dependencies.walv, 'file:../..', name)
  }
})
