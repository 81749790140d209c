import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { bytesOf, type Peer } from './peer.ts'

const SYNC = { sync: true }

export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'put and batch with { sync: true }',
  async open(directory) {
    const database = new ClassicLevel<string, Buffer>(join(directory, 'level'), { valueEncoding: 'buffer' })
    await database.open()
    return {
      append: (id, vector) => database.put(id, bytesOf(vector), SYNC),
      appendBatch: (ids, vectors) =>
        database.batch(
          ids.map((key, i) => ({ type: 'put' as const, key, value: bytesOf(vectors[i]!) })),
          SYNC,
        ),
      close: () => database.close(),
    }
  },
}
