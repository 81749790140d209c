import { DurableIndex, flat, type WalOptions } from 'walv'
import type { OpenOptions, Peer, Store } from './peer.ts'

export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'index.insert(), flat; index.insertMany(); no checkpoints',
  async open(directory: string, { dimensions, walv }: OpenOptions): Promise<Store> {
    const index = await DurableIndex.open({
      directory,
      index: flat({ dimensions }),
      // What is compared is the way of an insert: a log without an index takes no snapshots either.
      checkpointIntervalEntries: false,
      ...(walv as Partial<WalOptions>),
    })
    return {
      append: (id, vector) => index.insert(id, vector),
      appendBatch: (ids, vectors) =>
        index.batch(ids.map((id, i) => ({ type: 'insert' as const, id, vector: vectors[i]! }))),
      appendAll: (items) => index.insertMany(items),
      figures: () => index.stats(),
      close: () => index.close(),
    }
  },
}
