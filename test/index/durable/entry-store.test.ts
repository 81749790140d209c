import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteBuffer } from '../../../src/format/byte-buffer.ts'
import {
  idAt,
  jsonAt,
  labelAt,
  type RecordAt,
  recordBytes,
  seqAt,
} from '../../../src/index/durable/entry-record.ts'
import { EntryStore } from '../../../src/index/durable/entry-store.ts'
import { hashOf } from '../../../src/index/durable/id-table.ts'
import { Random } from '../../support/kit.ts'

/** Ids as people make them, and such as end alike. */
const IDS = ['a', 'ä', '\u{1f600}', '\ufffd', 'x'.repeat(1000), 'y'.repeat(65_535)].concat(
  Array.from({ length: 300 }, (_, i) => [
    `id-${i}`,
    `${i}#suffix-that-all-share`,
    `document ${i}, chunk ${i % 7}`,
  ]).flat(),
)

type Kept = readonly [label: number, json: string | null, seq: number]
type Plain = [label: number, id: string, json: string | null, seq: number]

const plain = (record: RecordAt): Plain => [labelAt(record), idAt(record), jsonAt(record), seqAt(record)]

const sorted = (model: ReadonlyMap<string, Kept>): Plain[] =>
  [...model].map(([id, [label, json, seq]]): Plain => [label, id, json, seq]).sort(byLabel)

const byLabel = ([a]: readonly [number, ...unknown[]], [b]: readonly [number, ...unknown[]]): number => a - b

function jsonOf(random: Random, step: number): string | null {
  if (random.chance(0.1)) return null
  const length = random.chance(0.02) ? random.below(200_000) : random.below(random.chance(0.1) ? 20_000 : 100)
  return JSON.stringify({ step, text: (random.chance(0.5) ? 'é' : 'e').repeat(length) })
}

test('it holds what a Map holds, whatever is done to it, and what was frozen stays as it was', () => {
  for (let seed = 0; seed < 12; seed++) {
    const random = new Random(seed)
    const store = new EntryStore()
    const model = new Map<string, Kept>()
    const frozen: { records: () => Generator<RecordAt>; expected: Plain[] }[] = []
    let nextLabel = 0
    for (let step = 0; step < 3000; step++) {
      const id = IDS[random.below(IDS.length)]!
      const known = model.get(id)
      if (random.chance(0.6)) {
        const label = known?.[0] ?? nextLabel++
        const json = jsonOf(random, step)
        assert.equal(store.has(id), known !== undefined)
        if (random.chance(0.5)) assert.equal(store.add(label, id, json, step), known === undefined)
        else if (known === undefined) store.set(label, id, json, step, true)
        if (known) store.set(label, id, json, step, false)
        assert.deepEqual(plain(store.at(label)!), [label, id, json, step])
        model.set(id, [label, json, step])
      } else if (known) {
        store.remove(known[0])
        model.delete(id)
      }
      if (step % 700 === 300) frozen.push({ records: store.frozen(), expected: sorted(model) })
    }
    assert.equal(store.size, model.size)
    for (const id of IDS) {
      const record = store.find(id)
      const known = model.get(id)
      assert.deepEqual(
        record && plain(record),
        known && [known[0], id, known[1], known[2]],
        `seed ${seed}: ${id}`,
      )
      if (known) assert.deepEqual(plain(store.at(known[0])!), [known[0], id, known[1], known[2]])
    }
    assert.deepEqual([...store.records()].map(plain).sort(byLabel), sorted(model))
    assert.equal(store.find('\ud800'), undefined, 'half a surrogate pair is no U+FFFD')
    assert.equal(store.find('z'.repeat(70_000)), undefined)
    for (const { records, expected } of frozen)
      assert.deepEqual([...records()].map(plain).sort(byLabel), expected)
  }
})

test('what is replaced gives its memory back', () => {
  const store = new EntryStore()
  const json = JSON.stringify('x'.repeat(1000))
  const before = process.memoryUsage().arrayBuffers
  for (let step = 0; step < 200_000; step++) store.set(step % 100, `id-${step % 100}`, json, step, step < 100)
  const grown = process.memoryUsage().arrayBuffers - before
  // 200 MB were written. What is collected late is allowed for.
  assert.ok(grown < 64 * 1024 * 1024, `${grown} bytes for 100 ids`)
  assert.equal(store.size, 100)
  for (let label = 0; label < 100; label++) assert.equal(jsonAt(store.at(label)!), json)
})

test('a block is taken over as it stands; one with a label or id twice, or a record cut short, is refused', () => {
  const store = new EntryStore()
  const records = [
    store.set(0, 'a', null, 7, true),
    store.set(1, 'b', '{"n":1}', 8, true),
    store.set(2, 'ä', '[]', 12, true),
  ]
  const block = (chosen: readonly RecordAt[]): Buffer =>
    Buffer.concat(chosen.map(({ memory, at }) => memory.bytes.subarray(at, at + recordBytes(memory, at))))
  const adopt = (bytes: Buffer, nextLabel = 3, lastSeq = 12): [EntryStore, string | undefined] => {
    const memory = byteBuffer(bytes.length)
    memory.bytes.set(bytes)
    const other = new EntryStore()
    return [other, other.adopt(memory, bytes.length, nextLabel, lastSeq)]
  }
  const [whole, problem] = adopt(block(records))
  assert.equal(problem, undefined)
  assert.deepEqual([...whole.records()].map(plain), records.map(plain))
  assert.deepEqual(plain(whole.find('ä')!), [2, 'ä', '[]', 12])
  const [fork] = adopt(block(records), 3, 8)
  assert.deepEqual([...fork.records()].map(seqAt), [7, 8, 8], 'no number is beyond the last')
  whole.set(1, 'b', null, 13, false)
  whole.remove(0)
  assert.deepEqual([...whole.records()].map(plain), [
    [1, 'b', null, 13],
    [2, 'ä', '[]', 12],
  ])
  assert.match(adopt(block([records[0]!, records[0]!]))[1]!, /label 0 stands twice/)
  const renamed = block([records[0]!, records[1]!])
  renamed[24] = 'b'.charCodeAt(0)
  assert.match(adopt(renamed)[1]!, /id of label 1 stands twice/)
  assert.match(adopt(block(records), 2)[1]!, /not below the next/)
  const bytes = block(records)
  assert.match(adopt(bytes.subarray(0, bytes.length - 8))[1]!, /reaches beyond/)
  assert.match(adopt(bytes.subarray(0, 8))[1]!, /reaches beyond/)
})

test('ids as people make them are spread: no part has many times its share', () => {
  const kinds: readonly ((n: number) => string)[] = [
    (n) => `id-${n}`,
    (n) => `${n}`,
    (n) => `document-${Math.floor(n / 20)}:chunk-${n % 20}`,
    (n) => `${n}#chunk-0-of-a-document-with-a-long-name`,
    (n) => `${(n * 2654435761).toString(16).padStart(12, '0')}-4c7f-8a1b`.split('-').reverse().join('-'),
  ]
  for (const kind of kinds) {
    const parts = new Map<number, number>()
    const hashes = new Set<number>()
    for (let n = 0; n < 100_000; n++) {
      const bytes = Buffer.from(kind(n))
      const hash = hashOf(bytes, 0, bytes.length)
      hashes.add(hash)
      parts.set(hash % 1024, (parts.get(hash % 1024) ?? 0) + 1)
    }
    const largest = Math.max(...parts.values())
    assert.ok(largest < 400, `${kind(12345)}: ${largest} in one part`)
    assert.ok(hashes.size > 99_900, `${kind(12345)}: ${hashes.size} hashes`)
  }
})

test('to add an id that is known takes no memory', () => {
  const store = new EntryStore()
  const json = JSON.stringify('x'.repeat(200_000))
  assert.ok(store.add(0, 'a', json, 0))
  const before = process.memoryUsage().arrayBuffers
  for (let label = 1; label < 200; label++) assert.equal(store.add(label, 'a', json, 0), false)
  assert.ok(process.memoryUsage().arrayBuffers - before < 2e6)
})
