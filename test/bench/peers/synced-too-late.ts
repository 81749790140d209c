import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesOf, type Peer } from '../../../bench/src/peers/peer.ts'

/**
 * Claims power safety, and acknowledges before the sync, though there are as many syncs as appends.
 */
export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'write, and fdatasync of every second append twice',
  async open(directory) {
    const file = await open(join(directory, 'log'), 'a')
    let appends = 0
    return {
      async append(_id, vector) {
        await file.write(bytesOf(vector))
        if (appends++ % 2 === 0) return
        await file.datasync()
        await file.datasync()
      },
      close: () => file.close(),
    }
  },
}
