import assert from 'node:assert/strict'
import { test } from 'node:test'
import { standbysIn } from '../../../src/adapters/postgres/guarantee.ts'

test('it is read how many standbys a commit waits for, and of how many', () => {
  for (const [setting, waitedFor, named] of [
    ['a', 1, 1],
    ['a, b', 1, 2],
    ['*', 1, 1],
    ['2 (a, b, c)', 2, 3],
    ['FIRST 2 (a,b,c,d)', 2, 4],
    ['any 1 (*)', 1, 1],
    ['ANY 2 ("a,b", "c (1)", d)', 2, 3],
    ['first, second', 1, 2],
  ] as const)
    assert.deepEqual(standbysIn(setting), { waitedFor, named }, setting)
})
