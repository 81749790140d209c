import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fifo } from '../../../src/fifo.ts'

test('a queue gives back what it was given, in order, over each of its moves to the front', () => {
  const fifo = new Fifo<number>()
  let next = 0
  let expected = 0
  const push = (count: number): void => {
    for (let n = 0; n < count; n++) fifo.push(next++)
  }
  const shift = (count: number): void => {
    for (let n = 0; n < count; n++) {
      assert.equal(fifo.first, expected++)
      fifo.shift()
    }
  }
  for (const [pushed, shifted] of [
    [3, 3],
    [5000, 1023],
    [10, 1],
    [10, 2000],
    [3000, 4990],
  ] as const) {
    push(pushed)
    shift(shifted)
    assert.equal(fifo.size, next - expected)
  }
  shift(fifo.size)
  assert.deepEqual([fifo.size, fifo.first], [0, undefined])
})
