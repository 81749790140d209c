import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { rowsOf } from './rows.ts'

const rows = rowsOf(readFileSync('docs/track-record.md', 'utf8'))

test('every row of the track record has an id of its own', () => {
  const ids = rows.map(({ id }) => id)
  assert.deepEqual(ids, [...new Set(ids)])
})

test('every row of the track record names a test that is there', () => {
  for (const { id, file, test: name } of rows) {
    const source = readFileSync(file, 'utf8').replaceAll("\\'", "'")
    assert.ok(source.includes(name), `${id}: ${file} has no test named ${JSON.stringify(name)}`)
  }
})

test('a row without a test is refused', () => {
  assert.throws(() => rowsOf('## Old, on 9f012f5\n| A1 | seen | found | nothing |'), /names no test/)
  assert.throws(() => rowsOf('## Old\n| A1 | seen | found | `test/a.test.ts` › a name |'), /no commit/)
})
