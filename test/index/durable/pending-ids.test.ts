import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PendingId, PendingIds } from '../../../src/index/durable/pending-ids.ts'
import { Random } from '../../support/kit.ts'

interface Entered extends PendingId {
  readonly number: number
}

const entered = (id: string, number: number): Entered => ({ id, number, hash: 0, next: undefined })

test('the last that was entered under an id is found, whatever goes in and out, and however many', () => {
  const random = new Random(7)
  const table = new PendingIds<Entered>()
  const expected = new Map<string, Entered[]>()
  const all: Entered[] = []
  for (let number = 0; number < 20_000; number++) {
    if (random.chance(0.6) || all.length === 0) {
      const each = entered(`id-${random.below(3000)}`, number)
      table.add(each)
      all.push(each)
      expected.set(each.id, [...(expected.get(each.id) ?? []), each])
    } else {
      const [each] = all.splice(random.below(all.length), 1)
      table.remove(each!)
      expected.set(
        each!.id,
        expected.get(each!.id)!.filter((other) => other !== each),
      )
    }
    const id = `id-${random.below(3000)}`
    assert.equal(table.get(id)?.number, expected.get(id)?.at(-1)?.number)
    assert.equal(table.size, all.length)
  }
  for (const each of all) table.remove(each)
  assert.equal(table.size, 0)
  for (const id of expected.keys()) assert.equal(table.get(id), undefined)
})

test('what was removed leads nowhere', () => {
  const table = new PendingIds<Entered>()
  const each = [1, 2, 3].map((number) => entered('a', number))
  for (const one of each) table.add(one)
  for (const one of each.toReversed()) table.remove(one)
  assert.deepEqual(
    each.map(({ next }) => next),
    [undefined, undefined, undefined],
  )
})
