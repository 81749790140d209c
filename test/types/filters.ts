/** Types of filters and of what takes them, as a user meets them. Compiled, never run. */
import { DurableIndex, type Filter, flat, type Hit, type StoredVector } from '../../src/mod.ts'
import { same } from './expect-type.ts'

interface Doc {
  readonly title: string
  readonly year: number
  readonly lang: 'en' | 'de'
  readonly tags: readonly string[]
  readonly author?: { readonly name: string }
}

const options = { directory: 'data', index: flat({ dimensions: 3 }) }
const query = [1, 2, 3]

export async function claimed(): Promise<void> {
  const index = await DurableIndex.open<Doc>(options)
  const filter: Filter<Doc> = { title: 'x', year: { $gte: 2020, $lt: 2024 }, tags: 'a' }
  same<Awaited<ReturnType<typeof index.search>>, Hit<Doc>[]>()
  await index.search(query, { filter })
  await index.search(query, {
    filter: { $and: [filter, { lang: { $in: ['en', 'de'] } }], $not: { tags: ['a', 'b'] } },
  })
  await index.search(query, { filter: { 'author.name': { $ne: 'Ada' }, author: null } })
  await index.search(query, { filter: ({ title }, id) => title === id })
  same<Awaited<ReturnType<typeof index.searchById>>, Hit<Doc>[]>()
  same<Awaited<ReturnType<typeof index.searchMany>>, Hit<Doc>[][]>()
  await index.searchMany([query, Float32Array.of(1, 2, 3)], { k: 3, filter })
  same<Awaited<ReturnType<typeof index.count>>, number>()
  await index.count()
  await index.count({ year: { $exists: true } })
  same<Awaited<ReturnType<typeof index.deleteWhere>>, number>()
  await index.deleteWhere(({ year }) => year < 2000)
  same<ReturnType<typeof index.getMany>, (StoredVector<Doc> | undefined)[]>()
  const map: Map<string, StoredVector<Doc>> = new Map(index.entries())
  map.get('a')?.metadata.title.trim()

  // @ts-expect-error a Doc has no such member
  await index.count({ autor: 'x' })
  // @ts-expect-error another type
  await index.count({ year: '2020' })
  // @ts-expect-error another type
  await index.count({ year: { $gt: '2020' } })
  // @ts-expect-error there is no such language
  await index.count({ lang: { $in: ['fr'] } })
  // @ts-expect-error there is no such operator
  await index.count({ year: { $gtt: 2020 } })
  // @ts-expect-error a title is never missing
  await index.count({ title: null })
  // @ts-expect-error what to delete must be said
  await index.deleteWhere()
  // @ts-expect-error a filter answers at once
  await index.search(query, { filter: async () => true })
  // @ts-expect-error it is called k
  await index.search(query, { topK: 3 })
  // @ts-expect-error options are an object
  await index.search(query, 3)
}

export async function untyped(): Promise<void> {
  const index = await DurableIndex.open(options)
  const filter: Filter = { any: 'thing', $or: [{ 'a.b': { $gt: 'x' } }, { $not: { c: [1, { d: null }] } }] }
  await index.count({ $and: [filter, filter], deep: { $not: { $in: [1, null, ['x']] } } })
  await index.search(query, { filter: JSON.parse('{}') as Filter })
  await index.batch([{ type: 'upsert', id: 'a', vector: query, metadata: { any: 'thing' } }])
  // @ts-expect-error JSON cannot hold a date
  await index.count({ at: { $eq: new Date() } })
}

export async function nullable(): Promise<void> {
  const index = await DurableIndex.open<Doc | null>(options)
  await index.count({ year: { $gt: 2020 } })
  // @ts-expect-error another type
  await index.count({ year: '2020' })
}
