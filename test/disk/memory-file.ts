import type { DiskFile } from '../../src/disk/disk.ts'

type Read = DiskFile['read']
type Write = DiskFile['write']

const unexpected = async (): Promise<never> => {
  throw new Error('not expected to be called')
}

/**
 * A file in memory that moves as few bytes in one call as it is told, and remembers each call as
 * `name position+bytes`.
 */
export class MemoryFile implements DiskFile {
  readonly calls: string[] = []
  readonly content: Buffer
  readonly #most: number

  constructor(content: Buffer, most: number = Number.POSITIVE_INFINITY) {
    this.content = content
    this.#most = most
  }

  read: Read = async (buffer, position) => {
    this.calls.push(`read ${position}+${buffer.length}`)
    const length = Math.min(buffer.length, this.#most, Math.max(0, this.content.length - position))
    buffer.set(this.content.subarray(position, position + length))
    return length
  }

  write: Write = async (buffer, position) => {
    this.calls.push(`write ${position}+${buffer.length}`)
    const length = Math.min(buffer.length, this.#most)
    this.content.set(buffer.subarray(0, length), position)
    return length
  }

  size = async (): Promise<number> => this.content.length
  sync: () => Promise<never> = unexpected
  truncate: () => Promise<never> = unexpected
  close: () => Promise<never> = unexpected
}
