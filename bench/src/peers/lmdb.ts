import { join } from 'node:path'
import { open } from 'lmdb'
import { bytesWith, type Peer } from './peer.ts'

export const peer: Peer = {
  claimsPowerSafety: true,
  // A put's own promise resolves at the commit, before the flush.
  how: 'await put(); await flushed',
  async open(directory) {
    const database = open({ path: join(directory, 'lmdb'), encoding: 'binary' })
    return {
      async append(id, vector, metadata) {
        await database.put(id, bytesWith(vector, metadata))
        await database.flushed
      },
      async appendBatch(ids, vectors, metadata) {
        await database.batch(() => {
          for (let i = 0; i < ids.length; i++) database.put(ids[i]!, bytesWith(vectors[i]!, metadata?.[i]))
        })
        await database.flushed
      },
      close: () => database.close(),
    }
  },
}
