import { DurableIndex, flat, type VectorIndex, type WalOptions } from 'walv'
import type { Engine, OpenOptions, Peer, Store } from './peer.ts'

/** An empty index of this engine. `options` are passed on to the engine. */
export async function emptyIndex(
  engine: Engine,
  dimensions: number,
  options: object = {},
): Promise<VectorIndex> {
  if (engine === 'flat') return flat({ dimensions, ...options })
  const { usearch } = await import('walv/usearch')
  return usearch({ dimensions, ...options })
}

export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'index.insert(), flat; index.insertMany(); no checkpoints',
  async open(directory: string, { dimensions, engine = 'flat', walv }: OpenOptions): Promise<Store> {
    const index = await DurableIndex.open({
      directory,
      index: await emptyIndex(engine, dimensions),
      // What is compared is the way of an insert: a log without an index takes no snapshots either.
      checkpointIntervalEntries: false,
      ...(walv as Partial<WalOptions>),
    })
    return {
      append: (id, vector, metadata) => index.insert(id, vector, metadata),
      appendBatch: (ids, vectors, metadata) =>
        index.batch(
          ids.map((id, i) => ({
            type: 'insert' as const,
            id,
            vector: vectors[i]!,
            ...(metadata && { metadata: metadata[i]! }),
          })),
        ),
      appendAll: (items) => index.insertMany(items),
      figures: () => index.stats(),
      close: () => index.close(),
    }
  },
}
