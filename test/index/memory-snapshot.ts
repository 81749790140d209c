import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import type { SnapshotReader } from '../../src/index/vector-index.ts'
import type { SnapshotWriter } from '../../src/log/log.ts'

/**
 * A snapshot folder in memory, as strict as the contract allows: it lets other work run between two
 * pieces, overwrites a piece once it is stored, and gives files back in short pieces of one reused
 * buffer.
 */
export class MemorySnapshot implements SnapshotWriter, SnapshotReader {
  readonly files: Map<string, Uint8Array> = new Map()
  readonly #readBytes: number
  readonly #betweenPieces: () => void
  /** Readers that have been asked for a piece and not yet told that no more are wanted. */
  openReaders = 0

  constructor(readBytes = 4093, betweenPieces: () => void = () => {}) {
    this.#readBytes = readBytes
    this.#betweenPieces = betweenPieces
  }

  async write(name: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const stored: Uint8Array[] = []
    for await (const piece of pieces) {
      assert.ok(piece.length <= 1024 * 1024, `a piece of ${piece.length} bytes`)
      await setImmediate()
      this.#betweenPieces()
      stored.push(new Uint8Array(piece))
      piece.fill(0xee)
    }
    this.files.set(name, new Uint8Array(Buffer.concat(stored)))
  }

  async *read(name: string): AsyncGenerator<Uint8Array> {
    const bytes = this.files.get(name)
    assert.ok(bytes, `no file ${name}`)
    const piece = new Uint8Array(this.#readBytes)
    this.openReaders++
    try {
      for (let from = 0; from < bytes.length; from += piece.length) {
        const part = bytes.subarray(from, from + piece.length)
        piece.set(part)
        yield piece.subarray(0, part.length)
        piece.fill(0xee)
      }
    } finally {
      this.openReaders--
    }
  }

  path(name: string): string {
    throw new Error(`a flat index writes no file itself: ${name}`)
  }
}
