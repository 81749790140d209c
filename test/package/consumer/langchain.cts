// The store of walv/langchain is one of LangChain's, from CommonJS in TypeScript. Compiled, not run.

import type { DocumentInterface } from '@langchain/core/documents'
import type { EmbeddingsInterface } from '@langchain/core/embeddings'
import type { VectorStore } from '@langchain/core/vectorstores'
import { type WalvFilter, WalvVectorStore } from 'walv/langchain'

export const asLangChains = (store: WalvVectorStore): VectorStore => store

export async function found(
  embeddings: EmbeddingsInterface,
  filter: WalvFilter,
): Promise<DocumentInterface[]> {
  const store = await WalvVectorStore.open(embeddings, { directory: './data', durability: 'commit' })
  const size: number = store.index.size
  // @ts-expect-error There is no such option.
  await WalvVectorStore.open(embeddings, { directory: './data', durable: true })
  return store.asRetriever({ k: size, filter }).invoke('x')
}
