import { join } from 'node:path'
import rocksdb from 'rocksdb'
import { bytesOf, type Peer } from './peer.ts'

const SYNC = { sync: true }

function called(start: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => (error ? reject(error) : resolve())))
}

export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'put and batch with { sync: true }',
  async open(directory) {
    const database = rocksdb(join(directory, 'rocksdb'))
    await called((done) => database.open(done))
    return {
      append: (id, vector) => called((done) => database.put(id, bytesOf(vector), SYNC, done)),
      appendBatch(ids, vectors) {
        const puts = ids.map((key, i) => ({ type: 'put' as const, key, value: bytesOf(vectors[i]!) }))
        return called((done) => database.batch(puts, SYNC, done))
      },
      close: () => called((done) => database.close(done)),
    }
  },
}
