import { type ByteBuffer, byteBuffer } from '../../format/byte-buffer.ts'

/** What is read of a file at a time. */
export const WINDOW_BYTES: number = 1024 * 1024
/** A frame that straddles two pieces of the file may have so much in the first. */
export const STRADDLE_BYTES: number = 64 * 1024

const MEMORY_BYTES = STRADDLE_BYTES + WINDOW_BYTES
/** One reader has up to three. */
const MAX_KEPT = 4

/**
 * Shared by all readers of the process: for each to touch memory of its own, once for every segment
 * that is opened, would cost more than to read into it.
 */
const free: ByteBuffer[] = []

/** Memory for a window, of `bytes` or more. Its content is whatever was there. */
export function takeWindow(bytes: number): ByteBuffer {
  return bytes > MEMORY_BYTES ? byteBuffer(bytes) : (free.pop() ?? byteBuffer(MEMORY_BYTES))
}

/** Takes memory back that nobody reads into, and nobody looks at, any more. */
export function giveWindow(memory: ByteBuffer): void {
  if (memory.bytes.length === MEMORY_BYTES && free.length < MAX_KEPT) free.push(memory)
}
