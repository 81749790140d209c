/** Types of metadata, as a user meets them. Compiled, never run. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import * as v from 'valibot'
import * as z from 'zod'
import {
  DurableIndex,
  flat,
  type Hit,
  type JsonValue,
  type MetadataSchema,
  type StoredVector,
} from '../../src/mod.ts'
import { same } from './expect-type.ts'

interface Doc {
  readonly title: string
}

const options = { directory: 'data', index: flat({ dimensions: 3 }) }
const vector = new Float32Array(3)

export async function untyped(): Promise<void> {
  const index = await DurableIndex.open(options)
  same<typeof index, DurableIndex<JsonValue, JsonValue>>()
  await index.insert('a', vector)
  await index.insert('a', vector, { any: ['thing'] })
  await index.batch([{ type: 'insert', id: 'a', vector }])
  same<ReturnType<typeof index.get>, StoredVector<JsonValue> | undefined>()
  // @ts-expect-error JSON cannot hold a date
  await index.insert('a', vector, new Date())
}

export async function claimed(): Promise<void> {
  const index = await DurableIndex.open<Doc>(options)
  await index.insert('a', vector, { title: 'x' })
  await index.upsert('a', vector, { title: 'x' })
  await index.update('a', { vector })
  await index.update('a', { metadata: { title: 'y' } })
  await index.batch([
    { type: 'insert', id: 'b', vector, metadata: { title: 'x' } },
    { type: 'update', id: 'b', metadata: { title: 'y' } },
    { type: 'delete', id: 'b' },
    { type: 'batch', entries: [{ type: 'insert', id: 'c', vector, metadata: { title: 'z' } }] },
  ])
  const hits = await index.search(vector, { filter: ({ title }, id) => title === id })
  same<typeof hits, Hit<Doc>[]>()
  same<NonNullable<ReturnType<typeof index.get>>['metadata'], Doc>()

  // @ts-expect-error it may not be left out: null is no Doc
  await index.insert('a', vector)
  // @ts-expect-error another type
  await index.insert('a', vector, { title: 1 })
  // @ts-expect-error another type
  await index.upsert('a', vector, {})
  // @ts-expect-error null is no Doc
  await index.update('a', { metadata: null })
  // @ts-expect-error it may not be left out in a batch
  await index.batch([{ type: 'insert', id: 'b', vector }])
  const metadata = { title: 1 }
  // @ts-expect-error another type, in a batch within a batch
  await index.batch([{ type: 'batch', entries: [{ type: 'insert', id: 'c', vector, metadata }] }])
  // @ts-expect-error a Doc has no such member
  await index.search(vector, { filter: ({ author }) => author === 'x' })

  await index.transaction((transaction) => {
    transaction.insert('a', vector, { title: 'x' })
    transaction.update('a', { metadata: { title: 'y' } })
    // @ts-expect-error it may not be left out
    transaction.insert('b', vector)
    // @ts-expect-error another type
    transaction.upsert('b', vector, { title: 1 })
    // @ts-expect-error another type
    transaction.update('b', { metadata: 3 })
  })
}

export async function nullable(): Promise<void> {
  const index = await DurableIndex.open<Doc | null>(options)
  await index.insert('a', vector)
  await index.batch([{ type: 'insert', id: 'a', vector }])
  // @ts-expect-error it may be null
  index.get('a')?.metadata.title
}

export async function bySchema(): Promise<void> {
  const byZod = await DurableIndex.open({
    ...options,
    metadataSchema: z.object({ title: z.string(), lang: z.string().default('en') }),
  })
  await byZod.insert('a', vector, { title: 'x' })
  same<NonNullable<ReturnType<typeof byZod.get>>['metadata'], { title: string; lang: string }>()
  // @ts-expect-error the schema wants a title
  await byZod.insert('a', vector, { lang: 'de' })
  // @ts-expect-error and a string
  await byZod.transaction((transaction) => transaction.insert('a', vector, { title: 1 }))

  const byValibot = await DurableIndex.open({ ...options, metadataSchema: v.object({ title: v.string() }) })
  await byValibot.insert('a', vector, { title: 'x' })
  same<NonNullable<ReturnType<typeof byValibot.get>>['metadata'], { title: string }>()
  // @ts-expect-error the schema wants a title
  await byValibot.batch([{ type: 'insert', id: 'a', vector, metadata: {} }])

  const byAny = (metadataSchema: StandardSchemaV1<string, number>) =>
    DurableIndex.open({ ...options, metadataSchema })
  same<Awaited<ReturnType<typeof byAny>>, DurableIndex<number, string>>()
}

/** Whatever is a Standard Schema is a schema of ours. */
export const standard: (schema: StandardSchemaV1<string, number>) => MetadataSchema<string, number> = (
  schema,
) => schema

/** Conditions and keys come behind the metadata, which is required where it was. */
export async function conditional(): Promise<void> {
  const index = await DurableIndex.open(options)
  await index.insert('a', vector, null, { idempotencyKey: 'k' })
  await index.upsert('a', vector, undefined, { ifSeq: 1 })
  await index.update('a', { metadata: 1 }, { ifSeq: 1, idempotencyKey: 'k' })
  await index.delete('a', { ifSeq: 1 })
  await index.batch([{ type: 'upsert', id: 'a', vector, ifAbsent: true }], { idempotencyKey: 'k' })
  const answer = await index.transaction(async (tx) => (await tx.get('a'))?.seq ?? 0, { idempotencyKey: 'k' })
  same<typeof answer, number | undefined>()
  same<NonNullable<ReturnType<typeof index.get>>['seq'], number>()
  // @ts-expect-error an insert expects that the id is not there
  await index.insert('a', vector, null, { ifSeq: 1 })
  // @ts-expect-error only an upsert may expect that
  await index.update('a', { metadata: 1 }, { ifAbsent: true })

  const typed = await DurableIndex.open<Doc>(options)
  await typed.upsert('a', vector, { title: 'x' }, { ifSeq: 1 })
  await typed.batch([{ type: 'update', id: 'a', metadata: { title: 'x' }, ifSeq: 1 }])
  await typed.transaction(async (tx) => {
    const stored = await tx.get('a')
    same<NonNullable<typeof stored>['metadata'], Doc>()
    await tx.upsert('a', vector, { title: 'x' }, { ifAbsent: true })
  })
  // @ts-expect-error options do not take the place of metadata that is required
  await typed.upsert('a', vector, { ifSeq: 1 })
  // @ts-expect-error it may not be left out
  await typed.upsert('a', vector, undefined, { ifSeq: 1 })
}
