import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesOf, type Peer } from '../../../bench/src/peers/peer.ts'

/** Claims power safety, and syncs something else. */
export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'write, and fsync of another directory',
  async open(directory) {
    const file = await open(join(directory, 'log'), 'a')
    const other = await open(tmpdir(), 'r')
    return {
      async append(_id, vector) {
        await file.write(bytesOf(vector))
        await other.sync()
      },
      async close() {
        await other.close()
        await file.close()
      },
    }
  },
}
