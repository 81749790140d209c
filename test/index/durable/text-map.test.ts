import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partOf, TextMap } from '../../../src/index/durable/text-map.ts'
import { Random } from '../../support/kit.ts'

/** Ids as people make them, and such as end alike. */
const TEXTS = ['', 'a', 'ä', '\u{1f600}', 'x'.repeat(1000)].concat(
  Array.from({ length: 300 }, (_, i) => [
    `id-${i}`,
    `${i}#suffix-that-all-share`,
    `document ${i}, chunk ${i % 7}`,
  ]).flat(),
)

test('it holds what a Map holds, whatever is done to it', () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = new Random(seed)
    const map = new TextMap<number>()
    const model = new Map<string, number>()
    for (let step = 0; step < 3000; step++) {
      const text = TEXTS[random.below(TEXTS.length)]!
      if (random.chance(0.6)) {
        map.set(text, step)
        model.set(text, step)
      } else {
        map.delete(text)
        model.delete(text)
      }
    }
    for (const text of TEXTS) assert.equal(map.get(text), model.get(text), `seed ${seed}: ${text}`)
  }
})

test('ids as people make them are spread: no part has many times its share', () => {
  const kinds: readonly ((n: number) => string)[] = [
    (n) => `id-${n}`,
    (n) => `${n}`,
    (n) => `document-${Math.floor(n / 20)}:chunk-${n % 20}`,
    (n) => `${(n * 2654435761).toString(16).padStart(12, '0')}-4c7f-8a1b`.split('-').reverse().join('-'),
  ]
  for (const kind of kinds) {
    const counts = new Map<number, number>()
    for (let n = 0; n < 100_000; n++) {
      const part = partOf(kind(n))
      counts.set(part, (counts.get(part) ?? 0) + 1)
    }
    const largest = Math.max(...counts.values())
    assert.ok(largest < 400, `${kind(12345)}: ${largest} in one part`)
    assert.ok(counts.size > 500, `${kind(12345)}: ${counts.size} parts`)
  }
})
