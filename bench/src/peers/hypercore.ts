import { join } from 'node:path'
import Hypercore from 'hypercore'
import { bytesOf, type Peer } from './peer.ts'

export const peer: Peer = {
  claimsPowerSafety: false,
  // It is told no ids: a block has its number.
  how: 'core.append()',
  async open(directory) {
    const core = new Hypercore(join(directory, 'core'))
    await core.ready()
    return {
      append: (_id, vector) => core.append(bytesOf(vector)),
      appendBatch: (_ids, vectors) => core.append(vectors.map(bytesOf)),
      close: () => core.close(),
    }
  },
}
