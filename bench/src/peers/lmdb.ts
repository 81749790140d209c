import { join } from 'node:path'
import { open } from 'lmdb'
import { bytesOf, type Peer } from './peer.ts'

export const peer: Peer = {
  claimsPowerSafety: true,
  // A put's own promise resolves at the commit, before the flush.
  how: 'await put(); await flushed',
  async open(directory) {
    const database = open({ path: join(directory, 'lmdb'), encoding: 'binary' })
    return {
      async append(id, vector) {
        await database.put(id, bytesOf(vector))
        await database.flushed
      },
      async appendBatch(ids, vectors) {
        await database.batch(() => {
          for (let i = 0; i < ids.length; i++) database.put(ids[i]!, bytesOf(vectors[i]!))
        })
        await database.flushed
      },
      close: () => database.close(),
    }
  },
}
