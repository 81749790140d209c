/** Lines of a text file as bytes, in memory bounded by the longest line that is allowed. */
import { invalidFile, readChunks } from './file.ts'

/**
 * Longest line of a `.jsonl` file, in bytes: room for the longest vector and the longest metadata.
 */
export const MAX_LINE_BYTES: number = 32 * 1024 * 1024

export interface Line {
  /** Without the line feed. */
  readonly bytes: Buffer
  readonly offset: number
  /** Behind its line feed. */
  readonly endOffset: number
  /** From 1. */
  readonly number: number
}

const LINE_FEED = 0x0a

/** @throws WalError `WALV_INVALID_FILE` at a line longer than `MAX_LINE_BYTES`. */
export async function* readLines(file: string): AsyncGenerator<Line> {
  let pieces: Buffer[] = []
  let bytes = 0
  let offset = 0
  let number = 1
  for await (const chunk of readChunks(file)) {
    let position = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, position)) {
      pieces.push(chunk.subarray(position, end))
      const line = Buffer.concat(pieces)
      const endOffset = offset + line.length + 1
      yield { bytes: line, offset, endOffset, number }
      pieces = []
      bytes = 0
      position = end + 1
      offset = endOffset
      number++
    }
    pieces.push(chunk.subarray(position))
    bytes += chunk.length - position
    if (bytes > MAX_LINE_BYTES) {
      const what = `line ${number} is longer than ${MAX_LINE_BYTES} bytes`
      throw invalidFile(file, offset, what, 'Write one object a line.')
    }
  }
  if (bytes > 0) yield { bytes: Buffer.concat(pieces), offset, endOffset: offset + bytes, number }
}
