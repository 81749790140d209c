import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesOf, type Peer } from '../../../bench/src/peers/peer.ts'

/** Syncs every append. */
export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'write + fdatasync',
  async open(directory) {
    const file = await open(join(directory, 'log'), 'a')
    return {
      async append(_id, vector) {
        await file.write(bytesOf(vector))
        await file.datasync()
      },
      close: () => file.close(),
    }
  },
}
