/**
 * What an index is asked beside `search`: by id, by many, by filter; and what is removed by one.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import * as fc from 'fast-check'
import {
  type DurableIndex,
  type DurableIndexOptions,
  FailingDisk,
  type Filter,
  flat,
  type JsonValue,
  openIndex,
  refusal,
  temporaryDirectory,
} from '../../support/kit.ts'
import { holds } from '../filter/filter-reference.ts'

const any = (value: unknown): never => value as never

const open = async (t: TestContext, options: Partial<DurableIndexOptions> = {}): Promise<DurableIndex> =>
  openIndex(t, {
    directory: await temporaryDirectory(t),
    index: flat({ dimensions: 2, metric: 'l2' }),
    ...options,
  })

/** `a` to `f` on a line, a step apart; the even ones have a topic. */
async function line(t: TestContext, options: Partial<DurableIndexOptions> = {}): Promise<DurableIndex> {
  const index = await open(t, options)
  for (const [at, id] of [...'abcdef'].entries())
    await index.insert(id, [at, 0], at % 2 === 0 ? { at, topic: 'even' } : { at })
  return index
}

const idsOf = (hits: readonly { readonly id: string }[]): string[] => hits.map(({ id }) => id)

test('a search by id finds what is near it, without itself', async (t) => {
  const index = await line(t)
  assert.deepEqual(idsOf(await index.searchById('a', { k: 3 })), ['b', 'c', 'd'])
  assert.deepEqual(idsOf(await index.searchById('c', { k: 9 })), ['b', 'd', 'a', 'e', 'f'])
  assert.deepEqual(idsOf(await index.searchById('c', { filter: { topic: 'even' } })), ['a', 'e'])
  await index.insert('twin', [0, 0])
  const [first] = await index.searchById('a', { k: 1 })
  assert.deepEqual([first!.id, first!.distance], ['twin', 0], 'what has the same vector is another')
  await assert.rejects(index.searchById('nobody'), refusal('WALV_NOT_FOUND'))
  await assert.rejects(index.searchById('a', any({ topK: 1 })), refusal('WALV_INVALID_OPTION'))
})

test('a search by an id whose vector is not finite is refused', async (t) => {
  const index = await open(t, { index: flat({ dimensions: 2, allowNonFinite: true }) })
  await index.insert('a', [Number.NaN, 0])
  await assert.rejects(index.searchById('a'), refusal('WALV_INVALID_VECTOR'))
})

test('many searches answer what each alone does, in their order', async (t) => {
  const index = await line(t)
  const queries = [[5, 0], Float32Array.of(0, 0), [2, 0]]
  const options = { k: 2, filter: { at: { $lt: 5 } } }
  const expected = await Promise.all(queries.map((query) => index.search(query, options)))
  assert.deepEqual(await index.searchMany(queries, options), expected)
  assert.deepEqual(expected.map(idsOf), [
    ['e', 'd'],
    ['a', 'b'],
    ['c', 'b'],
  ])
  assert.deepEqual(await index.searchMany([]), [])
})

test('many searches are checked before the first, and are not reached by later changes of the queries', async (t) => {
  const index = await line(t)
  const error = await index.searchMany([[1, 2], [1]]).catch((reason: Error) => reason)
  assert.match((error as Error).message, /query 1/)
  for (const wrong of [undefined, 'x', [1, 2], [[1, Number.NaN]], new Float32Array(2)])
    await assert.rejects(index.searchMany(any(wrong)), refusal('WALV_INVALID_VECTOR'))
  await assert.rejects(index.searchMany([[1, 2]], any(5)), refusal('WALV_INVALID_OPTION'))
  const query = Float32Array.of(5, 0)
  const answers = index.searchMany([[0, 0], query], { k: 1 })
  query[0] = 0
  assert.deepEqual((await answers).map(idsOf), [['a'], ['f']])
})

test('other work has its turn between many searches', async (t) => {
  const index = await line(t)
  let turns = 0
  const beat = setInterval(() => turns++, 0)
  const answers = await index.searchMany(Array(200).fill([0, 0]), { k: 1 })
  clearInterval(beat)
  assert.equal(answers.length, 200)
  assert.ok(turns > 0, 'a timer had no turn')
})

test('many ids are got at once, in their order', async (t) => {
  const index = await line(t)
  const got = index.getMany(new Set(['b', 'nobody', 'a']))
  assert.deepEqual(got, [index.get('b'), undefined, index.get('a')])
  assert.deepEqual(got[0], { vector: Float32Array.of(1, 0), metadata: { at: 1 }, seq: 2 })
  assert.deepEqual(index.getMany([]), [])
})

test('entries are ids, vectors and metadata, in the order of insertion', async (t) => {
  const index = await line(t)
  await index.update('b', { vector: [9, 9] })
  await index.delete('c')
  await index.insert('c', [2, 0])
  assert.deepEqual(
    [...index.entries()].map(([id]) => id),
    ['a', 'b', 'd', 'e', 'f', 'c'],
  )
  const map = new Map(index.entries())
  assert.deepEqual(map.get('b'), { vector: Float32Array.of(9, 9), metadata: { at: 1 }, seq: 7 })
  map.get('b')!.vector[0] = 0
  assert.equal(index.get('b')!.vector[0], 9, 'vectors are copies')
})

test('entries are met as they are when they are reached, while the index changes', async (t) => {
  const index = await line(t)
  const met: string[] = []
  for (const [id, { metadata }] of index.entries()) {
    met.push(`${id} ${JSON.stringify(metadata)}`)
    if (id !== 'b') continue
    await index.delete('c')
    await index.update('d', { metadata: 'changed' })
    await index.update('a', { metadata: 'behind' })
    await index.insert('g', [7, 0], null)
    await index.batch([
      { type: 'delete', id: 'a' },
      { type: 'insert', id: 'a', vector: [0, 0] },
    ])
  }
  const at = (place: number, topic = ''): string => `{"at":${place}${topic && `,"topic":"${topic}"`}}`
  assert.deepEqual(met, [
    `a ${at(0, 'even')}`,
    `b ${at(1)}`,
    'd "changed"',
    `e ${at(4, 'even')}`,
    `f ${at(5)}`,
    'g null',
    'a null',
  ])
})

test('entries that a filter takes are counted', async (t) => {
  const index = await line(t)
  assert.equal(await index.count(), 6)
  assert.equal(await index.count({}), 6)
  assert.equal(await index.count({ topic: 'even', at: { $gt: 0 } }), 2)
  assert.equal(await index.count((metadata, id) => id > 'd' && (metadata as { at: number }).at < 5), 1)
  for (const wrong of ['x', null, 5, [], { a: { $x: 1 } }, async () => true])
    await assert.rejects(index.count(any(wrong)), refusal('WALV_INVALID_OPTION'))
})

test('what a filter takes is removed whole, in one record, and counted', async (t) => {
  const index = await line(t)
  const { lastSeq } = index.stats()
  assert.equal(await index.deleteWhere({ topic: 'even' }), 3)
  assert.deepEqual([...index.ids()], ['b', 'd', 'f'])
  assert.equal(index.stats().lastSeq, lastSeq + 1)
  assert.equal(await index.deleteWhere({ topic: 'even' }), 0)
  assert.equal(index.stats().lastSeq, lastSeq + 1, 'nothing is logged where there is nothing')
  assert.equal(await index.deleteWhere((_, id) => id === 'd'), 1)
  assert.equal(await index.deleteWhere({}), 2)
  assert.equal(index.size, 0)
})

test('a removal by a filter that is none is refused, and nothing is removed', async (t) => {
  const index = await line(t)
  for (const wrong of [
    undefined,
    null,
    'even',
    [],
    { topic: undefined },
    { topic: { $x: 1 } },
    async () => true,
  ])
    await assert.rejects(index.deleteWhere(any(wrong)), refusal('WALV_INVALID_OPTION'))
  await assert.rejects(
    index.deleteWhere(() => assert.fail('mine')),
    /mine/,
  )
  assert.equal(index.size, 6)
  await index.close()
  for (const call of [() => index.deleteWhere({}), () => index.count(), () => index.searchById('a')])
    await assert.rejects(call, refusal('WALV_CLOSED'))
})

test('a removal by filter sees every change that was called before it, and none that was called later', async (t) => {
  const index = await line(t)
  const done = Promise.all([
    index.insert('before', [9, 9], { topic: 'even' }),
    index.update('a', { metadata: { topic: 'odd' } }),
    index.update('b', { metadata: { topic: 'even' } }),
    index.delete('c'),
    index.deleteWhere({ topic: 'even' }),
    index.insert('behind', [9, 9], { topic: 'even' }),
    index.update('d', { metadata: { topic: 'even' } }),
  ])
  assert.equal((await done)[4], 3, 'before, b and e')
  assert.deepEqual([...index.ids()], ['a', 'd', 'f', 'behind'])
})

test('a removal by filter goes by what is there, not by what was refused on the way', async (t) => {
  const disk = new FailingDisk()
  const index = await line(t, { disk })
  disk.fail({ operation: 'write', path: /segment-\d+\.walv$/, code: 'ENOSPC' })
  const refused = [
    index.update('b', { metadata: { topic: 'even' } }),
    index.update('a', { metadata: { topic: 'odd' } }),
  ]
  const removed = index.deleteWhere({ topic: 'even' })
  for (const each of await Promise.allSettled(refused)) assert.equal(each.status, 'rejected')
  assert.equal(await removed, 3)
  assert.deepEqual([...index.ids()], ['b', 'd', 'f'])
})

test('a removal by filter of what an open transaction has touched is refused whole', async (t) => {
  const index = await line(t)
  await index.transaction(async (transaction) => {
    await transaction.update('e', { metadata: 'mine' })
    await assert.rejects(index.deleteWhere({ topic: 'even' }), refusal('WALV_CONFLICT'))
    assert.equal(await index.deleteWhere({ at: 1 }), 1)
  })
  assert.deepEqual([...index.ids()], ['a', 'c', 'd', 'e', 'f'])
})

test('more than a record can hold is removed whole, too', async (t) => {
  const index = await open(t, { durability: 'os', checkpointIntervalEntries: false })
  const ids = Array.from({ length: 1_100 }, (_, at) => `${at}-${'x'.repeat(64_000)}`)
  const entries = ids.map((id) => ({ type: 'insert', id, vector: [1, 1] }) as const)
  await index.batch(entries.slice(0, 550))
  await index.batch(entries.slice(550))
  await index.insert('stays', [1, 1], { stays: true })
  const removing = index.deleteWhere({ stays: { $exists: false } })
  await assert.rejects(index.update(ids[1_099]!, { metadata: 1 }), refusal('WALV_CONFLICT'))
  assert.equal(await removing, 1_100)
  assert.deepEqual([...index.ids()], ['stays'])
})

/**
 * Calls at once, of which the removals must each fit between the others as if one came after the
 * other.
 */
const call = fc.oneof(
  fc.record({
    do: fc.constant('upsert' as const),
    id: fc.constantFrom('a', 'b', 'c'),
    a: fc.integer({ min: 0, max: 2 }),
  }),
  fc.record({ do: fc.constant('delete' as const), id: fc.constantFrom('a', 'b', 'c') }),
  fc.record({
    do: fc.constant('deleteWhere' as const),
    filter: fc.constantFrom<Filter>({ a: 1 }, { a: { $ne: 2 } }),
  }),
)

test('whatever is called at once, a removal by filter is as if the calls came one after the other', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 12 }), async (calls) => {
      const index = await open(t)
      const model = new Map<string, JsonValue>()
      const expected = calls.map((each) => {
        if (each.do === 'upsert') model.set(each.id, { a: each.a })
        if (each.do === 'upsert') return undefined
        if (each.do === 'delete') return model.delete(each.id)
        const gone = [...model].filter(([, metadata]) => holds(each.filter as JsonValue, metadata))
        for (const [id] of gone) model.delete(id)
        return gone.length
      })
      const answers = calls.map((each) => {
        if (each.do === 'upsert') return index.upsert(each.id, [1, 1], { a: each.a })
        return each.do === 'delete' ? index.delete(each.id) : index.deleteWhere(each.filter)
      })
      assert.deepEqual(await Promise.all<unknown>(answers), expected)
      assert.deepEqual(new Map([...index.entries()].map(([id, { metadata }]) => [id, metadata])), model)
      await index.close()
    }),
    { numRuns: 40 },
  )
})
