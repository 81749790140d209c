/** The thread behind `hashInThread`: hashes a file that the process has open. */
import { createHash } from 'node:crypto'
import { readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import type { FileHash, FileToHash } from './hash-thread.ts'

const PIECE_BYTES = 1024 * 1024

function hashOf({ descriptor, length }: FileToHash): FileHash {
  const hash = createHash('sha256')
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
  let bytes = 0
  while (bytes < length) {
    const count = readSync(descriptor, piece, 0, Math.min(PIECE_BYTES, length - bytes), bytes)
    if (count === 0) break
    hash.update(piece.subarray(0, count))
    bytes += count
  }
  return { bytes, sha256: hash.digest('hex') }
}

parentPort!.postMessage(hashOf(workerData))
