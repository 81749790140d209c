import { createReadStream } from 'node:fs'
import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SnapshotReader } from '../../index/vector-index.ts'
import type { SnapshotWriter } from '../../log/log.ts'

/** Prime, so that no border of a piece falls on one of a vector. */
const PIECE_BYTES = 4093

/**
 * A snapshot in a real folder, for engines that write files themselves too, and no kinder than the
 * contract: other work runs between two pieces, and files come back in short pieces of one buffer.
 */
export class SnapshotFolder implements SnapshotWriter, SnapshotReader {
  readonly directory: string
  /** Called before each piece is stored. */
  betweenPieces: () => void = () => {}

  private constructor(directory: string) {
    this.directory = directory
  }

  static async make(): Promise<SnapshotFolder> {
    return new SnapshotFolder(await mkdtemp(join(tmpdir(), 'walv-snapshot-')))
  }

  async write(name: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    const file = await open(this.path(name), 'wx')
    try {
      for await (const piece of pieces) {
        await file.writeFile(piece)
        this.betweenPieces()
      }
    } finally {
      await file.close()
    }
  }

  async *read(name: string): AsyncGenerator<Uint8Array, void, void> {
    const buffer = new Uint8Array(PIECE_BYTES)
    for await (const chunk of createReadStream(this.path(name), { highWaterMark: PIECE_BYTES })) {
      buffer.set(chunk)
      yield buffer.subarray(0, chunk.length)
    }
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  files(): Promise<string[]> {
    return readdir(this.directory)
  }

  /** Changes a file, or removes it. */
  async spoil(name: string, change: (content: Buffer) => Buffer | undefined): Promise<void> {
    const content = change(await readFile(this.path(name)))
    if (content) await writeFile(this.path(name), content)
    else await rm(this.path(name))
  }

  remove(): Promise<void> {
    return rm(this.directory, { recursive: true, force: true })
  }
}
