import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { rowsOf } from './rows.ts'

const rows = rowsOf(readFileSync('docs/track-record.md', 'utf8'))

test('every row of the track record has an id of its own', () => {
  const ids = rows.map(({ id }) => id)
  assert.deepEqual(ids, [...new Set(ids)])
})

/** What stands in a file as the name of a test; what a template takes in may be anything. */
function namesIn(source: string): RegExp[] {
  const quoted = [...source.matchAll(/\btest\(\s*(['"`])((?:\\.|(?!\1).)+)\1,/g)]
  const plain = (text: string) => text.replaceAll(/\\(.)/g, '$1').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return quoted.map(
    ([, , name]) =>
      new RegExp(
        `^${name!
          .split(/\$\{[^}]*\}/)
          .map(plain)
          .join('.+')}$`,
      ),
  )
}

test('every row of the track record names a test that is there', () => {
  for (const { id, file, test: name } of rows) {
    const names = namesIn(readFileSync(file, 'utf8'))
    assert.ok(
      names.some((each) => each.test(name)),
      `${id}: ${file} has no test named ${JSON.stringify(name)}`,
    )
  }
})

test('a row that names a test of a table is found, and one that names no test is not', () => {
  const names = namesIn(`test(\`a \${kind} as LOCK\`, () => {})\ntest('it\\'s (one)', SOON, () => {})\n`)
  const isThere = (name: string) => names.some((each) => each.test(name))
  assert.deepEqual(['a pipe as LOCK', "it's (one)", 'a  as LOCK!', 'it', "it's one"].map(isThere), [
    true,
    true,
    false,
    false,
    false,
  ])
})

test('a row without a test is refused', () => {
  assert.throws(() => rowsOf('## Old, on 9f012f5\n| A1 | seen | found | nothing |'), /names no test/)
  assert.throws(() => rowsOf('## Old\n| A1 | seen | found | `test/a.test.ts` › a name |'), /no commit/)
})
