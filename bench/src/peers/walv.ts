import { Wal, type WalOptions } from 'walv'
import type { OpenOptions, Peer, Store } from './peer.ts'

export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'wal.append(); batches are wal.appendBatch()',
  async open(directory: string, options: OpenOptions): Promise<Store> {
    const wal = await Wal.open({ directory, ...(options.walv as Partial<WalOptions>) })
    return {
      append: (id, vector, metadata) =>
        wal.append(
          metadata === undefined ? { type: 'insert', id, vector } : { type: 'insert', id, vector, metadata },
        ),
      appendBatch: (ids, vectors, metadata) =>
        wal.appendBatch(
          ids.map((id, i) => ({
            type: 'insert' as const,
            id,
            vector: vectors[i]!,
            ...(metadata && { metadata: metadata[i]! }),
          })),
        ),
      figures: () => wal.stats(),
      close: () => wal.close(),
    }
  },
}
