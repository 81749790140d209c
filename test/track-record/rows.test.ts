import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { hasTest, rowsOf } from './rows.ts'

const rows = rowsOf(readFileSync('docs/track-record.md', 'utf8'))

test('every row of the track record has an id of its own', () => {
  const ids = rows.map(({ id }) => id)
  assert.deepEqual(ids, [...new Set(ids)])
})

test('every row of the track record names a test that is there', () => {
  for (const { id, file, test: name } of rows) {
    assert.ok(
      hasTest(readFileSync(file, 'utf8'), name),
      `${id}: ${file} has no test named ${JSON.stringify(name)}`,
    )
  }
})

test('a row that names a test of a table is found, and one that names no test is not', () => {
  const source = `test(\`a \${kind} as LOCK\`, () => {})\ntest('it\\'s (one)', SOON, () => {})\n`
  const isThere = (name: string) => hasTest(source, name)
  assert.deepEqual(['a pipe as LOCK', "it's (one)", 'a  as LOCK!', 'it', "it's one"].map(isThere), [
    true,
    true,
    false,
    false,
    false,
  ])
})

test('a row without a test is refused', () => {
  assert.throws(
    () => rowsOf('## Old, on 9f012f5, by the tests of 7ea347b\n| A1 | seen | found | nothing |'),
    /names no test/,
  )
  assert.throws(
    () => rowsOf('## Old, on 9f012f5\n| A1 | seen | found | `test/a.test.ts` › a name |'),
    /no commit/,
  )
})
