import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { bytesOf, type OpenOptions, type Peer, type Store } from './peer.ts'
import { preallocate, writeAndSync } from './raw-file.ts'

const FILE_BYTES = 64 * 1024 * 1024

export const peer: Peer = {
  claimsPowerSafety: true,
  how: 'writeSync + fdatasyncSync on a preallocated file',
  async open(directory: string, { dimensions }: OpenOptions): Promise<Store> {
    const file = preallocate(join(directory, 'raw'), FILE_BYTES)
    const bytes = dimensions * 4
    let position = 0
    return {
      append(_id, vector) {
        if (position + bytes > FILE_BYTES) position = 0
        writeAndSync(file, bytesOf(vector), position)
        position += bytes
      },
      close: async () => closeSync(file),
    }
  },
}
