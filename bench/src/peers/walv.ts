import { Wal, type WalOptions } from 'walv'
import type { OpenOptions, Peer, Store } from './peer.ts'

export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'wal.append(); batches are wal.appendBatch()',
  async open(directory: string, options: OpenOptions): Promise<Store> {
    const wal = await Wal.open({ directory, ...(options.walv as Partial<WalOptions>) })
    return {
      append: (id, vector) => wal.append({ type: 'insert', id, vector }),
      appendBatch: (ids, vectors) =>
        wal.appendBatch(ids.map((id, i) => ({ type: 'insert' as const, id, vector: vectors[i]! }))),
      figures: () => wal.stats(),
      close: () => wal.close(),
    }
  },
}
