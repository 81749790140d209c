import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLinearizable, type Operation } from './linearizable.ts'

type Short = [
  kind: Operation['kind'],
  value: number | undefined,
  succeeded: boolean | undefined,
  number,
  number,
  expected?: number,
]

const history = (...short: Short[]): Operation[] =>
  short.map(([kind, value, succeeded, calledAt, returnedAt, expected]) => ({
    kind,
    value,
    succeeded,
    calledAt,
    returnedAt,
    expected,
  }))

const NEVER = Number.POSITIVE_INFINITY

const good: Record<string, Operation[]> = {
  nothing: [],
  'one after the other': history(
    ['insert', 1, true, 0, 1],
    ['insert', 2, false, 2, 3],
    ['update', 3, true, 4, 5],
    ['read', 3, true, 6, 7],
    ['delete', undefined, true, 8, 9],
    ['delete', undefined, false, 10, 11],
    ['update', 4, false, 12, 13],
  ),
  'two inserts at once, the second wins': history(['insert', 1, false, 0, 9], ['insert', 2, true, 1, 2]),
  'a deletion between two inserts that were called at once': history(
    ['insert', 1, true, 0, 9],
    ['insert', 2, true, 0, 9],
    ['delete', undefined, true, 0, 9],
    ['read', 2, true, 10, 11],
  ),
  'nobody was told of the insert that the deletion found': history(
    ['insert', 1, undefined, 0, NEVER],
    ['delete', undefined, true, 5, 6],
  ),
  'an insert without an answer that never took effect': history(
    ['insert', 1, undefined, 0, NEVER],
    ['insert', 2, true, 5, 6],
    ['read', 2, true, 7, 8],
  ),
  'an insert without an answer that takes effect late': history(
    ['insert', 1, undefined, 0, NEVER],
    ['insert', 2, true, 5, 6],
    ['delete', undefined, true, 7, 8],
    ['read', 1, true, 9, 10],
  ),
}

const goodSwaps: Record<string, Operation[]> = {
  'a swap of nothing, and one behind it': history(
    ['swap', 1, true, 0, 1],
    ['swap', 2, true, 2, 3, 1],
    ['swap', 3, false, 4, 5, 1],
    ['read', 2, true, 6, 7],
  ),
  'two swaps at once, the second wins': history(
    ['insert', 1, true, 0, 1],
    ['swap', 2, false, 2, 9, 1],
    ['swap', 3, true, 3, 8, 1],
  ),
  'nobody was told of the swap that another one was built on': history(
    ['insert', 1, true, 0, 1],
    ['swap', 2, undefined, 2, NEVER, 1],
    ['swap', 3, true, 4, 5, 2],
  ),
}

const badSwaps: Record<string, Operation[]> = {
  'two swaps of one value both succeed': history(
    ['insert', 1, true, 0, 1],
    ['swap', 2, true, 2, 9, 1],
    ['swap', 3, true, 2, 9, 1],
  ),
  'a swap is refused though nobody changed the value': history(
    ['insert', 1, true, 0, 1],
    ['swap', 2, false, 2, 3, 1],
  ),
  'a swap that was refused took effect': history(
    ['insert', 1, true, 0, 1],
    ['upsert', 2, true, 2, 3],
    ['swap', 3, false, 4, 5, 1],
    ['read', 3, true, 6, 7],
  ),
  'a swap was applied to what came behind its value': history(
    ['insert', 1, true, 0, 1],
    ['upsert', 2, true, 2, 3],
    ['swap', 3, true, 4, 5, 1],
  ),
  'a swap was applied again behind another': history(
    ['insert', 1, true, 0, 1],
    ['swap', 2, true, 2, 3, 1],
    ['swap', 3, true, 4, 5, 2],
    ['read', 2, true, 6, 7],
  ),
}

const bad: Record<string, Operation[]> = {
  'two inserts both succeed': history(['insert', 1, true, 0, 1], ['insert', 2, true, 2, 3]),
  'two inserts at once both succeed': history(['insert', 1, true, 0, 9], ['insert', 2, true, 0, 9]),
  'an insert that was acknowledged is gone': history(
    ['insert', 1, true, 0, 1],
    ['read', undefined, true, 2, 3],
  ),
  'a deletion of nothing succeeds': history(['delete', undefined, true, 0, 1]),
  'a deletion took effect twice': history(
    ['insert', 1, true, 0, 1],
    ['delete', undefined, true, 2, 9],
    ['delete', undefined, true, 2, 9],
  ),
  'an older upsert won': history(
    ['upsert', 1, true, 0, 1],
    ['upsert', 2, true, 2, 3],
    ['read', 1, true, 4, 5],
  ),
  'an update that was refused took effect': history(['update', 1, false, 0, 1], ['read', 1, true, 2, 3]),
  'an upsert was applied again behind another': history(
    ['upsert', 1, true, 0, 1],
    ['upsert', 2, true, 2, 3],
    ['insert', 3, false, 4, 5],
    ['read', 1, true, 6, 7],
  ),
  'a refusal is told though the id was free all the time': history(
    ['insert', 1, false, 0, 1],
    ['insert', 2, true, 2, 3],
  ),
}

for (const [name, operations] of Object.entries({ ...good, ...goodSwaps }))
  test(`a history that can be explained: ${name}`, () => assert.equal(isLinearizable(operations), true))

for (const [name, operations] of Object.entries({ ...bad, ...badSwaps }))
  test(`a history that cannot be explained: ${name}`, () => assert.equal(isLinearizable(operations), false))

test('a long history of many at a time is decided quickly, and one wrong answer in it found', () => {
  const operations: Operation[] = []
  let value: number | undefined
  for (let at = 0; at < 400; at++) {
    const succeeded = at % 3 === 2 ? value !== undefined : value === undefined
    const kind = at % 3 === 2 ? 'delete' : 'insert'
    if (kind === 'delete') value = undefined
    else if (succeeded) value = at
    // Each overlaps with the eight before and behind it.
    operations.push({ kind, value: at, succeeded, calledAt: at - 4, returnedAt: at + 4 })
  }
  assert.equal(isLinearizable(operations), true)
  const ids = operations.map((operation, at) =>
    at === 300 ? { ...operation, kind: 'read' as const, value: -1, succeeded: true } : operation,
  )
  assert.equal(isLinearizable(ids), false)
})
