import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesOf, type Peer } from '../../../bench/src/peers/peer.ts'

/** Claims power safety, and syncs only when it is opened and closed. */
export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'write',
  async open(directory) {
    const file = await open(join(directory, 'log'), 'a')
    await file.sync()
    return {
      append: (_id, vector) => file.write(bytesOf(vector)),
      async close() {
        await file.sync()
        await file.close()
      },
    }
  },
}
