/**
 * Gives the samples of the README what they take as given (given.d.ts), for real: loaded before
 * each that is run.
 */
import { SyntheticEmbeddings } from '@langchain/core/utils/testing'
import { DurableIndex, flat, Wal } from '../../src/mod.ts'

const vector = Float32Array.from({ length: 100 }, (_, element) => Math.sin(element))
const index = await DurableIndex.open({ directory: './given-index', index: flat({ dimensions: 100 }) })
for (const id of ['doc-1', 'b', 'd']) await index.insert(id, vector)

Object.assign(globalThis, {
  index,
  wal: await Wal.open({ directory: './given-log' }),
  vector,
  query: vector.toReversed(),
  bytes: Uint8Array.of(1, 2, 3),
  items: [{ id: 'item-1', vector }],
  pieces: [Uint8Array.of(4, 5)],
  documents: [{ pageContent: 'The ship left the harbor', metadata: { lang: 'en' } }],
  embeddings: new SyntheticEmbeddings({ vectorSize: 100 }),
  apply: () => {},
})
