import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Catalog } from '../../../src/index/durable/catalog.ts'
import { refusal } from '../../support/kit.ts'
import { MemorySnapshot } from '../memory-snapshot.ts'

async function fileOf(catalog: Catalog): Promise<Uint8Array> {
  const snapshot = new MemorySnapshot()
  await snapshot.write('file', catalog.freeze()())
  return snapshot.files.get('file')!
}

async function loaded(bytes: Uint8Array, readBytes = 4093, lastSeq = 10_000): Promise<Catalog> {
  const snapshot = new MemorySnapshot(readBytes)
  snapshot.files.set('file', bytes)
  const catalog = new Catalog()
  try {
    await catalog.load(snapshot.read('file'), lastSeq)
  } finally {
    assert.equal(snapshot.openReaders, 0)
  }
  return catalog
}

const contentOf = (catalog: Catalog): unknown[] =>
  [...catalog.entries()].map(({ label, id, metadata, json, seq }) => [label, id, metadata, json, seq])

function filled(): Catalog {
  const catalog = new Catalog()
  for (let n = 0; n < 5000; n++)
    catalog.set(`id ${n} 🎉`, n % 3 === 0 ? null : JSON.stringify({ n, text: 'é\n' }), 2 * n)
  catalog.set('large', JSON.stringify({ text: 'x'.repeat(3_000_000) }), 9_998)
  catalog.set('after', '[1,2]', 9_999)
  catalog.delete(catalog.get('id 7 🎉')!)
  return catalog
}

test('what is frozen is loaded again, in its order, from pieces of any length', async () => {
  const catalog = filled()
  const bytes = await fileOf(catalog)
  for (const readBytes of [101, 4093, 1024 * 1024]) {
    const again = await loaded(bytes, readBytes)
    assert.deepEqual(contentOf(again), contentOf(catalog))
    assert.equal(again.nextLabel, catalog.nextLabel)
    assert.deepEqual(await fileOf(again), bytes)
  }
  assert.deepEqual(contentOf(await loaded(await fileOf(new Catalog()))), [])
  const fork = await loaded(bytes, 4093, 5)
  assert.deepEqual([fork.seqOf('id 1 🎉'), fork.seqOf('id 4999 🎉')], [2, 5], 'no number is beyond the last')
})

test('the lines of JSON that walv wrote before are loaded as well', async () => {
  const lines = ['{"version":1,"count":2,"nextLabel":9}', '[3,"a",null]', '[8,"ä",{"n":[1]}]', '']
  const catalog = await loaded(Buffer.from(lines.join('\n')))
  assert.deepEqual(contentOf(catalog), [
    [3, 'a', null, null, 10_000],
    [8, 'ä', { n: [1] }, '{"n":[1]}', 10_000],
  ])
  assert.equal(catalog.set('b', null, 10_001), 9)
})

test('a file that is no catalog is refused with what is wrong', async () => {
  const bytes = await fileOf(filled())
  const changed = (at: number, value: number): Uint8Array => {
    const copy = Uint8Array.from(bytes)
    copy[at]! ^= value
    return copy
  }
  const refused: [string, Uint8Array, RegExp][] = [
    ['cut within the header', bytes.subarray(0, 20), /ends within its header/],
    ['cut within a block', bytes.subarray(0, bytes.length - 8), /ends within a block/],
    ['cut before a block', bytes.subarray(0, 32), /holds 0 of 5001 entries/],
    ['another magic', changed(3, 1), /first 8 bytes/],
    ['a newer version', changed(11, 0xff), /version 4278190083 is unknown/],
    ['bytes that must be zero', changed(12, 1), /header makes no sense/],
    ['another count', changed(16, 1), /holds 5001 of 5000 entries/],
    ['an odd block', changed(32, 1), /header of a block makes no sense/],
    [
      'an id of no bytes',
      changed(40 + 12, 10),
      /id of label \d+ is empty|reaches beyond|bytes set|below the next/,
    ],
    [
      'lines of another version',
      Buffer.from('{"version":2,"count":0,"nextLabel":0}\n'),
      /version 2 is unknown/,
    ],
    [
      'a line twice',
      Buffer.from('{"version":1,"count":2,"nextLabel":2}\n[0,"a",null]\n[1,"a",null]\n'),
      /stands twice/,
    ],
  ]
  for (const [what, content, pattern] of refused) {
    await assert.rejects(loaded(content), (error: Error) => {
      refusal('WALV_INDEX_MISMATCH')(error)
      assert.match(error.message, pattern, what)
      return true
    })
  }
})

test('metadata is made of its text when it is asked for, frozen all through, and once for filters', () => {
  const catalog = new Catalog()
  const given = { tags: ['a', { deep: true }] }
  catalog.set('a', JSON.stringify(given), 0)
  const { metadata, json } = catalog.get('a')!
  assert.deepEqual(metadata, given)
  assert.equal(json, JSON.stringify(given))
  assert.ok(Object.isFrozen((metadata as typeof given).tags[1]))
  const [first] = [...catalog.filtered()]
  assert.equal(catalog.filteredByLabel(0)!.metadata, first!.metadata)
  catalog.set('a', '1', 1)
  assert.equal(catalog.filteredByLabel(0)!.metadata, 1)
  assert.deepEqual(first!.metadata, given, 'an entry is never changed, only replaced')
  catalog.delete({ label: 0 })
  assert.equal(catalog.filteredByLabel(0), undefined)
  assert.deepEqual([...catalog.filtered()], [])
})
