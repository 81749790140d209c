import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { bytesOf, type OpenOptions, type Peer, type Store } from './peer.ts'
import { preallocate, writeAndSyncAsync } from './raw-file.ts'

const FILE_BYTES = 64 * 1024 * 1024

export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'fs.write + fs.fdatasync on a preallocated file',
  async open(directory: string, { dimensions }: OpenOptions): Promise<Store> {
    const file = preallocate(join(directory, 'raw'), FILE_BYTES)
    const bytes = dimensions * 4
    let position = 0
    return {
      append(_id, vector) {
        if (position + bytes > FILE_BYTES) position = 0
        const at = position
        position += bytes
        return writeAndSyncAsync(file, bytesOf(vector), at)
      },
      close: async () => closeSync(file),
    }
  },
}
