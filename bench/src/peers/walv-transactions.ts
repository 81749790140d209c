import { Wal } from 'walv'
import type { Peer, Store } from './peer.ts'

export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'wal.begin(); insert() each; await commit()',
  async open(directory: string): Promise<Store> {
    const wal = await Wal.open({ directory })
    function commit(ids: readonly string[], vectors: readonly Float32Array[]): Promise<number> {
      const transaction = wal.begin()
      for (let i = 0; i < ids.length; i++) transaction.insert(ids[i]!, vectors[i]!)
      return transaction.commit()
    }
    return {
      append: (id, vector) => commit([id], [vector]),
      appendBatch: commit,
      figures: () => wal.stats(),
      close: () => wal.close(),
    }
  },
}
