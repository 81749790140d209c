import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LabelMap } from '../../src/index/label-map.ts'
import { Random } from '../support/kit.ts'

const LARGEST = Number.MAX_SAFE_INTEGER

const inOrder = (model: Map<number, number>): [number, number][] => [...model].sort(([a], [b]) => a - b)
const sorted = (map: LabelMap<number>): [number, number][] => [...map.entries()].sort(([a], [b]) => a - b)

test('it holds what a Map holds, whatever is done to it, and frozen values stay as they were', () => {
  for (let seed = 0; seed < 50; seed++) {
    const random = new Random(seed)
    const map = new LabelMap<number>()
    const model = new Map<number, number>()
    const frozen: [() => Iterable<number>, number[]][] = []
    const labels = [
      LARGEST,
      LARGEST - 1,
      2 ** 32,
      ...Array.from({ length: 500 }, (_, label) => label * (1 + (seed % 3))),
    ]
    for (let step = 0; step < 1500; step++) {
      const label = labels[random.below(labels.length)]!
      if (random.chance(0.55)) {
        map.set(label, step)
        model.set(label, step)
      } else assert.equal(map.delete(label), model.delete(label))
      assert.equal(map.get(label), model.get(label))
      assert.equal(map.has(label), model.has(label))
      assert.equal(map.size, model.size)
      if (random.chance(0.01)) frozen.push([map.frozen(), [...map.values()]])
    }
    assert.deepEqual(sorted(map), inOrder(model), `seed ${seed}`)
    assert.ok(frozen.length > 3)
    for (const [values, expected] of frozen) assert.deepEqual([...values()], expected, `seed ${seed}`)
  }
})

test('labels that only grow are met in their order, also those that come while they are met', () => {
  const map = new LabelMap<string>()
  for (let label = 0; label < 1000; label++) map.set(label, `value ${label}`)
  for (let label = 100; label < 900; label++) map.delete(label)
  map.set(5, 'again')
  const met: number[] = []
  for (const label of map.keys()) {
    met.push(label)
    if (label === 99) map.delete(950)
    if (label === 999) map.set(1000, 'late')
  }
  const from = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i)
  assert.deepEqual(
    met,
    [...from(0, 100), ...from(900, 101)].filter((label) => label !== 950),
  )
  assert.deepEqual([...map.values()].slice(4, 7), ['value 4', 'again', 'value 6'])
})

test('what is deleted gives its page back', () => {
  const map = new LabelMap<number>()
  for (let round = 0; round < 3; round++) {
    for (let label = 0; label < 300; label++) map.set(label, round)
    for (let label = 0; label < 300; label++) assert.ok(map.delete(label))
    assert.deepEqual([map.size, [...map.entries()], map.get(3)], [0, [], undefined])
  }
})
