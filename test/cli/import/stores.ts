import assert from 'node:assert/strict'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openStore, type StoreFormat, type VectorRow } from '../../../src/cli/import/index.ts'
import { WordEmbeddings } from '../../langchain/word-embeddings.ts'
import { temporaryFolder } from '../temporary.ts'
import { collect, isError } from './vector-files.ts'

/** What scripts/build-migration-fixtures.mjs has made with the genuine libraries. */
export const FIXTURES: string = fileURLToPath(new URL('../../../../test/fixtures/migrate/', import.meta.url))

export interface FixtureDocument {
  readonly pageContent: string
  readonly metadata: Record<string, unknown>
}

/** The documents that all fixtures hold, and the vectors that were made of them. */
export const documents: readonly FixtureDocument[] = JSON.parse(
  await readFile(join(FIXTURES, 'documents.json'), 'utf8'),
)
export const vectors: readonly Float32Array[] = (
  await (await WordEmbeddings.load()).embedDocuments(documents.map(({ pageContent }) => pageContent))
).map((vector) => Float32Array.from(vector))

export async function rowsOf(format: StoreFormat, path: string): Promise<VectorRow[]> {
  return collect((await openStore(format, path)).read())
}

/** A copy of a fixture, to be damaged. */
export async function copyOf(t: TestContext, name: string): Promise<string> {
  const path = join(await temporaryFolder(t), name)
  await cp(join(FIXTURES, name), path, { recursive: true })
  return path
}

// biome-ignore lint/suspicious/noExplicitAny: a test changes what it knows to be there
export type Change = (value: any) => unknown

/** Sets, or without a value removes, what is at a path such as `items.2.id`. */
export const set =
  (path: string, replacement?: unknown): Change =>
  (value) => {
    const keys = path.split('.')
    const last = keys.pop()!
    const holder = keys.reduce((each, key) => each[key], value)
    assert.ok(Array.isArray(holder) || typeof holder === 'object', path)
    if (replacement === undefined) delete holder[last]
    else holder[last] = replacement
    return value
  }

export async function changeJson(file: string, change: Change): Promise<void> {
  await writeFile(file, JSON.stringify(change(JSON.parse(await readFile(file, 'utf8')))))
}

/** The store is refused, with a sentence that names a file of it, what is wrong, and what to do. */
export async function assertStoreRefused(format: StoreFormat, path: string, message: RegExp): Promise<void> {
  await assert.rejects(rowsOf(format, path), (error: Error) => {
    isError('WALV_INVALID_FILE', message)(error)
    assert.match(error.message, /^Cannot import .+: .+\. [A-Z].+\.$/)
    assert.ok(error.message.includes(path), error.message)
    return true
  })
}
