import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/**
 * Where the numbers stand, of 8 bytes each, that the elements begin behind, and how long all of
 * this is.
 */
const COUNT_AT = 16
const ELEMENT_BYTES_AT = 24
const LABEL_OFFSET_AT = 32
const DATA_OFFSET_AT = 40
const HEADER_BYTES = 96

/** Between the last two offsets, places within an element, is its vector. */
export function dimensionsIn(path: string): number {
  return reading(path, (descriptor) => {
    const header = readAt(descriptor, 0, HEADER_BYTES)
    return (
      (numberAt(header, LABEL_OFFSET_AT) - numberAt(header, DATA_OFFSET_AT)) / Float32Array.BYTES_PER_ELEMENT
    )
  })
}

/**
 * Whether what follows the elements, the links of each, its length before it, ends where the file
 * does. What could not be written is missing there.
 */
export function isWhole(path: string): boolean {
  return reading(path, (descriptor) => {
    const header = readAt(descriptor, 0, HEADER_BYTES)
    const count = numberAt(header, COUNT_AT)
    const start = HEADER_BYTES + count * numberAt(header, ELEMENT_BYTES_AT)
    const { size } = fstatSync(descriptor)
    if (size < start + 4 * count) return false
    const links = readAt(descriptor, start, size - start)
    let at = 0
    for (let element = 0; element < count; element++) {
      if (at + 4 > links.length) return false
      at += 4 + links.readUInt32LE(at)
    }
    return at === links.length
  })
}

function reading<T>(path: string, use: (descriptor: number) => T): T {
  const descriptor = openSync(path, 'r')
  try {
    return use(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** What of these bytes is there; the rest is zeros. */
function readAt(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let done = 0; done < length; ) {
    const count = readSync(descriptor, bytes, done, length - done, position + done)
    if (count === 0) break
    done += count
  }
  return bytes
}

const numberAt = (bytes: Buffer, offset: number): number => Number(bytes.readBigUInt64LE(offset))
