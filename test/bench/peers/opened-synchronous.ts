import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesOf, type Peer } from '../../../bench/src/peers/peer.ts'

/** Writes to a file that is open with O_DSYNC. */
export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'O_DSYNC',
  async open(directory) {
    const file = await open(
      join(directory, 'log'),
      constants.O_CREAT | constants.O_WRONLY | constants.O_DSYNC,
    )
    return {
      append: (_id, vector) => file.write(bytesOf(vector)),
      close: () => file.close(),
    }
  },
}
