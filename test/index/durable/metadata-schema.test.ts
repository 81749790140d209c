import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import * as v from 'valibot'
import * as z from 'zod'
import {
  closing,
  DurableIndex,
  flat,
  type MetadataIssue,
  type MetadataSchema,
  refusal,
  temporaryDirectory,
  type WalError,
  withoutSeq,
} from '../../support/kit.ts'

interface Doc {
  title: string
  pages: number
}

const VECTOR = [1, 2, 3]
const GOOD = { title: 'x', pages: 3 }
const wrong = (value: unknown): Doc => value as Doc

const SCHEMAS: Record<string, MetadataSchema<Doc, Doc>> = {
  zod: z.object({ title: z.string(), pages: z.number().int() }),
  valibot: v.object({ title: v.string(), pages: v.pipe(v.number(), v.integer()) }),
}

async function openChecked<Metadata, Input>(
  t: TestContext,
  metadataSchema: MetadataSchema<Input, Metadata>,
  directory?: string,
): Promise<DurableIndex<Metadata, Input>> {
  const options = { directory: directory ?? (await temporaryDirectory(t)), index: flat({ dimensions: 3 }) }
  return closing(t, await DurableIndex.open({ ...options, metadataSchema }))
}

/** An error with these issues, of this entry. */
const issuesOf =
  (id: string, paths: readonly (readonly PropertyKey[])[]) =>
  (error: unknown): boolean => {
    refusal('WALV_INVALID_METADATA', 'not-logged')(error)
    const { id: found, detail, message } = error as WalError
    const issues = detail as MetadataIssue[]
    assert.deepEqual([found, issues.map(({ path }) => path)], [id, paths])
    for (const issue of issues)
      assert.ok(message.includes(`${['metadata', ...issue.path].join('.')}: `), message)
    assert.ok(message.startsWith(`The metadata of entry "${id}" does not fit the metadataSchema: `), message)
    assert.match(message, /Nothing was logged\.$/)
    return true
  }

for (const [name, schema] of Object.entries(SCHEMAS)) {
  test(`${name}: metadata that does not fit is refused with its issues in every kind of change, and nothing is logged`, async (t) => {
    const directory = await temporaryDirectory(t)
    const index = await openChecked(t, schema, directory)
    await index.insert('a', VECTOR, GOOD)
    const { lastSeq } = index.stats()
    const fingerprint = index.fingerprint()
    const both = issuesOf('b', [['title'], ['pages']])
    await assert.rejects(index.insert('b', VECTOR, wrong({ title: 1, pages: 1.5 })), both)
    await assert.rejects(index.upsert('b', VECTOR, wrong({ title: 1, pages: 'x' })), both)
    await assert.rejects(index.update('a', { metadata: wrong({ title: 'y' }) }), issuesOf('a', [['pages']]))
    await assert.rejects(index.update('a', { metadata: wrong(null) }), issuesOf('a', [[]]))
    await assert.rejects((index as unknown as DurableIndex).insert('b', VECTOR), issuesOf('b', [[]]))
    const nested = {
      type: 'batch',
      entries: [{ type: 'insert', id: 'd', vector: VECTOR, metadata: wrong({}) }],
    } as const
    await assert.rejects(
      index.batch([{ type: 'insert', id: 'c', vector: VECTOR, metadata: GOOD }, nested]),
      issuesOf('d', [['title'], ['pages']]),
    )
    assert.deepEqual([index.stats().lastSeq, index.fingerprint()], [lastSeq, fingerprint])

    await index.transaction(async (transaction) => {
      await transaction.insert('e', VECTOR, GOOD)
      await assert.rejects(transaction.insert('f', VECTOR, wrong({ title: 'y' })), issuesOf('f', [['pages']]))
      await assert.rejects(transaction.update('e', { metadata: wrong(3) }), issuesOf('e', [[]]))
      await transaction.upsert('g', VECTOR, GOOD)
    })
    assert.deepEqual([...index.ids()], ['a', 'e', 'g'])
    await index.update('a', { vector: [3, 2, 1] })
    assert.deepEqual(withoutSeq(index.get('a')), { vector: Float32Array.of(3, 2, 1), metadata: GOOD })
    await index.close()
    const reopened = await openChecked(t, schema, directory)
    assert.deepEqual([...reopened.ids()], ['a', 'e', 'g'])
  })
}

test('what the schema returns is logged: defaults are filled in, members that it does not know are gone', async (t) => {
  const directory = await temporaryDirectory(t)
  const schema = z.object({ title: z.string().trim(), lang: z.string().default('en') })
  const index = await openChecked(t, schema, directory)
  await index.insert('a', VECTOR, { title: ' x ', ...{ unknown: 1 } })
  assert.deepEqual(index.get('a')?.metadata, { title: 'x', lang: 'en' })
  await index.close()
  const reopened = await DurableIndex.open({ directory, index: flat({ dimensions: 3 }) })
  assert.deepEqual(closing(t, reopened).get('a')?.metadata, { title: 'x', lang: 'en' })
})

test('what is in the directory already is not checked', async (t) => {
  const directory = await temporaryDirectory(t)
  await using before = await DurableIndex.open({ directory, index: flat({ dimensions: 3 }) })
  await before.insert('old', VECTOR, 'no document')
  await before.close()
  const index = await openChecked(t, SCHEMAS.zod!, directory)
  assert.equal(index.get('old')?.metadata as unknown, 'no document')
})

test('what a schema returns must be what JSON can hold', async (t) => {
  const index = await openChecked(t, z.object({ at: z.coerce.date() }))
  await assert.rejects(index.insert('a', VECTOR, { at: '2026-01-01' }), refusal('WALV_INVALID_METADATA'))
  assert.equal(index.stats().lastSeq, 0)
})

test('a schema that answers with a promise is refused, whether or not the metadata fits, and what it rejects with is nobody’s', async (t) => {
  const index = await openChecked(
    t,
    z.string().refine(async (value) => value === 'x'),
  )
  for (const metadata of ['x', 'y'])
    await assert.rejects(index.insert('a', VECTOR, metadata), refusal('WALV_INVALID_OPTION'))
  const rejecting: MetadataSchema<string, string> = {
    '~standard': { version: 1, validate: () => Promise.reject(new Error('later')) },
  }
  const other = await openChecked(t, rejecting)
  await assert.rejects(other.insert('a', VECTOR, 'x'), /validates asynchronously.*Nothing was logged/)
  await new Promise(setImmediate)
  assert.deepEqual([index.size, other.size, other.stats().lastSeq], [0, 0, 0])
})

test('what a schema throws comes through, and nothing is logged', async (t) => {
  const schema: MetadataSchema<string, string> = {
    '~standard': {
      version: 1,
      validate: () => {
        throw new Error('a defect of the schema')
      },
    },
  }
  const index = await openChecked(t, schema)
  await assert.rejects(index.insert('a', VECTOR, 'x'), /^Error: a defect of the schema$/)
  assert.equal(index.stats().lastSeq, 0)
})

test('of many issues the message names the first, and the error has all', async (t) => {
  const index = await openChecked(t, z.array(z.number()))
  const error: WalError = await index.insert('a', VECTOR, Array(8).fill('x')).then(
    () => assert.fail('it was taken'),
    (reason) => reason,
  )
  assert.equal((error.detail as MetadataIssue[]).length, 8)
  assert.match(error.message, /metadata\.1: [^;]*; and 6 more, see detail\. Nothing was logged\.$/)
})

test('what is no schema is refused on opening', async (t) => {
  const directory = await temporaryDirectory(t)
  for (const metadataSchema of [null, {}, () => true, { '~standard': {} }]) {
    const options = { directory, index: flat({ dimensions: 3 }), metadataSchema: metadataSchema as never }
    await assert.rejects(DurableIndex.open(options), refusal('WALV_INVALID_OPTION'))
  }
})
