import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { Document } from '@langchain/core/documents'
import { WalvVectorStore, type WalvVectorStoreConfig } from '../../src/adapters/langchain.ts'
import { flat, WalError, type WalErrorCode } from '../../src/mod.ts'
import { closing, temporaryDirectory } from '../support/logs.ts'
import { WordEmbeddings } from './word-embeddings.ts'

export const embeddings: WordEmbeddings = await WordEmbeddings.load()

export const document = (
  pageContent: string,
  metadata: Record<string, unknown> = {},
  id?: string,
): Document => new Document({ pageContent, metadata, ...(id !== undefined && { id }) })

export const SEA: Document = document('The ship sailed from the harbor', { topic: 'sea', page: 1 })
export const PORT: Document = document('Fishermen repair nets near the port', { topic: 'sea', page: 2 })
export const KING: Document = document('The king lived in a castle', { topic: 'history', page: 1 })
export const FOOD: Document = document('The chef cooked rice with chicken', {
  topic: 'food',
  loc: { lines: [1, 2] },
})
export const ALL: readonly Document[] = [SEA, PORT, KING, FOOD]
export const IDS: readonly string[] = ['sea', 'port', 'king', 'food']

/** A store in a directory of its own; the test's end closes and removes it. */
export async function openStore(
  t: TestContext,
  config: Partial<WalvVectorStoreConfig> = {},
): Promise<WalvVectorStore> {
  const directory = config.directory ?? (await temporaryDirectory(t))
  const index = config.index ?? flat({ dimensions: WordEmbeddings.dimensions })
  return closing(t, await WalvVectorStore.open(embeddings, { ...config, directory, index }))
}

/** With the four documents in it. */
export async function filledStore(
  t: TestContext,
  config: Partial<WalvVectorStoreConfig> = {},
): Promise<WalvVectorStore> {
  const store = await openStore(t, config)
  await store.addDocuments([...ALL], { ids: IDS })
  return store
}

export const idsIn = (store: WalvVectorStore): string[] => [...store.index.ids()].toSorted()

export const refused =
  (code: WalErrorCode, message = /./) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof WalError, `a WalError, not ${error}`)
    assert.equal(error.code, code, error.message)
    assert.match(error.message, message)
    return true
  }
