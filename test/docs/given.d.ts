// What samples of the documentation take as given, where they do not say it themselves: names that
// a reader knows from the sentence around.

import type { Document } from '@langchain/core/documents'
import type { EmbeddingsInterface } from '@langchain/core/embeddings'
import type { BatchMember, DurableIndex as Index, Wal as Log } from 'walv'

declare global {
  const index: Index
  const wal: Log
  const vector: Float32Array
  const query: Float32Array
  const bytes: Uint8Array
  /** Whatever is to be inserted. */
  const items: { readonly id: string; readonly vector: Float32Array }[]
  /** The pieces of a file. */
  const pieces: Iterable<Uint8Array>
  const documents: Document[]
  const embeddings: EmbeddingsInterface
  /** A MemoryVectorStore. */
  const store: { readonly memoryVectors: readonly unknown[] }
  /** Whatever the reader has its vectors from. */
  function embed(text: string): Promise<Float32Array>
  /** Whatever a store of the reader's own does with entries. */
  function apply(entries: readonly BatchMember[]): void
}
